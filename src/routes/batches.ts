/**
 * OpenAI's Batch API, on top of jobs: each line of an input file is a job. Files are in `files.ts`,
 * single jobs in `jobs.ts`.
 */
import * as z from 'zod/mini';
import type { AppEnv } from '../auth/app-env.ts';
import { chargeRequest, refuseRevokedKey } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { Hono } from '../http/hono.ts';
import { readText } from '../http/read-body.ts';
import { readBatchOrder } from '../jobs/batch-order.ts';
import { batchView } from '../jobs/job-view.ts';
import { askJobs } from '../jobs/jobs-client.ts';
import { noRoomError } from '../jobs/no-room.ts';
import { listView, pageFields, readQuery } from '../jobs/page-query.ts';
import { randomId } from '../protocol/jobs.ts';

const MAX_BODY_BYTES = 65_536;

export const batchListQuery = z.object(pageFields(20, 100));

export const batches = new Hono<AppEnv>()
  .post('/', chargeRequest, async (c) => {
    const body = await readText(c.req.raw, {
      maxBytes: MAX_BODY_BYTES,
      pace: c.get('tenant').config.limits.body,
    });
    if (!body.ok) return errorResponse(body.error);
    const read = readBatchOrder(body.text);
    if (!read.ok) return errorResponse(read.error);
    const owner = { keyId: c.get('keyId'), keyHash: c.get('keyHash') };
    const batch = { ...read.order, id: randomId('batch_'), ...owner };
    const ordered = await askJobs(c.env, c.get('tenant').tenant, (o) => o.orderBatch(batch));
    if (ordered.status === 'ordered') return c.json(batchView(ordered.batch));
    if (ordered.status === 'full') return errorResponse(noRoomError(ordered.exceeded));
    const message = `There is no input file "${batch.inputFile}".`;
    return errorResponse({ code: 'file_not_found', param: 'input_file_id', message });
  })
  .use(refuseRevokedKey)
  .get('/', async (c) => {
    const read = readQuery(batchListQuery, c.req.query());
    if (!read.ok) return errorResponse(read.error);
    const { after, limit } = read.query;
    const page = { limit, ...given({ after }) };
    const { items, more } = await askJobs(c.env, c.get('tenant').tenant, (o) =>
      o.listBatches(page),
    );
    return c.json(listView(items.map(batchView), more));
  })
  .get('/:id', async (c) => {
    const id = c.req.param('id');
    const batch = await askJobs(c.env, c.get('tenant').tenant, (o) => o.batch(id));
    return batch ? c.json(batchView(batch)) : errorResponse({ code: 'batch_not_found' });
  })
  .post('/:id/cancel', async (c) => {
    const id = c.req.param('id');
    const result = await askJobs(c.env, c.get('tenant').tenant, (o) => o.cancelBatch(id));
    if (!result) return errorResponse({ code: 'batch_not_found' });
    if (result.cancelled) return c.json(batchView(result.batch));
    const message = `A batch that is ${result.batch.state} cannot be cancelled.`;
    return errorResponse({ code: 'batch_ended', message });
  });
