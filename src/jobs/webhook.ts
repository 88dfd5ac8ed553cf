/**
 * Webhooks as Standard Webhooks has them: an id that stays the same over all tries, a timestamp, and
 * an HMAC-SHA256 over both and the body.
 */
import { endpointUrlProblem, type UrlRules } from '../config/endpoint-url.ts';

const PATIENCE_MS = 10_000;
const PREFIX = 'whsec_';
const MIN_SECRET_BYTES = 16;
const MAX_SECRET_BYTES = 64;

export interface Message {
  readonly id: string;
  /** Epoch seconds, of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/** The key that a secret (base64, with or without `whsec_`) stands for; undefined where it is none. */
export function keyOfSecret(secret: string): Uint8Array<ArrayBuffer> | undefined {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  let decoded: string;
  try {
    decoded = atob(text);
  } catch {
    return undefined;
  }
  const key = Uint8Array.from(decoded, (char) => char.charCodeAt(0));
  return key.length >= MIN_SECRET_BYTES && key.length <= MAX_SECRET_BYTES ? key : undefined;
}

export async function signedHeaders(
  { id, timestamp, body }: Message,
  secret: Uint8Array<ArrayBuffer>,
): Promise<Record<string, string>> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, signed));
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${btoa(String.fromCharCode(...mac))}`,
  };
}

/** Sends it once; true where it was taken (2xx). Redirects are not followed; never throws. */
export async function deliver(
  url: string,
  message: Message,
  secret: Uint8Array<ArrayBuffer>,
  rules: UrlRules,
): Promise<boolean> {
  // Also here: what was allowed when the job was ordered need not be any more.
  if (endpointUrlProblem(url, rules) !== undefined) return false;
  const late = new AbortController();
  // Cleared afterwards: a timer that still runs would keep the object awake.
  const timer = setTimeout(() => late.abort(), PATIENCE_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: await signedHeaders(message, secret),
      body: message.body,
      redirect: 'manual',
      signal: late.signal,
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
