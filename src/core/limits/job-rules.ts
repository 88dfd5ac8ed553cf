/**
 * The rules of asynchronous jobs: which job starts next, what the end of an attempt means, when it
 * is retried, and the same for the delivery of its webhook. Pure: time and chance are arguments.
 * The rate limits of API keys are in key-limits.ts.
 */

export type JobState = 'queued' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'expired';

/** States that a job does not leave. */
export const ENDED: ReadonlySet<JobState> = new Set([
  'completed',
  'failed',
  'cancelled',
  'expired',
]);

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** Longest pause after an attempt that was refused before it reached an endpoint. */
const LONGEST_REFUSAL_WAIT_MS = 60_000;
const FIRST_REST_MS = 100;
/** Pauses after failed deliveries of a webhook; a failure after the last pause abandons it. */
const WEBHOOK_PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000];
/** Deliveries of a webhook that are attempted in all. */
export const WEBHOOK_TRIES = WEBHOOK_PAUSES_MS.length + 1;

/** How an attempt ended. */
export interface AttemptEnd {
  /** HTTP status of the answer; undefined where there was no complete answer. */
  readonly status: number | undefined;
  /** It had a slot, so an endpoint may have worked on it. */
  readonly granted: boolean;
  /** Pause that the answer asked for, ms; 0 where absent. */
  readonly retryAfterMs?: number | undefined;
  /** Attempts so far, this one included. */
  readonly attempts: number;
  readonly maxAttempts: number;
}

export type AttemptOutcome =
  | { readonly type: 'ended'; readonly state: 'completed' | 'failed' }
  /** `counts`: the attempt is one of the `maxAttempts`. */
  | { readonly type: 'again'; readonly pauseMs: number; readonly counts: boolean };

/**
 * What the end of an attempt means for its job. `chance` in [0, 1) makes pauses up to half longer,
 * so that jobs do not come back together.
 */
export function afterAttempt(end: AttemptEnd, chance: number): AttemptOutcome {
  const { status, granted, retryAfterMs = 0, attempts, maxAttempts } = end;
  if (status !== undefined && status < 400) return { type: 'ended', state: 'completed' };
  if (status !== undefined && !isTransient(status)) return { type: 'ended', state: 'failed' };
  const spread = 1 + chance / 2;
  if (!granted && status !== undefined) {
    const pauseMs = Math.min(Math.max(retryAfterMs, FIRST_PAUSE_MS), LONGEST_REFUSAL_WAIT_MS);
    return { type: 'again', pauseMs: pauseMs * spread, counts: false };
  }
  if (attempts >= maxAttempts) return { type: 'ended', state: 'failed' };
  const backOffMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  return { type: 'again', pauseMs: Math.max(backOffMs, retryAfterMs) * spread, counts: true };
}

/** True for a status that another attempt may avoid: limits, overload and faults. */
function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Pause before any further job starts after so many refusals in a row, ms: a batch of thousands
 * must not cause thousands of refusals a second.
 */
export function restMs(refusals: number): number {
  if (refusals === 0) return 0;
  return Math.min(FIRST_REST_MS * 2 ** (refusals - 1), LONGEST_REFUSAL_WAIT_MS);
}

/**
 * Running and waiting jobs. A single is a job of its own; a line is one request of a batch's file.
 */
export interface Crowd {
  /** Jobs that may run at the same time. */
  readonly places: number;
  readonly singlesRunning: number;
  readonly linesRunning: number;
  /** Singles that started since the last line did. */
  readonly singlesInARow: number;
  readonly singlesWaiting: boolean;
  readonly linesWaiting: boolean;
}

/**
 * Whether a single or a line starts next; undefined where neither may or none waits. Singles go
 * first, but lines keep a quarter of the places, and at least one: a batch must neither block
 * everything else nor stall.
 */
export function nextToStart(crowd: Crowd): 'single' | 'line' | undefined {
  const { places, singlesRunning, linesRunning, singlesWaiting, linesWaiting } = crowd;
  // With one place, a quarter of it is every fourth start.
  const hasWaited = crowd.singlesInARow >= 3;
  if (singlesRunning + linesRunning >= places) return undefined;
  const kept = Math.max(1, Math.floor(places / 4));
  const linesAreDue = linesWaiting && linesRunning < kept && (singlesRunning > 0 || hasWaited);
  if (singlesWaiting && !linesAreDue) return 'single';
  return linesWaiting ? 'line' : undefined;
}

/**
 * Pause before the next delivery of a webhook after so many failed tries, ms; undefined where it is
 * abandoned. `chance` in [0, 1) makes it up to a quarter longer.
 */
export function webhookPauseMs(tries: number, chance: number): number | undefined {
  const pauseMs = WEBHOOK_PAUSES_MS[tries - 1];
  return pauseMs === undefined ? undefined : pauseMs * (1 + chance / 4);
}
