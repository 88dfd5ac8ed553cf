/** The work on a tenant's jobs when the tenant is deleted during it. */
import { expect, it } from 'vitest';
import type { JobStores } from '../../../../durable-objects/jobs/job-stores.ts';
import { JobWork, type JobWorld } from '../../../../durable-objects/jobs/job-work.ts';
import { jobSettings } from '../../../../src/config/job-settings.ts';

it('work that is abandoned while it waits for its settings changes nothing afterwards', async () => {
  const touched: PropertyKey[] = [];
  let isAbandoned = false;
  const stores = new Proxy({} as JobStores, {
    get: (_, name) => {
      if (isAbandoned) touched.push(name);
      return {};
    },
  });
  const asked = Promise.withResolvers<Awaited<ReturnType<JobWorld['settings']>>>();
  const armed: number[] = [];
  const tasks: Array<Promise<void>> = [];
  const work = new JobWork(stores, {
    tenant: 't',
    runner: { fetch: async () => new Response() },
    env: {},
    settings: () => asked.promise,
    background: (task) => void tasks.push(task),
    figures: { ended: () => {}, retried: () => {} },
    turned: () => touched.push('turned'),
    arm: async (at) => void armed.push(at),
  });
  work.kick();
  work.abandon();
  isAbandoned = true;
  asked.resolve(jobSettings.parse({}));
  await Promise.all(tasks);
  work.kick();
  await Promise.all(tasks);
  expect({ touched, armed }).toEqual({ touched: [], armed: [] });
});
