/**
 * The wake of one endpoint, for all orders of it: whoever sends its requests (the tenant's object, the
 * simulator) asks in one loop at a time, and an order that comes meanwhile joins it. The loop then asks
 * as long as the newest order says, and reports to that one. It decides only; the requests of one
 * asking are in wake.ts.
 */
import { AT_ONCE_MS, type WakeResult } from './wake.ts';

/** Time for which the endpoint is asked in any case, ms. */
const LEAST_PATIENCE_MS = 1_000;

export class JoinedWake<T> {
  #order: T;
  /** When the newest order came, epoch ms. */
  #at: number;
  /** The order that the present asking began with. */
  #asked: T;
  #refusals = 0;
  #askedMs = 0;
  #unnoticedMs = 0;
  #unansweredMs = 0;

  constructor(order: T, now: number) {
    this.#order = order;
    this.#asked = order;
    this.#at = now;
  }

  /** The newest order. */
  get order(): T {
    return this.#order;
  }

  /** Another order of the same endpoint comes. */
  join(order: T, now: number): void {
    this.#order = order;
    this.#at = now;
  }

  /** The endpoint is asked, for `patienceMs` since the newest order came. Tells what is left, ms. */
  ask(patienceMs: number, now: number): number {
    this.#asked = this.#order;
    const leftMs = patienceMs - Math.max(0, now - this.#at);
    return Math.max(leftMs, LEAST_PATIENCE_MS);
  }

  /**
   * The asking has ended: the report to the newest order; undefined where that came meanwhile, so that
   * not its patience has ended, and the endpoint is asked again.
   */
  ended(asked: WakeResult, now: number): WakeResult | undefined {
    this.#refusals += asked.refusals;
    this.#askedMs += asked.tookMs;
    const foundMs = this.#foundAfterMs(asked);
    const { unnoticedMs = foundMs, unansweredMs = foundMs && foundMs + this.#unansweredMs } = asked;
    this.#unansweredMs = unansweredMs;
    // An asking without any answer goes on where the one before ended.
    this.#unnoticedMs = unnoticedMs < asked.tookMs ? unnoticedMs : unnoticedMs + this.#unnoticedMs;
    const hasJoined = this.#order !== this.#asked;
    this.#asked = this.#order;
    if (!asked.ok && hasJoined) return undefined;
    // The requests' own time does not count what the clock has leapt.
    const sinceMs = now - this.#at;
    const tookMs = sinceMs < 0 ? this.#askedMs : Math.min(sinceMs, this.#askedMs);
    const unnoticed = { unnoticedMs: this.#unnoticedMs, unansweredMs: this.#unansweredMs };
    const report = { ...asked, tookMs, refusals: this.#refusals };
    return this.#unnoticedMs > 0 ? { ...report, ...unnoticed } : report;
  }

  /** Its own time, where its first request was answered at once after an asking that lost some. */
  #foundAfterMs({ ok, refusals, tookMs }: WakeResult): number {
    const isFound = ok && refusals === 0 && tookMs <= AT_ONCE_MS;
    return isFound && this.#unnoticedMs > 0 ? tookMs : 0;
  }
}
