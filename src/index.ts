/**
 * The entry points of the Worker (requests, cron, the job runner) and its Durable Object classes.
 * Requests are routed in app.ts.
 */

import { app } from './app.ts';
import { runCron } from './cron.ts';
import { logEvent } from './protocol/log.ts';

export { TenantDirectory } from '../durable-objects/directory/directory.ts';
export { ForecastRound } from '../durable-objects/directory/forecast-round.ts';
export { IdempotencyShard } from '../durable-objects/idempotency.ts';
export { JobsObject } from '../durable-objects/jobs/jobs.ts';
export { KeyRegister } from '../durable-objects/key-register.ts';
export { MetricsShard } from '../durable-objects/metrics-shard.ts';
export { TenantObject } from '../durable-objects/tenant/tenant.ts';

export { JobRunner } from './job-runner.ts';

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    const report = await runCron(env, controller.scheduledTime);
    logEvent({ event: 'cron', ...report });
  },
} satisfies ExportedHandler<Env>;
