/**
 * Webhooks in the format of Standard Webhooks: an id that is the same for all deliveries of an
 * event, a timestamp, and an HMAC-SHA256 over both and the body. When to deliver is decided in
 * durable-objects/jobs/job-webhooks.ts.
 */

import { endpointUrlProblem, type UrlRules } from '../config/endpoint-url.ts';
import { ENCODER } from '../http/encoder.ts';

/** Time after which a delivery is aborted, ms. */
export const DELIVERY_PATIENCE_MS = 10_000;
const PREFIX = 'whsec_';
const MIN_SECRET_BYTES = 16;
const MAX_SECRET_BYTES = 64;

export interface Message {
  readonly id: string;
  /** Epoch seconds of this delivery. */
  readonly timestamp: number;
  readonly body: string;
}

/** The key in a secret (base64, with or without `whsec_`); undefined where it is not valid. */
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

/** The headers of a delivery, its signature included. */
export async function signedHeaders(
  { id, timestamp, body }: Message,
  secret: Uint8Array<ArrayBuffer>,
): Promise<Record<string, string>> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
  const signed = ENCODER.encode(`${id}.${timestamp}.${body}`);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, signed));
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${btoa(String.fromCharCode(...mac))}`,
  };
}

/** Delivers once; true for a 2xx answer. Does not follow redirects, and never throws. */
export async function deliver(
  url: string,
  message: Message,
  secret: Uint8Array<ArrayBuffer>,
  rules: UrlRules,
): Promise<boolean> {
  // Checked again: the rules may have changed since the job was created.
  if (endpointUrlProblem(url, rules) !== undefined) return false;
  const timeout = new AbortController();
  // Cleared afterwards: a pending timer would keep the object in memory.
  const timer = setTimeout(() => timeout.abort(), DELIVERY_PATIENCE_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: await signedHeaders(message, secret),
      body: message.body,
      redirect: 'manual',
      signal: timeout.signal,
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
