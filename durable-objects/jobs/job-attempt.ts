/**
 * One attempt at a job: its call is made by the runner, in a Worker's context of its own, and what is
 * kept of the answer is read, up to a limit.
 */
import { RUN_FOR } from '../../src/protocol/jobs.ts';
import type { JobRow } from './job-row.ts';

/** Longest time for which one attempt stands in the line, ms; then it comes again. */
const LONGEST_WAIT_MS = 900_000;
const MAX_HEADER_CHARS = 8_192;
const KEPT = /^(content-type|retry-after|request-id|x-request-id|server-timing|x-talaria-.*)$/;
/** Of the request only what the object says, whatever the job's own headers are. */
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
      /** It had a slot. */
      readonly granted: boolean;
      readonly retryAfterMs?: number;
    }
  /** The answer was longer than is kept; the call is to be aborted. */
  | { readonly type: 'too-long'; readonly status: number }
  /** There was no whole answer. */
  | { readonly type: 'broken'; readonly cause: string };

export interface AttemptOf {
  readonly job: JobRow;
  readonly tenant: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly maxBytes: number;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Makes the call of a job. Never throws; who has aborted it does not care for the outcome. */
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
  if (job.ownDeadline && !headers.has(DEADLINE)) headers.set(DEADLINE, String(restMs));
  headers.set('x-talaria-queue-comments', 'off');
  headers.set('x-request-id', job.id.replace('/', ':'));
  headers.set(RUN_FOR, JSON.stringify({ tenant, keyId: job.keyId }));
  return new Request(`https://talaria.internal${job.path}`, {
    method: job.method,
    headers,
    signal,
    ...(body.length > 0 ? { body } : {}),
  });
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
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  const retryAfterMs = Number(headers.get('retry-after-ms') ?? Number.NaN);
  return {
    type: 'answered',
    status,
    headers: keptOf(headers),
    body: whole,
    granted: Number(headers.get('x-talaria-attempts') ?? 0) > 0,
    ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
  };
}

function keptOf(headers: Headers): Record<string, string> {
  const kept = [...headers].filter(([name]) => KEPT.test(name));
  const isShort = JSON.stringify(kept).length <= MAX_HEADER_CHARS;
  const type = kept.filter(([name]) => name === 'content-type' || name === 'x-request-id');
  return Object.fromEntries(isShort ? kept : type);
}
