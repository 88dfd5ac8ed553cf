/**
 * When one endpoint was last used and proved up, as far as its calls and wakes have shown, and whether
 * an answer of a cold one is to be believed. What follows for its state is decided in endpoint.ts.
 */
import { ColdDoubts } from './cold-doubts.ts';

/** An endpoint that was proved warm so shortly before a call was sent was warm then, ms. */
const KNOWN_WARM_MS = 5_000;

/** The answer of a cold endpoint, by which it counts as cold until a wake tells. */
export interface ColdClaim {
  readonly key: string;
  /** Idle time before it, ms; undefined where that teaches nothing. */
  readonly idleMs: number | undefined;
  /** When a call was sent that got no answer in time: the start may have begun with it. */
  readonly unansweredAt?: number;
}

export class EndpointUse {
  /** When a call was last served to its end, epoch ms. */
  #succeededAt = -Infinity;
  /** When a call or wake last proved it warm, epoch ms. */
  #provenAt = -Infinity;
  /** When the platform was last seen to serve a call or a ping there, epoch ms. */
  #usedAt: number;
  /** The same before the last call ended, in case its answer shows that it was not served. */
  #usedBefore: number;
  /** True where a call was not served since then: nobody knows whether it was up, or used, since. */
  #isUnknown = false;
  /** The first of the calls in flight, and the idle time before it, ms, where it counted as warm. */
  #first: { readonly at: number; readonly idleMs: number | undefined } | undefined;
  #claim: ColdClaim | undefined;
  readonly #doubts = new ColdDoubts();

  constructor(now: number) {
    this.#usedAt = now;
    this.#usedBefore = now;
  }

  /** Time since the platform last served something there, ms; undefined where that is not known. */
  idleMs(now: number): number | undefined {
    return this.#isUnknown ? undefined : now - this.#usedAt;
  }

  get claim(): ColdClaim | undefined {
    return this.#claim;
  }

  /** The first of calls that run together is sent. */
  began(isWarm: boolean, now: number): void {
    this.#first = { at: now, idleMs: isWarm ? this.idleMs(now) : undefined };
  }

  /** A call has ended, with any outcome. */
  ended(now: number): void {
    this.#usedBefore = this.#usedAt;
    this.#usedAt = now;
  }

  /** The call that has just ended was not served. */
  wasNotServed(): void {
    this.#usedAt = this.#usedBefore;
    this.#isUnknown = true;
  }

  /** The platform was asked for something there, and answered. */
  used(now: number): void {
    this.#usedAt = now;
  }

  /** A call or a wake proved it up. */
  proven(now: number): void {
    this.#provenAt = now;
    this.#usedAt = now;
    this.#isUnknown = false;
    this.#claim = undefined;
  }

  /** A call was served to its end. */
  succeeded(now: number): void {
    this.#succeededAt = now;
  }

  /** True where a call was served to its end after `at`, epoch ms. */
  hasServedSince(at: number): boolean {
    return this.#succeededAt > at;
  }

  /** The idle time before a served call, ms, where it was the first and that was known. */
  idleBefore(sentAt: number): number | undefined {
    const { at, idleMs } = this.#first ?? {};
    return sentAt === at && this.#succeededAt < sentAt ? idleMs : undefined;
  }

  /** False where it was proved warm shortly before `at` or since. */
  mayBeCold(at: number): boolean {
    return at - this.#provenAt >= KNOWN_WARM_MS;
  }

  /** True where a cold answer to a call of the key is no evidence. */
  isDoubted(key: string, now: number): boolean {
    return this.#doubts.isDoubted(key, now);
  }

  /** A call of the key got the answer of a cold endpoint, which is believed. */
  claimedCold(key: string, isWarm: boolean, now: number): void {
    // Idle time counts up to the first of the calls that ran together, unless one was served.
    const { at = now, idleMs } = this.#first ?? {};
    const wasIdle = isWarm && this.#succeededAt < at;
    this.#claim = { key, idleMs: wasIdle ? idleMs : undefined };
  }

  /** The call by which it counts as cold was sent then, and got no answer. */
  claimedWithoutAnswer(sentAt: number): void {
    if (this.#claim) this.#claim = { unansweredAt: sentAt, ...this.#claim };
  }

  /** A wake told whether it was up although it counted as cold by the word of a key. */
  settle(wasUp: boolean, now: number): void {
    if (!this.#claim) return;
    if (wasUp) this.#doubts.wasWrong(this.#claim.key, now);
    else this.#doubts.wasRight(this.#claim.key);
  }

  restore(lastActiveAt: number): void {
    this.#usedAt = lastActiveAt;
  }

  /** Handles a clock that jumps back: no recorded time is later than `now`. */
  clockWentBack(now: number): void {
    this.#succeededAt = Math.min(this.#succeededAt, now);
    this.#provenAt = Math.min(this.#provenAt, now);
    this.#usedAt = Math.min(this.#usedAt, now);
    this.#usedBefore = Math.min(this.#usedBefore, now);
    // The idle time before the calls in flight is not known any more.
    this.#first = undefined;
    this.#doubts.clockWentBack(now);
  }
}
