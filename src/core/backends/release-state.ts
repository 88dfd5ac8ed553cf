/**
 * When an endpoint that does not go cold by itself is told to, and how that goes. An endpoint that is
 * told and stays up keeps its GPU, so a release that fails is repeated. When a release pays before it is
 * due is decided in prewarm/.
 */
import type { EndpointSlots } from './endpoint-slots.ts';
import type { EndpointSpec, EndpointState, PlatformError } from './endpoint-state.ts';
import type { WokenFrom } from './start-watch.ts';

/** Pause after a release that failed, ms; it doubles with each further one. */
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** The part of an endpoint that releases read and change. */
export interface ReleasedEndpoint {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
  readonly coldBy: WokenFrom;
  readonly lastActiveAt: number;
  readonly slots: Pick<EndpointSlots, 'held'>;
  becameCold(now: number, by: WokenFrom): void;
  stayedUp(now: number): void;
}

export class ReleaseState {
  /** Why the last release that failed did. */
  error: PlatformError | undefined;
  readonly #endpoint: ReleasedEndpoint;
  /** When the request that is out was sent, epoch ms. */
  #sentAt: number | undefined;
  #failures = 0;
  #pausedUntil = -Infinity;

  constructor(endpoint: ReleasedEndpoint) {
    this.#endpoint = endpoint;
  }

  /** A request is out, and its answer is not known. */
  get isOut(): boolean {
    return this.#sentAt !== undefined;
  }

  /** No release is sent before this time, epoch ms; Infinity while one is out. */
  get notBefore(): number {
    return this.isOut ? Infinity : this.#pausedUntil;
  }

  /**
   * When it is told to go cold for want of use, epoch ms: one that does not go cold by itself, and is
   * not known to be. Infinity for never.
   */
  get dueAt(): number {
    const { spec, state, slots, coldBy, lastActiveAt } = this.#endpoint;
    const { coldStart } = spec;
    if (!coldStart?.releasable || slots.held > 0) return Infinity;
    const isIdle = state === 'warm' || (state === 'cold' && coldBy !== 'told');
    return isIdle ? Math.max(lastActiveAt + coldStart.idleTimeoutMs, this.notBefore) : Infinity;
  }

  /** It is told to go cold, and gets no calls from now on. */
  begin(now: number): void {
    this.#endpoint.becameCold(now, 'told');
    this.#sentAt = now;
  }

  /** How the release that is out ended. One that failed leaves the endpoint up. */
  answered(ok: boolean, reason: string | undefined, now: number): void {
    if (!this.isOut) return;
    this.#sentAt = undefined;
    if (ok) {
      this.#failures = 0;
      this.#pausedUntil = -Infinity;
      this.error = undefined;
      return;
    }
    const pauseMs = FIRST_PAUSE_MS * 2 ** this.#failures;
    this.#failures += 1;
    this.#pausedUntil = now + Math.min(pauseMs, LONGEST_PAUSE_MS);
    this.error = { at: now, reason: reason ?? 'it failed' };
    this.#endpoint.stayedUp(now);
  }

  /** The endpoint is woken or used again: what a release would answer now is of no interest. */
  overtaken(): void {
    this.#sentAt = undefined;
  }

  /** Handles a clock that jumps back: no pause from `now` is longer than the longest. */
  clockWentBack(now: number): void {
    this.#pausedUntil = Math.min(this.#pausedUntil, now + LONGEST_PAUSE_MS);
    if (this.#sentAt !== undefined) this.#sentAt = Math.min(this.#sentAt, now);
  }
}
