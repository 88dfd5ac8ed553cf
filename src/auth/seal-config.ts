/**
 * The keys in a configuration on its way in: what stands there as it is becomes sealed, what is sealed
 * must open for its place, and is sealed anew where an older master key did it. Nothing that leaves
 * this file has a key in it that can be read.
 */
import type { Problem } from '../http/problem.ts';
import { isSealedAnew, type SealedFor, seal, unseal } from './sealed-key.ts';

type Json = Record<string, unknown>;

export interface SealedConfig {
  readonly config: Json;
  readonly problems: readonly Problem[];
}

/** `config` as it was put, its form checked already. */
export async function sealKeys(
  config: object,
  tenant: string,
  masterKey: string | undefined,
): Promise<SealedConfig> {
  const copy = withOwnAuths(config);
  const problems: Problem[] = [];
  for (const { auth, place, param } of keysIn(copy, tenant)) {
    const { value, sealed } = auth;
    const key =
      typeof sealed === 'string' ? await unseal(masterKey, sealed, place) : (value as string);
    if (key === undefined) {
      const message =
        'it was sealed for another place, or its master key is gone: put "value" again';
      problems.push({ param: `${param}.sealed`, message });
      continue;
    }
    if (typeof sealed === 'string' && (await isSealedAnew(masterKey, sealed))) continue;
    const fresh = await seal(masterKey, key, place);
    delete auth.value;
    if (fresh === undefined) {
      const message = 'expected a Worker secret MASTER_KEY to seal it with, or "secret" instead';
      problems.push({ param: `${param}.value`, message });
    } else auth.sealed = fresh;
  }
  return { config: copy, problems };
}

/** Where an exported configuration had a key that was left out. */
export const LEFT_OUT = null;

/** The same configuration for another place: keys that were sealed for this one are left out. */
export function withoutKeys(config: Json): Json {
  const { keys: _, ...rest } = withOwnAuths(config);
  for (const { auth } of keysIn(rest, '')) {
    delete auth.sealed;
    auth.value = LEFT_OUT;
  }
  return rest;
}

/** Puts the keys that a tenant has into a configuration that was exported without them. */
export function withKeysOf(config: Json, present: Json): Json {
  const copy = withOwnAuths(config);
  const known = new Map([...keysIn(present, '')].map((k) => [nameOf(k), k.auth.sealed]));
  for (const found of keysIn(copy, '')) {
    const sealed = known.get(nameOf(found));
    if (found.auth.value !== LEFT_OUT || sealed === undefined) continue;
    delete found.auth.value;
    found.auth.sealed = sealed;
  }
  return copy;
}

function nameOf({ place, endpoint }: Found): string {
  return JSON.stringify([place.backend, endpoint]);
}

interface Found {
  readonly auth: Json;
  readonly place: SealedFor;
  /** The endpoint's name in its backend. */
  readonly endpoint: string;
  readonly param: string;
}

/** A copy whose `auth`s may be changed. All else is shared: what is deep stays untouched. */
function withOwnAuths(config: object): Json {
  const copy: Json = { ...config };
  const { backends } = copy;
  if (typeof backends !== 'object' || backends === null) return copy;
  const copies = Object.entries(backends).map(([name, b]) => {
    const { endpoints } = asObject(b);
    if (!Array.isArray(endpoints)) return [name, b];
    const own = endpoints.map((e) => {
      const { auth } = asObject(e);
      return typeof auth === 'object' && auth !== null ? { ...e, auth: { ...auth } } : e;
    });
    return [name, { ...b, endpoints: own }];
  });
  return { ...copy, backends: Object.fromEntries(copies) };
}

function* keysIn(config: Json, tenant: string): Iterable<Found> {
  for (const [backend, b] of Object.entries(asObject(config.backends))) {
    const { endpoints } = asObject(b);
    if (!Array.isArray(endpoints)) continue;
    for (const [i, e] of endpoints.entries()) {
      const { name, url, statusUrl, auth } = asObject(e);
      if (typeof auth !== 'object' || auth === null || typeof url !== 'string') continue;
      if (!('value' in auth) && !('sealed' in auth)) continue;
      const status = typeof statusUrl === 'string' ? { statusUrl } : {};
      const place = { tenant, backend, url, ...status };
      const endpoint = typeof name === 'string' ? name : url;
      const param = `backends.${backend}.endpoints[${i}].auth`;
      yield { auth: auth as Json, place, endpoint, param };
    }
  }
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
