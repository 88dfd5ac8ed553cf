/**
 * What an endpoint was when: segments of cold, warming, warm and serving, for people. A segment is
 * closed when the next begins, and handed over with the next batch that is written anyway. Short
 * pauses between calls count as serving, so that traffic adds no segment for each call.
 */
import type { EndpointState, Phase, Segment, TimelineSnapshot } from './endpoint-state.ts';

/** A pause between calls that is shorter counts as serving, ms. */
const SERVING_PAUSE_MS = 30_000;
/** Closed segments that are kept until they are taken, the newest. */
const MAX_KEPT = 256;

export class EndpointTimeline {
  #phase: Phase;
  #paused = false;
  #from: number;
  /** When the last call ended, epoch ms, while none runs; undefined while some do. */
  #quietSince: number | undefined;
  #closed: Segment[] = [];

  constructor(phase: Phase, now: number) {
    this.#phase = phase;
    this.#from = now;
  }

  /** The endpoint is in a state from `at` on. */
  entered(state: EndpointState, hasCalls: boolean, at: number): void {
    this.#endServing(at);
    this.#begin(state === 'warm' && hasCalls ? 'serving' : state, at);
  }

  /** The first of its calls begins. */
  busy(now: number): void {
    if (this.#phase === 'serving') {
      this.#endQuiet(now);
      if (this.#phase === 'serving') {
        this.#quietSince = undefined;
        return;
      }
    }
    if (this.#phase === 'warm') this.#begin('serving', now);
  }

  /** The last of its calls has ended. */
  quiet(now: number): void {
    if (this.#phase === 'serving') this.#quietSince = now;
  }

  paused(isPaused: boolean, now: number): void {
    if (isPaused === this.#paused) return;
    this.#endServing(now);
    this.#close(now);
    this.#paused = isPaused;
  }

  /** Returns and clears the segments that have ended. */
  take(now: number): readonly Segment[] {
    this.#endQuiet(now);
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  /** The segment that is open. */
  get open(): TimelineSnapshot {
    return {
      phase: this.#phase,
      ...(this.#paused ? { paused: true } : {}),
      from: this.#from,
    };
  }

  /** Goes on with what was stored, or begins anew where it is not that any more. */
  restore(from: TimelineSnapshot, state: EndpointState, lastActiveAt: number): void {
    this.#phase = from.phase;
    this.#paused = from.paused ?? false;
    this.#from = from.from;
    if (from.phase === 'serving') this.#quietSince = Math.max(from.from, lastActiveAt);
    const before = from.phase === 'serving' ? 'warm' : from.phase;
    if (before !== state) this.entered(state, false, Math.max(from.from, lastActiveAt));
  }

  /** Handles a clock that jumps back: no segment begins or ends after `now`. */
  clockWentBack(now: number): void {
    this.#from = Math.min(this.#from, now);
    if (this.#quietSince !== undefined) this.#quietSince = Math.min(this.#quietSince, now);
    this.#closed = this.#closed.filter(({ until }) => until <= now);
  }

  /** The time without calls became a pause of its own. */
  #endQuiet(now: number): void {
    if (this.#quietSince === undefined || now - this.#quietSince < SERVING_PAUSE_MS) return;
    this.#endServing(now);
  }

  #endServing(now: number): void {
    const at = this.#quietSince;
    this.#quietSince = undefined;
    if (this.#phase === 'serving' && at !== undefined) this.#begin('warm', Math.min(at, now));
  }

  #begin(phase: Phase, at: number): void {
    if (phase === this.#phase) return;
    this.#close(at);
    this.#phase = phase;
  }

  #close(at: number): void {
    const until = Math.max(this.#from, at);
    const paused = this.#paused ? { paused: true } : {};
    if (until > this.#from) {
      this.#closed.push({ phase: this.#phase, ...paused, from: this.#from, until });
      if (this.#closed.length > MAX_KEPT) this.#closed.shift();
    }
    this.#from = until;
  }
}
