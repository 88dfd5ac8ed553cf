/**
 * One attempt at a job: the runner (src/job-runner.ts) makes its call in a Worker's context of its
 * own, and the answer is read up to a limit. What an outcome means for the job is in
 * src/core/limits/job-rules.ts.
 */
import { RUN_FOR } from '../../src/protocol/jobs.ts';
import { joined } from './chunk-store.ts';
import type { JobRow } from './job-row.ts';
import { UNKNOWN_KEY } from './key-accounts.ts';

/** Longest time for which one attempt waits in the queue, ms; the job is then tried again. */
const LONGEST_WAIT_MS = 900_000;
const MAX_HEADER_CHARS = 8_192;
/** Headers of the answer that are kept. */
const KEPT = /^(content-type|retry-after|request-id|x-request-id|server-timing|x-talaria-.*)$/;
/** Request headers: a job's own wait limit and deadline may only be shorter than the job's rest. */
const MAX_WAIT = 'x-talaria-max-wait-ms';
const DEADLINE = 'x-talaria-deadline-ms';

export interface Runner {
  fetch(request: Request): Promise<Response>;
}

export type Attempted =
  | {
      readonly type: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array<ArrayBuffer>;
      /** The call had a slot. */
      readonly granted: boolean;
      readonly retryAfterMs?: number;
    }
  /** The answer is longer than may be kept; the call has to be aborted. */
  | { readonly type: 'too-long'; readonly status: number }
  /** There was no complete answer. */
  | { readonly type: 'broken'; readonly cause: string };

export interface AttemptOf {
  readonly job: JobRow;
  readonly tenant: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly maxBytes: number;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Makes the call of a job. Never throws; an aborted attempt is `broken`. */
export async function attemptJob(runner: Runner, attempt: AttemptOf): Promise<Attempted> {
  try {
    const response = await runner.fetch(requestOf(attempt));
    return await read(response, attempt.maxBytes);
  } catch (error) {
    return { type: 'broken', cause: error instanceof Error ? error.message : String(error) };
  }
}

function requestOf({ job, tenant, body, now, signal }: AttemptOf): Request {
  const headers = new Headers(job.headers);
  const restMs = Math.max(1, job.deadlineAt - now);
  const ownWaitMs = Number(headers.get(MAX_WAIT) ?? Infinity);
  const maxWaitMs = Math.min(restMs, LONGEST_WAIT_MS, ownWaitMs > 0 ? ownWaitMs : Infinity);
  headers.set(MAX_WAIT, String(Math.ceil(maxWaitMs)));
  const ownDeadlineMs = Number(headers.get(DEADLINE) ?? (job.ownDeadline ? Infinity : Number.NaN));
  // What is no number stays as it is: the call is answered that it is wrong.
  if (ownDeadlineMs > restMs) headers.set(DEADLINE, String(restMs));
  headers.set('x-talaria-queue-comments', 'off');
  headers.set('x-request-id', job.id.replace('/', ':'));
  headers.set(RUN_FOR, JSON.stringify(ownerOf(job, tenant)));
  return new Request(`https://talaria.internal${job.path}`, {
    method: job.method,
    headers,
    signal,
    ...(body.length > 0 ? { body } : {}),
  });
}

/**
 * For whom the call is made. The order of a single job was charged to its key; that counts for the
 * first attempt, and so does it where that was refused. Lines of batches are charged as they run.
 */
function ownerOf({ keyId, keyHash, batch, attempts }: JobRow, tenant: string) {
  if (keyHash === UNKNOWN_KEY) return { tenant, keyId };
  return { tenant, keyId, keyHash, isCharged: batch === undefined && attempts === 0 };
}

async function read(response: Response, maxBytes: number): Promise<Attempted> {
  const { status, headers, body } = response;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body ?? []) {
    length += part.length;
    if (length > maxBytes) return { type: 'too-long', status };
    parts.push(part);
  }
  const retryAfterMs = Number(headers.get('retry-after-ms') ?? Number.NaN);
  return {
    type: 'answered',
    status,
    headers: keptOf(headers),
    body: joined(parts),
    granted: Number(headers.get('x-talaria-attempts') ?? 0) > 0,
    ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
  };
}

/** The headers to keep; if they are too long together, only the answer's type and request id. */
function keptOf(headers: Headers): Record<string, string> {
  const kept = [...headers].filter(([name]) => KEPT.test(name));
  const isShort = JSON.stringify(kept).length <= MAX_HEADER_CHARS;
  const essential = kept.filter(([name]) => name === 'content-type' || name === 'x-request-id');
  return Object.fromEntries(isShort ? kept : essential);
}
