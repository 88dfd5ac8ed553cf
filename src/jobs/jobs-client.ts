/**
 * The Worker's way to a tenant's jobs' object. Everything can be asked again: what creates has its id
 * from here, so an object that was restarted in between does nothing twice.
 */
import type { JobsApi } from './job-protocol.ts';

const MAX_TRIES = 3;

/** The object was restarted each time that it was asked, or has too much to do. */
export class JobsUnreachable extends Error {}

/** Asks the object. Throws JobsUnreachable; any other error is a bug. */
export async function askJobs<T>(
  env: Env,
  tenant: string,
  act: (jobs: JobsApi) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // A fresh stub each time: one that threw may stay broken. RPC's own types are of promises of
      // promises; what passes is plain data.
      return await act(env.JOBS.getByName(tenant) as unknown as JobsApi);
    } catch (error) {
      const passes = passingOf(error);
      if (passes === 'no') throw error;
      if (passes === 'later' || attempt === MAX_TRIES) throw new JobsUnreachable(String(error));
    }
  }
}

/** Whether another try may do better, by what the runtime says of the error. */
function passingOf(error: unknown): 'now' | 'later' | 'no' {
  if (typeof error !== 'object' || error === null) return 'no';
  if ('overloaded' in error && error.overloaded) return 'later';
  const isPassing =
    ('retryable' in error && error.retryable) ||
    ('durableObjectReset' in error && error.durableObjectReset);
  return isPassing ? 'now' : 'no';
}

/** Forgets all jobs, batches and files of a tenant. */
export function forgetJobs(env: Env, tenant: string): Promise<void> {
  return askJobs(env, tenant, (jobs) => jobs.destroy());
}
