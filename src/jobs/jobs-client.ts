/**
 * The Worker's way to a tenant's jobs' object. What creates has its id from here, so that it can be
 * asked again.
 */
import { askObject } from '../objects/ask-object.ts';
import type { JobsApi } from '../protocol/jobs.ts';

/** Asks the object. Throws Unreachable; any other error is a bug. */
export function askJobs<T>(
  env: Env,
  tenant: string,
  ask: (jobs: JobsApi) => Promise<T>,
): Promise<T> {
  // A fresh stub each time: one that threw may stay broken. RPC's own types are of promises of
  // promises; what passes is plain data.
  return askObject(() => ask(env.JOBS.getByName(tenant) as unknown as JobsApi));
}

/** Forgets all jobs, batches and files of a tenant. */
export function forgetJobs(env: Env, tenant: string): Promise<void> {
  return askJobs(env, tenant, (jobs) => jobs.destroy());
}
