/**
 * The schema of a tenant's settings for jobs, batches and their files. The rest of the
 * configuration is in `schema.ts`.
 */

import * as z from 'zod/mini';
import { intWithin, numberWithin } from '../http/field-schemas.ts';
import { NO_KEYS } from './no-keys.ts';

/** Limit for bodies and answers of running jobs, which one object with 128 MB of memory holds. */
const MOST_HELD_BYTES = 100_000_000;
const DAY_MS = 86_400_000;
const bytes = (most: number) => intWithin(1_024, most);

export const jobSettings = z
  .strictObject({
    /**
     * Also divides the rank of a job's call: below 1 it is ranked behind calls that people wait
     * for.
     */
    weight: z._default(numberWithin(0.001, 1_000), 0.1),
    /** Most jobs of the tenant that wait for a slot or run at the same time. */
    concurrency: z._default(intWithin(1, 1_000), 16),
    /** Most unfinished jobs, including lines of batches. */
    depth: z._default(intWithin(1, 100_000), 100_000),
    /**
     * The largest share of `depth` and of `totalBytes` that one API key may have, where the tenant
     * has several; below 1 a key's jobs also leave a place of `concurrency` to other keys.
     */
    keyShare: z._default(numberWithin(0.001, 1), 0.5),
    /** Most batches of one API key that have not ended. */
    keyBatches: z._default(intWithin(1, 10_000), 100),
    /** Most files of one API key that are kept; output files count, but are always written. */
    keyFiles: z._default(intWithin(1, 1_000_000), 10_000),
    /** Most webhooks that are sent for one API key in a minute, evenly; the others wait. */
    webhooksPerMinute: z._default(intWithin(1, 100_000), 600),
    maxAttempts: z._default(intWithin(1, 20), 5),
    /** Deadline of a job without its own, and the longest deadline that a job may have. */
    maxAgeMs: z._default(intWithin(1_000, 30 * DAY_MS), DAY_MS),
    /** How long ended jobs, their answers, and files are kept. */
    retentionMs: z._default(intWithin(1_000, 30 * DAY_MS), 7 * DAY_MS),
    /** Longest body of a job. */
    bodyBytes: z._default(bytes(10_000_000), 1_000_000),
    /** Longest answer that is kept; a job with a longer one fails. */
    resultBytes: z._default(bytes(10_000_000), 4_000_000),
    /** Longest file. */
    fileBytes: z._default(bytes(32_000_000), 20_000_000),
    /** Most lines of one batch. */
    batchLines: z._default(intWithin(1, 50_000), 10_000),
    /**
     * Bodies, answers and files of the tenant together, as they are stored: with their rows,
     * headers, URLs and metadata. No job starts while they are full.
     */
    totalBytes: z._default(bytes(8_000_000_000), 2_000_000_000),
    /** Name of the Worker secret that signs webhooks of jobs without a secret of their own. */
    webhookSecret: z.optional(
      z.string().check(
        z.regex(/^[A-Z][A-Z0-9_]*$/),
        z.refine((name) => !NO_KEYS.test(name), 'this string of the Worker signs nothing'),
      ),
    ),
  })
  .check(
    z.refine((s) => s.concurrency * (s.bodyBytes + s.resultBytes) <= MOST_HELD_BYTES, {
      path: ['concurrency'],
      message: `expected concurrency * (bodyBytes + resultBytes) of ${MOST_HELD_BYTES} at most`,
    }),
  );

export type JobSettings = z.infer<typeof jobSettings>;
