/**
 * The request that creates a batch, in the format of OpenAI's Batch API; the lines of its file are
 * in batch-line.ts.
 */
import * as z from 'zod/mini';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { Outcome } from '../http/errors.ts';
import { intWithin, textUpTo, textWithin } from '../http/field-schemas.ts';
import { readJsonText } from '../http/json-input.ts';
import type { NewBatch } from '../protocol/jobs.ts';
import { isName } from '../protocol/name.ts';
import { batchPath } from './batch-line.ts';

const ENDPOINTS = [...new Set(Object.values(MODEL_APIS).map(({ path }) => `/v1${path}`))];

export const batchOrderSchema = z.looseObject({
  input_file_id: textWithin(1, 128),
  endpoint: z.enum(ENDPOINTS),
  completion_window: z.literal('24h'),
  metadata: z.nullish(
    z.record(textUpTo(64), textUpTo(512)).check(
      z.refine((m) => Object.keys(m).length <= 16, 'expected 16 pairs at most'),
      z.refine((m) => isName(m.talaria_app ?? 'absent'), {
        path: ['talaria_app'],
        message: 'expected 1 to 128 printable ASCII characters',
      }),
    ),
  ),
  output_expires_after: z.nullish(
    z.object({
      anchor: z.literal('created_at'),
      seconds: intWithin(3_600, 2_592_000),
    }),
  ),
});

const written = z.pipe(z.transform(withServedEndpoint), batchOrderSchema);

function withServedEndpoint(order: unknown): unknown {
  const { endpoint } = Object(order);
  return typeof endpoint === 'string' ? { ...Object(order), endpoint: batchPath(endpoint) } : order;
}

/** Parses and checks the request body. */
export function readBatchOrder(text: string): Outcome<{ order: Omit<NewBatch, 'id' | 'keyId'> }> {
  const read = readJsonText(text, written);
  if (!read.ok) return read;
  const { input_file_id, endpoint, metadata, output_expires_after } = read.value;
  return {
    ok: true,
    order: {
      endpoint,
      inputFile: input_file_id,
      ...(metadata ? { metadata } : {}),
      ...(output_expires_after ? { outputLifetimeMs: output_expires_after.seconds * 1_000 } : {}),
    },
  };
}
