/**
 * Asynchronous jobs: a call that is ordered now and made when a slot is free; its answer is fetched
 * later. Batches of jobs are in `batches.ts`.
 */
import type { Context } from 'hono';
import * as z from 'zod/mini';
import type { AppEnv } from '../auth/app-env.ts';
import { chargeRequest, refuseRevokedKey } from '../auth/live-key.ts';
import { withBody } from '../calls/client-body.ts';
import { errorResponse, invalidRequest } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { Hono } from '../http/hono.ts';
import { sha256Hex } from '../http/sha256.ts';
import { mostOrderBytes, readJobOrder } from '../jobs/job-order.ts';
import { jobText, jobView } from '../jobs/job-view.ts';
import { askJobs, dropWhole } from '../jobs/jobs-client.ts';
import { noRoomError } from '../jobs/no-room.ts';
import { orderProblem } from '../jobs/order-problem.ts';
import { listView, pageFields, readQuery } from '../jobs/page-query.ts';
import { type NewJob, randomId } from '../protocol/jobs.ts';

const STATES = ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired'] as const;

export const jobListQuery = z.object({
  ...pageFields(20, 100),
  status: z.optional(z.enum(STATES)),
});

export const jobs = new Hono<AppEnv>()
  .post('/', chargeRequest, order)
  .use(refuseRevokedKey)
  .get('/', async (c) => {
    const read = readQuery(jobListQuery, c.req.query());
    if (!read.ok) return errorResponse(read.error);
    const { after, limit, status } = read.query;
    const page = { limit, ...given({ after }) };
    const { items, more } = await askJobs(c.env, c.get('tenant').tenant, (object) =>
      object.listJobs(page, status),
    );
    return c.json(
      listView(
        items.map((job) => jobView(job)),
        more,
      ),
    );
  })
  .get('/:id', async (c) => {
    const id = c.req.param('id');
    const found = await askJobs(c.env, c.get('tenant').tenant, (object) => object.job(id));
    if (!found) return errorResponse({ code: 'job_not_found' });
    const text = jobText(found.job, found.body);
    return c.body(text, 200, { 'content-type': 'application/json' });
  })
  .delete('/:id', async (c) => {
    const id = c.req.param('id');
    const found = await askJobs(c.env, c.get('tenant').tenant, (object) => object.dropJob(id));
    if (!found) return errorResponse({ code: 'job_not_found' });
    return c.json({ ...jobView(found.job), deleted: found.deleted });
  });

function order(c: Context<AppEnv>): Promise<Response> {
  const most = mostOrderBytes(c.get('tenant').config.jobs);
  return withBody(c, most, ({ bytes }) => keepOrder(c, bytes));
}

async function keepOrder(c: Context<AppEnv>, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const { tenant, config } = c.get('tenant');
  const settings = config.jobs;
  const development = c.env.ENVIRONMENT === 'development';
  const bindings: Record<string, unknown> = { ...c.env };
  const signs = typeof bindings[settings.webhookSecret ?? ''] === 'string';
  const read = readJobOrder(body, { settings, bounds: config.limits.body, development, signs });
  if (!read.ok) return errorResponse(read.error);
  const { idempotencyKey, deadlineMs, webhook, ...call } = read.order;
  const key = c.req.header('idempotency-key') ?? idempotencyKey;
  if (key !== undefined && !/^[\x20-\x7e]{1,255}$/.test(key)) {
    const message = 'Expected 1 to 255 printable ASCII characters.';
    return invalidRequest({ param: 'idempotency-key', message });
  }
  const problem = orderProblem(call, config);
  if (problem && key === undefined) return errorResponse(problem);
  const now = Date.now();
  const job: NewJob = {
    ...call,
    id: randomId('job_', now),
    keyId: c.get('keyId'),
    keyHash: c.get('keyHash'),
    createdAt: now,
    deadlineAt: now + (deadlineMs ?? settings.maxAgeMs),
    ownDeadline: deadlineMs !== undefined,
    ...(key === undefined ? {} : { once: { key, print: await sha256Hex(body) } }),
    // Nobody is told of one that is not taken.
    ...(problem ? { impossible: true } : given({ webhook })),
  };
  const created = await askJobs(c.env, tenant, (object) => object.createJob(job));
  switch (created.status) {
    case 'conflict':
      return errorResponse({ code: 'idempotency_key_conflict', param: 'idempotency-key' });
    case 'impossible':
      return errorResponse(problem ?? { code: 'internal_error' });
    case 'full':
      return errorResponse(noRoomError(created.exceeded));
    default: {
      if (problem && created.status === 'created') {
        // An object of an earlier version does not know `impossible`, and has taken the order.
        await dropWhole(c.env, tenant, job.id);
        return errorResponse(problem);
      }
      const replayed = created.status === 'replay' ? { 'idempotent-replayed': 'true' } : {};
      const headers = { location: `/v1/jobs/${created.job.id}`, ...replayed };
      return c.json(jobView(created.job), 202, headers);
    }
  }
}
