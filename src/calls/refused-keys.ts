/**
 * Remembers for a moment which API keys the tenant's object has just refused for their rate: their
 * next long body is refused before it is read.
 */
import { failure } from '../http/errors.ts';

/** Longest time for which a refusal is believed, ms: the limits may have been raised meanwhile. */
const MOST_MS = 5_000;
/** Most keys that are remembered; the oldest is forgotten. */
const MAX_KEYS = 1_000;

const until = new Map<string, number>();

/** `owner`: tenant and key. */
export function rememberRefused(owner: string, retryAfterMs: number): void {
  until.delete(owner);
  until.set(owner, Date.now() + Math.min(MOST_MS, retryAfterMs));
  if (until.size <= MAX_KEYS) return;
  const [oldest] = until.keys();
  if (oldest !== undefined) until.delete(oldest);
}

/** The refusal of a key that has no rate left; undefined where that is not known. */
export function refusedUntil(owner: string): ReturnType<typeof failure> | undefined {
  const at = until.get(owner);
  if (at === undefined) return undefined;
  const retryAfterMs = at - Date.now();
  if (retryAfterMs > 0) return failure('rate_limit_exceeded', { retryAfterMs });
  until.delete(owner);
  return undefined;
}
