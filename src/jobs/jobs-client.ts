/**
 * The Worker's client of a tenant's jobs object. The Worker chooses the ids of what it creates, so
 * that requests can be repeated.
 */
import { askObject } from '../objects/ask-object.ts';
import type { JobsApi } from '../protocol/jobs.ts';

/** Asks the jobs object, with retries. Throws Unreachable; any other error is a bug. */
export function askJobs<T>(
  env: Env,
  tenant: string,
  ask: (jobs: JobsApi) => Promise<T>,
): Promise<T> {
  // A new stub for each attempt: one that threw may stay broken. RPC's generated types wrap every
  // result; what passes is plain data.
  return askObject(() => ask(env.JOBS.getByName(tenant) as unknown as JobsApi));
}

/** Deletes all jobs, batches and files of a tenant. */
export function forgetJobs(env: Env, tenant: string): Promise<void> {
  return askJobs(env, tenant, (jobs) => jobs.destroy());
}

/** Deletes a job: one that has not ended is cancelled by the first request, and deleted by the second. */
export async function dropWhole(env: Env, tenant: string, id: string): Promise<void> {
  const dropped = await askJobs(env, tenant, (jobs) => jobs.dropJob(id));
  if (dropped && !dropped.deleted) await askJobs(env, tenant, (jobs) => jobs.dropJob(id));
}
