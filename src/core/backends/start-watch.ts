/**
 * Watches one start of an endpoint, from the first wake that may have begun it to the answer or the
 * call that proves it up, and tells what that teaches. A wake that is given up and begun again
 * continues the same start: the platform goes on loading. What was learned is kept in
 * learned-start.ts and learned-idle.ts.
 */

/** A wake this soon after one that was given up continues its start, ms. */
const CONTINUES_MS = 60_000;
/** A start that took longer was an outage, or the clock jumped, ms. */
const LONGEST_START_MS = 1_800_000;
/** A wake that is answered within this time, or share of a cold start, found the endpoint warm. */
const AT_ONCE_MS = 2_000;
const AT_ONCE_SHARE = 0.2;
/** An endpoint that refuses and is up within this time, or share of a cold start, only flickers. */
const FLICKER_MS = 5_000;
const BREAK_SHARE = 0.2;
/** Time that an answer may come later than a wake's patience ends, ms. */
const LATE_MS = 5_000;

/**
 * How the endpoint came to be woken. `warm`: it counts as warm, and is kept so. `presumed`: its idle
 * timeout has passed. `claimed`: it gave the answer of a cold one to a call. `told`: it was
 * released, or is known to be cold. `failed`: an earlier wake failed. `unknown`: nothing is known.
 */
export type WokenFrom = 'warm' | 'presumed' | 'claimed' | 'told' | 'failed' | 'unknown';

/** A start that is watched; plain data, so that it survives a restart. */
export interface WatchedStart {
  readonly from: WokenFrom;
  /** Idle time before it, ms; absent where that teaches nothing. */
  readonly idleMs?: number;
  /** When its newest wake began, epoch ms, and how long that is waited for, ms. */
  readonly at: number;
  readonly patienceMs: number;
  /** Time from its first wake to its newest, ms. */
  readonly earlierMs: number;
  /** When its newest wake was given up, epoch ms. */
  readonly endedAt?: number;
  /** Time before its newest wake, or its end, in which it may have become ready unnoticed, ms. */
  readonly unnoticedMs?: number;
  /** Time from its first wake until one was sent again after a restart of the object, ms. */
  readonly unseenMs?: number;
  /** Time before its first wake for which a call was held without an answer, ms. */
  readonly unansweredMs?: number;
}

/** A wake that begins; see `WatchedStart`. */
export interface BegunWake {
  readonly from: WokenFrom;
  readonly idleMs?: number | undefined;
  readonly unansweredMs?: number;
  readonly at: number;
  readonly patienceMs: number;
}

/** How a wake went. */
export interface WakeTimes {
  /** Time from its beginning to its answer, ms; absent where nothing was measured. */
  readonly tookMs?: number;
  /** Answers of "not ready" before that. */
  readonly refusals?: number;
  /** Time before the answer in which the endpoint may have become ready unnoticed, ms. */
  readonly unnoticedMs?: number;
  /** The same where the platform holds requests until it is ready, ms. */
  readonly unansweredMs?: number;
  /** The last request was held until the endpoint was ready. */
  readonly wasHeld?: boolean;
}

/** What an answer teaches: the length of a cold start, and the state after some idle time. */
export interface Lesson {
  readonly startMs?: number;
  /** The start took at least this long, and `startMs` at most; absent where it took `startMs`. */
  readonly leastStartMs?: number;
  readonly coldAfterMs?: number;
  readonly warmAfterMs?: number;
  /** The endpoint was up, although it had given the answer of a cold one. */
  readonly wasUp?: boolean;
}

const NOTHING: Lesson = {};

/** What is known of the endpoint so far, ms. */
export interface Known {
  readonly coldStartMs: number;
  readonly idleTimeoutMs: number;
}

export class StartWatch {
  #start: WatchedStart | undefined;

  get start(): WatchedStart | undefined {
    return this.#start;
  }

  /** Time since the first wake of a start that is not over, ms, as far as its wakes were given up. */
  get waitedMs(): number {
    const { endedAt, at, earlierMs, patienceMs } = this.#start ?? NO_START;
    return endedAt === undefined ? earlierMs : earlierMs + within(endedAt - at, patienceMs);
  }

  /** A wake begins. */
  begin({ from, idleMs, unansweredMs = 0, at, patienceMs }: BegunWake): void {
    const last = this.#start;
    if (last && isContinued(last, at)) {
      const { endedAt = at, unnoticedMs: before = 0, ...rest } = last;
      const unnoticedMs = at - endedAt + before;
      const unnoticed = unnoticedMs > 0 ? { unnoticedMs } : {};
      const earlierMs = last.earlierMs + at - last.at;
      this.#start = { ...rest, at, patienceMs, earlierMs, ...unnoticed };
      return;
    }
    const idle = idleMs === undefined ? {} : { idleMs };
    const unanswered = unansweredMs > 0 ? { unansweredMs } : {};
    this.#start = { from, at, patienceMs, earlierMs: 0, ...idle, ...unanswered };
  }

  /** The newest wake is sent again after a restart: its answer's time counts from then. */
  sentAgain(now: number): void {
    if (!this.#start) return;
    const { at, ...rest } = this.#start;
    const earlierMs = rest.earlierMs + Math.max(0, now - at);
    this.#start = { ...rest, at: now, earlierMs, unseenMs: earlierMs };
  }

  /**
   * The newest wake is given up, or failed. `unnoticedMs`: time before that in which the endpoint may
   * have become ready unnoticed; its report may come after the wake was given up.
   */
  giveUp(now: number, unnoticedMs = 0): void {
    if (!this.#start) return;
    // One that ends early was refused for good, as where the owner paused it: it does not load.
    const lastedMs = now - this.#start.at;
    if (this.#start.endedAt === undefined && lastedMs < this.#start.patienceMs - LATE_MS) {
      this.#start = undefined;
      return;
    }
    const { endedAt = now, unnoticedMs: before = 0, ...rest } = this.#start;
    const wasGivenUp = this.#start.endedAt !== undefined;
    const ms = wasGivenUp ? Math.max(before, unnoticedMs) : unnoticedMs;
    this.#start = { ...rest, endedAt, ...(ms > 0 ? { unnoticedMs: ms } : {}) };
  }

  /** The start is over, and teaches nothing. */
  drop(): void {
    this.#start = undefined;
  }

  restore(start: WatchedStart | undefined): void {
    this.#start = start;
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    if (!this.#start) return;
    const { endedAt, at, ...rest } = this.#start;
    this.#start = {
      ...rest,
      at: Math.min(at, now),
      ...(endedAt === undefined ? {} : { endedAt: Math.min(endedAt, now) }),
    };
  }

  /** The newest wake was answered. */
  answered(
    { tookMs = Number.NaN, refusals = 0, unnoticedMs = 0 }: WakeTimes,
    known: Known,
  ): Lesson {
    const start = this.#start;
    this.#start = undefined;
    // A negative time is that of a clock that jumped.
    if (!start || !(tookMs >= 0)) return NOTHING;
    const wokenMs = start.earlierMs + tookMs;
    // One that answers at once was up when the call got no answer: it was only slow.
    const wasSlow = refusals === 0 && wokenMs < atOnceMs(known.coldStartMs);
    const totalMs = wasSlow ? wokenMs : wokenMs + (start.unansweredMs ?? 0);
    const lesson = lessonOf(start, totalMs, refusals, known);
    // A first request that is answered at once says nothing of the time before the wake.
    const isFound = refusals === 0 && tookMs < atOnceMs(known.coldStartMs);
    const { unseenMs = 0, unnoticedMs: beforeMs = 0 } = start;
    const lastMs = isFound ? tookMs + Math.max(beforeMs, unseenMs) : unnoticedMs;
    // While nobody asked it may have become ready, and cold again where that took long enough.
    const openMs = unseenMs > known.idleTimeoutMs ? Math.max(lastMs, unseenMs) : lastMs;
    if (lesson.startMs === undefined || openMs <= AT_ONCE_MS) return lesson;
    // A platform that loses requests while it loads may have lost the call, too.
    return { ...lesson, leastStartMs: Math.max(0, wokenMs - openMs) };
  }

  /**
   * A call that the platform held while it started was served: it was sent `afterMs` after the newest
   * wake and was held for `heldMs` longer than calls usually take.
   */
  held(afterMs: number, heldMs: number, known: Known): Lesson {
    const start = this.#start;
    this.#start = undefined;
    // One that was sent later and served at once only shows that the start was over before.
    if (!start || (afterMs > 0 && heldMs < atOnceMs(known.coldStartMs))) return NOTHING;
    const totalMs = start.earlierMs + within(afterMs, start.patienceMs) + heldMs;
    return lessonOf(start, totalMs, 0, known);
  }
}

/** True where a wake at `at` is of the same start; not where the clock has jumped meanwhile. */
function isContinued({ at: last, patienceMs, endedAt }: WatchedStart, at: number): boolean {
  const endsAt = Math.min(endedAt ?? Infinity, last + patienceMs + LATE_MS);
  return at >= last && at <= endsAt + CONTINUES_MS;
}

function lessonOf(
  { from, idleMs = Number.NaN }: WatchedStart,
  totalMs: number,
  refusals: number,
  { coldStartMs, idleTimeoutMs }: Known,
): Lesson {
  if (totalMs > LONGEST_START_MS) return NOTHING;
  const isColdByRight = from === 'presumed' || from === 'told';
  if (refusals === 0 && totalMs < atOnceMs(coldStartMs)) {
    if (from === 'claimed') return { wasUp: true };
    if (from === 'told') return { startMs: totalMs };
    return from === 'warm' || from === 'presumed' ? { warmAfterMs: idleMs } : NOTHING;
  }
  const breakMs = BREAK_SHARE * coldStartMs;
  if (!isColdByRight && totalMs < Math.min(FLICKER_MS, breakMs)) return NOTHING;
  // A cold answer in the midst of work, and a short break after it, is no start.
  const isInWork = from === 'claimed' && !(idleMs >= idleTimeoutMs / 2);
  if (isInWork && totalMs < breakMs) return NOTHING;
  return { startMs: totalMs, coldAfterMs: idleMs };
}

const NO_START: WatchedStart = { from: 'unknown', at: 0, patienceMs: 0, earlierMs: 0 };

/** Time within which only an endpoint that was up answers, ms. */
export function atOnceMs(coldStartMs: number): number {
  return Math.min(AT_ONCE_MS, AT_ONCE_SHARE * coldStartMs);
}

function within(ms: number, mostMs: number): number {
  return Math.min(mostMs, Math.max(0, ms));
}
