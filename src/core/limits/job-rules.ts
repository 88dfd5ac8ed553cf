/**
 * What becomes of a job: which one starts next, what the end of an attempt means, when it is tried
 * again, and the same for the delivery of its webhook. Pure: time and chance are arguments.
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
/** Of one that was turned away before it reached an endpoint. */
const LONGEST_TURNED_AWAY_MS = 60_000;
const FIRST_REST_MS = 100;
/** After each failed delivery of a webhook; then it is given up. */
const WEBHOOK_PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000];
/** Tries of a webhook in all. */
export const WEBHOOK_TRIES = WEBHOOK_PAUSES_MS.length + 1;

/** How an attempt ended. */
export interface AttemptEnd {
  /** The answer's status; undefined where there was no whole answer. */
  readonly status: number | undefined;
  /** It had a slot: an endpoint may have worked on it. */
  readonly granted: boolean;
  readonly retryAfterMs?: number | undefined;
  /** Attempts so far, this one included. */
  readonly attempts: number;
  readonly maxAttempts: number;
}

export type AttemptOutcome =
  | { readonly type: 'ended'; readonly state: 'completed' | 'failed' }
  /** `counts`: the attempt is one of the `maxAttempts`. */
  | { readonly type: 'again'; readonly pauseMs: number; readonly counts: boolean };

/** `chance` is in [0, 1): pauses are spread by half, so that jobs do not come back together. */
export function afterAttempt(end: AttemptEnd, chance: number): AttemptOutcome {
  const { status, granted, retryAfterMs = 0, attempts, maxAttempts } = end;
  if (status !== undefined && status < 400) return { type: 'ended', state: 'completed' };
  if (status !== undefined && !isPassing(status)) return { type: 'ended', state: 'failed' };
  const spread = 1 + chance / 2;
  if (!granted && status !== undefined) {
    const pauseMs = Math.min(Math.max(retryAfterMs, FIRST_PAUSE_MS), LONGEST_TURNED_AWAY_MS);
    return { type: 'again', pauseMs: pauseMs * spread, counts: false };
  }
  if (attempts >= maxAttempts) return { type: 'ended', state: 'failed' };
  const backOffMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  return { type: 'again', pauseMs: Math.max(backOffMs, retryAfterMs) * spread, counts: true };
}

/** What another attempt may do better on: limits, overload and faults. */
function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Pause before any further job starts, once so many in a row were turned away: a batch of thousands
 * does not knock at a closed door thousands of times a second.
 */
export function restMs(turnedAway: number): number {
  if (turnedAway === 0) return 0;
  return Math.min(FIRST_REST_MS * 2 ** (turnedAway - 1), LONGEST_TURNED_AWAY_MS);
}

export interface Crowd {
  /** Jobs that may run at a time. */
  readonly places: number;
  readonly singlesRunning: number;
  readonly linesRunning: number;
  /** Jobs of their own that have started since a line did. */
  readonly singlesInARow: number;
  readonly singlesWaiting: boolean;
  readonly linesWaiting: boolean;
}

/**
 * Whether a job of its own or a line of a batch starts next; undefined where nothing may. Jobs of
 * their own go first, but lines of batches keep a quarter of the places, and at least one: a batch
 * neither holds up everything else nor stands still.
 */
export function nextToStart(crowd: Crowd): 'single' | 'line' | undefined {
  const { places, singlesRunning, linesRunning, singlesWaiting, linesWaiting } = crowd;
  // Of one place a quarter is every fourth turn.
  const hasWaited = crowd.singlesInARow >= 3;
  if (singlesRunning + linesRunning >= places) return undefined;
  const kept = Math.max(1, Math.floor(places / 4));
  const linesAreDue = linesWaiting && linesRunning < kept && (singlesRunning > 0 || hasWaited);
  if (singlesWaiting && !linesAreDue) return 'single';
  return linesWaiting ? 'line' : undefined;
}

/** When a webhook that failed is sent again; undefined where it is given up. */
export function webhookPauseMs(tries: number, chance: number): number | undefined {
  const pauseMs = WEBHOOK_PAUSES_MS[tries - 1];
  return pauseMs === undefined ? undefined : pauseMs * (1 + chance / 4);
}
