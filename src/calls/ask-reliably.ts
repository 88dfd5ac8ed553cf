/** Requests to a tenant's object that must arrive although it may restart at any time. */
import { isDatabaseTooNew } from '../protocol/database-too-new.ts';
import { logFailure } from '../protocol/log-line.ts';
import type { TenantApi } from '../protocol/tenant.ts';

export const MAX_TRIES = 6;
export const LONGEST_PAUSE_MS = 1_000;
const FIRST_PAUSE_MS = 50;

/**
 * Asks on a fresh stub each time, since one that threw may stay broken. Undefined where the object
 * cannot be reached; the expiry of leases and loans then frees the slots as a last resort.
 */
export async function reliably<T>(
  stub: () => TenantApi,
  act: (stub: TenantApi) => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    try {
      return await act(stub());
    } catch (error) {
      if (attempt === MAX_TRIES || isOverloaded(error) || isDatabaseTooNew(error)) {
        logFailure('report_lost', error);
        return undefined;
      }
      await pause(attempt);
    }
  }
  return undefined;
}

export function isOverloaded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'overloaded' in error && !!error.overloaded;
}

/** Full jitter, so that callers that are cut off together do not retry together. */
export function pause(attempt: number): Promise<void> {
  const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceilingMs));
}
