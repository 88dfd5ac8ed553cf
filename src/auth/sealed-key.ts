/**
 * Seals and opens an endpoint's key as it is stored: encrypted with AES-256-GCM under a master key
 * that is a Worker secret. The place that it is sealed for (tenant, backend, host) is authenticated
 * with it, so that whoever can write to storage can neither read the key nor have it sent
 * elsewhere. The keys of a whole configuration are sealed in `seal-config.ts`.
 *
 * `MASTER_KEY` contains one or more keys of 32 bytes in Base64, separated by commas: the first
 * seals, every one opens. The id of a key is the beginning of its SHA-256, so a change of keys
 * needs no numbering.
 */

import { fromBase64 } from '../http/base64.ts';
import { ENCODER } from '../http/encoder.ts';
import { logError } from '../protocol/log.ts';

/** The place where a key is used; only the origins of the URLs count. */
export interface SealedFor {
  readonly tenant: string;
  readonly backend: string;
  readonly url: string;
  readonly statusUrl?: string | undefined;
}

interface MasterKey {
  readonly id: string;
  readonly key: CryptoKey;
}

const VERSION = 'v1';
const IV_BYTES = 12;
const KEY_BYTES = 32;
const MAX_REMEMBERED = 1_000;

const rings = new Map<string, Promise<readonly MasterKey[]>>();
/** Keys that this isolate has opened, so that not every call pays for the decryption. */
const opened = new Map<string, string>();

/** Encrypts a key for a place; undefined where there is no usable master key. */
export async function seal(
  masterKey: string | undefined,
  key: string,
  place: SealedFor,
): Promise<string | undefined> {
  const [master] = await keysIn(masterKey);
  if (!master) return undefined;
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const encrypted = new Uint8Array(
    await crypto.subtle.encrypt(algorithm(iv, place), master.key, ENCODER.encode(key)),
  );
  const bytes = new Uint8Array([...iv, ...encrypted]);
  return `${VERSION}.${master.id}.${toBase64Url(bytes)}`;
}

/**
 * Decrypts a key; undefined where no master key opens it for this place: it was moved or changed,
 * or the master key is gone.
 */
export async function unseal(
  masterKey: string | undefined,
  sealed: string,
  place: SealedFor,
): Promise<string | undefined> {
  const cacheKey = `${masterKey}\n${new TextDecoder().decode(placeBytes(place))}\n${sealed}`;
  const cachedKey = opened.get(cacheKey);
  if (cachedKey !== undefined) return cachedKey;
  const [version, id, text = ''] = sealed.split('.');
  const master = (await keysIn(masterKey)).find((k) => k.id === id);
  const bytes = fromBase64(text);
  if (version !== VERSION || !master || !bytes || bytes.length <= IV_BYTES) return undefined;
  const iv = bytes.subarray(0, IV_BYTES);
  try {
    const plain = await crypto.subtle.decrypt(
      algorithm(iv, place),
      master.key,
      bytes.subarray(IV_BYTES),
    );
    const key = new TextDecoder().decode(plain);
    if (opened.size >= MAX_REMEMBERED) opened.clear();
    opened.set(cacheKey, key);
    return key;
  } catch {
    return undefined;
  }
}

/** True where the key was sealed with the master key that seals now. */
export async function isSealedAnew(
  masterKey: string | undefined,
  sealed: string,
): Promise<boolean> {
  const [master] = await keysIn(masterKey);
  return sealed.split('.')[1] === master?.id;
}

function keysIn(masterKey: string | undefined): Promise<readonly MasterKey[]> {
  if (!masterKey) return Promise.resolve([]);
  let ring = rings.get(masterKey);
  if (!ring) {
    ring = importKeys(masterKey);
    rings.clear();
    rings.set(masterKey, ring);
  }
  return ring;
}

async function importKeys(masterKey: string): Promise<readonly MasterKey[]> {
  const keys: MasterKey[] = [];
  for (const text of masterKey.split(',')) {
    const bytes = fromBase64(text.trim());
    if (bytes?.length !== KEY_BYTES) {
      logError({ event: 'bad_master_key', expected: '32 bytes in Base64' });
      continue;
    }
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const id = toBase64Url(digest.subarray(0, 6));
    const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, [
      'encrypt',
      'decrypt',
    ]);
    keys.push({ id, key });
  }
  return keys;
}

function algorithm(iv: Uint8Array<ArrayBuffer>, place: SealedFor) {
  return { name: 'AES-GCM', iv, additionalData: placeBytes(place) };
}

function placeBytes({ tenant, backend, url, statusUrl }: SealedFor): Uint8Array<ArrayBuffer> {
  const hosts = [url, statusUrl].map((u) => (u === undefined ? '' : new URL(u).origin));
  const text = JSON.stringify([VERSION, tenant, backend, ...hosts]);
  return new Uint8Array(ENCODER.encode(text));
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
