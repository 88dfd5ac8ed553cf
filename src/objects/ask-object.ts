/**
 * Requests of the Worker to Durable Objects, with retries. All of them are idempotent: an object
 * that was restarted in between does nothing twice. Calls that need a slot go through
 * ../calls/admission.ts instead.
 */
import { isDatabaseTooNew } from '../protocol/database-too-new.ts';
import type { TenantApi } from '../protocol/tenant.ts';

const MAX_TRIES = 3;
const UNREACHABLE = 'unreachable';

/**
 * Something that the dispatcher needs does not answer: an object that was restarted at every
 * attempt, is overloaded or cannot store, or the configuration. Clients are told to retry.
 */
export class Unreachable extends Error {
  /** Identifies the error also where it comes from another object. */
  readonly code = UNREACHABLE;
}

/** Asks up to three times, where the error is transient. Throws Unreachable; others are bugs. */
export async function askObject<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const retry = retryOf(error);
      if (retry === 'no') throw error;
      if (retry === 'later' || attempt === MAX_TRIES) throw new Unreachable(String(error));
    }
  }
}

/**
 * A new stub of a tenant's object. The cast is needed because RPC's generated types wrap every
 * result; what passes is plain data.
 */
export function tenantStub(env: Env, tenant: string): TenantApi {
  return env.TENANT.getByName(tenant) as unknown as TenantApi;
}

/** Asks the object of a tenant. Throws as `askObject`. */
export function askTenant<T>(
  env: Env,
  tenant: string,
  ask: (stub: TenantApi) => Promise<T>,
): Promise<T> {
  // A new stub for each attempt: one that threw may stay broken.
  return askObject(() => ask(tenantStub(env, tenant)));
}

/** By the runtime's flags: retry now, have the client retry later, or do not retry. */
function retryOf(error: unknown): 'now' | 'later' | 'no' {
  if (typeof error !== 'object' || error === null) return 'no';
  if ('overloaded' in error && error.overloaded) return 'later';
  if (isDatabaseTooNew(error)) return 'no';
  // During a deploy the object may be of an older version than its caller.
  if (/RPC receiver does not implement/.test(String(error))) return 'later';
  if ('code' in error && error.code === UNREACHABLE) return 'later';
  const isTransient =
    ('retryable' in error && error.retryable) ||
    ('durableObjectReset' in error && error.durableObjectReset);
  return isTransient ? 'now' : 'no';
}
