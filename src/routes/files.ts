/**
 * Files of OpenAI's Batch API: input that clients upload, output that batches write. Batches are in
 * `batches.ts`.
 */
import type { Context } from 'hono';
import * as z from 'zod/mini';
import type { AppEnv } from '../auth/app-env.ts';
import { chargeRequest, refuseRevokedKey } from '../auth/live-key.ts';
import { withBody } from '../calls/client-body.ts';
import { errorResponse } from '../http/errors.ts';
import { textUpTo } from '../http/field-schemas.ts';
import { given } from '../http/given.ts';
import { Hono } from '../http/hono.ts';
import { readUpload } from '../jobs/file-upload.ts';
import { fileView } from '../jobs/job-view.ts';
import { askJobs } from '../jobs/jobs-client.ts';
import { noRoomError } from '../jobs/no-room.ts';
import { listView, pageFields, readQuery } from '../jobs/page-query.ts';
import { type JobsApi, PIECE_BYTES, randomId } from '../protocol/jobs.ts';

/** Allowance for what a form contains around its file, bytes. */
const FORM_BYTES = 16_384;

export const fileListQuery = z.object({
  ...pageFields(1_000, 10_000),
  purpose: z.optional(textUpTo(64)),
  order: z._default(z.enum(['asc', 'desc']), 'desc'),
});

export const files = new Hono<AppEnv>()
  .post('/', chargeRequest, upload)
  .use(refuseRevokedKey)
  .get('/', async (c) => {
    const read = readQuery(fileListQuery, c.req.query());
    if (!read.ok) return errorResponse(read.error);
    const { after, limit, purpose, order } = read.query;
    const page = { limit, ...given({ after }) };
    const filter = { ascending: order === 'asc', ...given({ purpose }) };
    const { items, more } = await ask(c, (object) => object.listFiles(page, filter));
    return c.json(listView(items.map(fileView), more));
  })
  .get('/:id', async (c) => {
    const file = await ask(c, (object) => object.file(c.req.param('id')));
    return file ? c.json(fileView(file)) : notFound();
  })
  .delete('/:id', async (c) => {
    const id = c.req.param('id');
    const deleted = await ask(c, (object) => object.deleteFile(id));
    return deleted ? c.json({ id, object: 'file', deleted }) : notFound();
  })
  .get('/:id/content', async (c) => {
    const file = await ask(c, (object) => object.file(c.req.param('id')));
    if (!file) return notFound();
    const pieces = Math.ceil(file.bytes / PIECE_BYTES);
    let n = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          if (n >= pieces) return sink.close();
          const piece = await ask(c, (object) => object.piece(file.id, n));
          // The file was deleted in the meantime: a truncated body must not look complete.
          if (!piece) return sink.error(new Error('the file is gone'));
          n += 1;
          sink.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
    return c.body(body, 200, { 'content-type': 'application/octet-stream' });
  });

function upload(c: Context<AppEnv>): Promise<Response> {
  const { fileBytes } = c.get('tenant').config.jobs;
  return withBody(c, fileBytes + FORM_BYTES, ({ bytes }) => keepFile(c, bytes));
}

async function keepFile(c: Context<AppEnv>, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const { fileBytes } = c.get('tenant').config.jobs;
  const read = readUpload(body, c.req.header('content-type') ?? '');
  if (!read.ok) return errorResponse(read.error);
  const { filename, bytes, lifetimeMs } = read.upload;
  if (bytes.length > fileBytes) {
    const message = `A file may have ${fileBytes} bytes at most.`;
    return errorResponse({ code: 'request_too_large', param: 'file', message });
  }
  const now = Date.now();
  const id = randomId('file-', now);
  const owner = { keyId: c.get('keyId'), keyHash: c.get('keyHash') };
  const begun = { id, purpose: 'batch' as const, filename, createdAt: now, ...owner };
  const opened = await ask(c, (object) => object.openFile(begun, bytes.length));
  if (opened.status === 'full') return errorResponse(noRoomError(opened.exceeded));
  for (let n = 0; n * PIECE_BYTES < bytes.length; n += 1) {
    // A copy, since sending a view would send the whole buffer.
    const piece = bytes.slice(n * PIECE_BYTES, (n + 1) * PIECE_BYTES);
    await ask(c, (object) => object.putPiece(id, n, piece));
  }
  const file = await ask(c, (object) => object.completeFile(id, lifetimeMs));
  return file ? c.json(fileView(file)) : notFound();
}

function ask<T>(c: Context<AppEnv>, act: (jobs: JobsApi) => Promise<T>): Promise<T> {
  return askJobs(c.env, c.get('tenant').tenant, act);
}

function notFound(): Response {
  return errorResponse({ code: 'file_not_found' });
}
