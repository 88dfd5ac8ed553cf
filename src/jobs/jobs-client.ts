/**
 * The Worker's way to a tenant's jobs' object. Everything can be asked again: what creates has its id
 * from here, so an object that was restarted in between does nothing twice.
 */
import type { JobsApi } from './job-protocol.ts';

const MAX_TRIES = 3;

/** Asks the object; throws where it cannot be reached, or is overloaded. */
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
      if (attempt === MAX_TRIES) throw error;
    }
  }
}

/** Forgets all jobs, batches and files of a tenant. */
export function forgetJobs(env: Env, tenant: string): Promise<void> {
  return askJobs(env, tenant, (jobs) => jobs.destroy());
}
