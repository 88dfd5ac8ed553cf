/**
 * Compares the waits that callers are told with the waits that come: as they join the queue, and again
 * after 1, 2, 4, … seconds. The same for a simulation and for a real engine.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';

/** Waits from here on are compared. */
const LEAST_MS = 500;
const FIRST_AGAIN_MS = 1_000;
const CLOSE = 0.3;

interface Told {
  readonly at: number;
  readonly waitMs: number;
}

interface Waiting {
  readonly since: number;
  nextAt: number;
  readonly told: Told[];
}

/** How the told waits compare with those that came. */
export interface WaitReport {
  readonly waits: number;
  /** Share within 30 %. */
  readonly close: number;
  /** Median of told over come: 1 is unbiased. */
  readonly median: number;
}

export class ToldWaits {
  readonly #waiting = new Map<string, Waiting>();
  readonly #joining: number[] = [];
  readonly #later: number[] = [];

  /** To be called after each step of the dispatcher. */
  observe(
    dispatcher: Dispatcher,
    now: number,
    events: readonly DispatchEvent[],
    effects: readonly Effect[],
  ): void {
    for (const event of events) {
      if (event.type !== 'submitted') continue;
      const call = dispatcher.call(event.call.callId);
      if (call && !call.lease) {
        this.#waiting.set(event.call.callId, { since: now, nextAt: now, told: [] });
      }
    }
    for (const effect of effects) if (effect.type === 'granted') this.#granted(effect.callId, now);
    for (const [id, waiting] of this.#waiting) {
      if (now < waiting.nextAt) continue;
      const call = dispatcher.call(id);
      const place = call && dispatcher.place(call, now);
      if (!place) this.#waiting.delete(id);
      else waiting.told.push({ at: now, waitMs: place.waitMs });
      waiting.nextAt = now + Math.max(FIRST_AGAIN_MS, now - waiting.since);
    }
  }

  report(): { joining: WaitReport; later: WaitReport } {
    return { joining: reportOf(this.#joining), later: reportOf(this.#later) };
  }

  #granted(id: string, now: number): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const [i, { at, waitMs }] of (waiting?.told ?? []).entries()) {
      if (now - at > LEAST_MS) (i === 0 ? this.#joining : this.#later).push(waitMs / (now - at));
    }
  }
}

function reportOf(ratios: readonly number[]): WaitReport {
  const sorted = [...ratios].sort((a, b) => a - b);
  const close = ratios.filter((r) => Math.abs(r - 1) <= CLOSE).length;
  return {
    waits: ratios.length,
    close: ratios.length > 0 ? close / ratios.length : Number.NaN,
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
  };
}
