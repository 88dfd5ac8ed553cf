/**
 * The steps of a wake, and how long each may take. One request is out at a time: a second one beside a
 * request that the platform holds would be a second job there. Platforms hold a request until the model
 * is loaded, and some stop loading when it is cancelled; others lose it. So a request without an answer
 * is given up, but each later one is given more time.
 */
import type { PlatformRequest } from './adapter.ts';
import type { Sent } from './platform-io.ts';

/** What a wake does next: it sends a request, with a time limit, or waits. */
export type WakeStep =
  | { readonly type: 'send'; readonly request: PlatformRequest; readonly limitMs: number }
  | { readonly type: 'wait'; readonly ms: number };

/** How a step went: the time at its end, epoch ms, and the answer of a request. */
export interface StepDone {
  readonly now: number;
  readonly sent?: Sent;
}

/** Steps for whoever can carry them out, up to a result. */
export type WakeSteps<T> = Generator<WakeStep, T, StepDone>;

/** Part of the patience that the first request without an answer may take. */
const FIRST_HELD_SHARE = 0.25;
/**
 * After it, requests get only so long, ms: a platform that loses them while it loads may be warm for
 * some seconds only. In the last part of the patience one gets the rest, as some platforms load no
 * longer than a request is held.
 */
export const SHORT_HELD_MS = 5_000;
const LAST_HELD_SHARE = 0.5;
const SILENT: Sent = { kind: 'silent' };
/** A request that took so much longer than it may did not: the clock leapt. */
const LEAP_MS = 60_000;

/** Makes the steps of one wake, and counts the time that they take. */
export class WakeTime {
  readonly patienceMs: number;
  elapsedMs = 0;
  /** Number of requests that got no answer in their time. */
  silences = 0;
  #seenAt: number;

  constructor(patienceMs: number, now: number) {
    this.patienceMs = patienceMs;
    this.#seenAt = now;
  }

  get leftMs(): number {
    return this.patienceMs - this.elapsedMs;
  }

  *pause(ms: number): WakeSteps<void> {
    if (ms <= 0) return;
    const { now } = yield { type: 'wait', ms };
    this.#tick(now, ms);
  }

  *send(request: PlatformRequest, limitMs = this.#heldMs): WakeSteps<Sent> {
    const mostMs = Math.max(1, Math.ceil(Math.min(limitMs, this.leftMs)));
    const { now, sent = SILENT } = yield { type: 'send', request, limitMs: mostMs };
    this.#tick(now, mostMs);
    if (sent.kind === 'silent') this.silences += 1;
    return sent;
  }

  get #heldMs(): number {
    if (this.silences === 0) return FIRST_HELD_SHARE * this.patienceMs;
    const isLast = this.leftMs <= LAST_HELD_SHARE * this.patienceMs;
    return isLast ? this.leftMs : SHORT_HELD_MS;
  }

  /** Counts the time that passed; a clock that leaps, forward or back, shows none. */
  #tick(now: number, mostMs: number): void {
    const passedMs = now - this.#seenAt;
    if (passedMs > 0 && passedMs < mostMs + LEAP_MS) this.elapsedMs += passedMs;
    this.#seenAt = now;
  }
}
