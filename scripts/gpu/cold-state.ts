/**
 * The cold state of an emulated endpoint that scales to zero. It starts warming at a call or a
 * ping, is warm a cold start later, and goes cold when no call has been in service and no ping has
 * come for its idle timeout. Pure: the state is computed when it is read, so it needs no timers.
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
  /** The number of cold starts. */
  starts = 0;

  /** Without settings the endpoint is always warm. */
  constructor(settings: ColdSettings | undefined) {
    this.#settings = settings;
  }

  /**
   * Records a dispatched call or a ping; returns the time from which the endpoint is (or was) warm.
   */
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

  /** Makes the endpoint go cold; ignored while a call is in service. */
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

  /** Time that the endpoint has been warming or warm so far, in ms: the time that is paid for. */
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
