/**
 * An endpoint that scales to zero: cold until a call or a ping reaches it, warm a cold start later,
 * cold again once nothing has been in service and no ping has come for its idle timeout. Pure, and
 * evaluated when looked at, so it needs no timers.
 */

export type ColdStateName = 'cold' | 'warming' | 'warm';

export interface ColdSettings {
  readonly coldStartMs: number;
  readonly idleTimeoutMs: number;
}

export class ColdState {
  readonly #settings: ColdSettings | undefined;
  #wokenAt: number | undefined;
  #lastActiveAt = 0;
  #inService = 0;
  #warmMs = 0;
  /** Times that it was woken from cold. */
  starts = 0;

  /** Without settings it is always warm. */
  constructor(settings: ColdSettings | undefined) {
    this.#settings = settings;
  }

  /** A call was dispatched to it, or a ping reached it; returns when it is (or was) warm. */
  touch(now: number): number {
    if (!this.#settings) return now;
    this.#pass(now);
    if (this.#wokenAt === undefined) {
      this.#wokenAt = now;
      this.starts += 1;
    }
    const warmAt = this.#wokenAt + this.#settings.coldStartMs;
    this.#lastActiveAt = Math.max(this.#lastActiveAt, now, warmAt);
    return Math.max(now, warmAt);
  }

  /** It is told to go cold; ignored while a call is in service. */
  release(now: number): void {
    this.#pass(now);
    if (this.#wokenAt === undefined || this.#inService > 0) return;
    this.#warmMs += now - this.#wokenAt;
    this.#wokenAt = undefined;
  }

  serviceStarted(now: number): void {
    this.#inService += 1;
    this.#lastActiveAt = Math.max(this.#lastActiveAt, now);
  }

  serviceEnded(now: number): void {
    this.#inService -= 1;
    this.#lastActiveAt = Math.max(this.#lastActiveAt, now);
  }

  stateAt(now: number): ColdStateName {
    if (!this.#settings) return 'warm';
    this.#pass(now);
    if (this.#wokenAt === undefined) return 'cold';
    return now < this.#wokenAt + this.#settings.coldStartMs ? 'warming' : 'warm';
  }

  /** How long it was warm or warming so far, ms: what is paid for. */
  warmMsUntil(now: number): number {
    this.#pass(now);
    return this.#warmMs + (this.#wokenAt === undefined ? 0 : now - this.#wokenAt);
  }

  #pass(now: number): void {
    if (!this.#settings || this.#wokenAt === undefined || this.#inService > 0) return;
    const coldAt = this.#lastActiveAt + this.#settings.idleTimeoutMs;
    if (now < coldAt) return;
    this.#warmMs += coldAt - this.#wokenAt;
    this.#wokenAt = undefined;
  }
}
