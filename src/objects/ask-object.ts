/**
 * A Worker's questions to an object. All of them can be asked again: an object that was restarted in
 * between does nothing twice. What needs a slot is not asked here but in admission.ts.
 */
import type { TenantApi } from '../protocol/tenant.ts';

const MAX_TRIES = 3;
const UNREACHABLE = 'unreachable';

/**
 * What the dispatcher needs does not answer: an object that was restarted each time that it was asked,
 * has too much to do or cannot store; or the configuration. Clients are told to ask again.
 */
export class Unreachable extends Error {
  /** It is known by this where it comes from another object. */
  readonly code = UNREACHABLE;
}

/** Asks once or a few times, each time anew. Throws Unreachable; any other error is a bug. */
export async function askObject<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const passes = passingOf(error);
      if (passes === 'no') throw error;
      if (passes === 'later' || attempt === MAX_TRIES) throw new Unreachable(String(error));
    }
  }
}

/** A fresh stub of a tenant's object. RPC's generated types wrap every result; what passes is plain data. */
export function tenantStub(env: Env, tenant: string): TenantApi {
  return env.TENANT.getByName(tenant) as unknown as TenantApi;
}

/** Asks the object of a tenant. */
export function askTenant<T>(
  env: Env,
  tenant: string,
  ask: (stub: TenantApi) => Promise<T>,
): Promise<T> {
  // A fresh stub each time: one that threw may stay broken.
  return askObject(() => ask(tenantStub(env, tenant)));
}

/** Whether another try may do better, by what the runtime says of the error. */
function passingOf(error: unknown): 'now' | 'later' | 'no' {
  if (typeof error !== 'object' || error === null) return 'no';
  if ('overloaded' in error && error.overloaded) return 'later';
  if ('code' in error && error.code === UNREACHABLE) return 'later';
  const isPassing =
    ('retryable' in error && error.retryable) ||
    ('durableObjectReset' in error && error.durableObjectReset);
  return isPassing ? 'now' : 'no';
}
