/**
 * A dispatcher on a clock of its own, for tests: events that are due later come at their time, and
 * the dispatcher's own steps between them. What the world does is the test's: see `step`.
 */
import type { DispatchEvent } from '../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../src/core/dispatch/dispatcher.ts';

/** More steps than any test needs. */
const MOST_STEPS = 100_000;

export abstract class TimedDispatcher {
  abstract readonly dispatcher: Dispatcher;
  now = 0;
  readonly #due: Array<{ at: number; event: DispatchEvent }> = [];

  /** Takes a step now, and lets the world react to its effects. */
  abstract step(...events: DispatchEvent[]): void;

  protected later(inMs: number, event: DispatchEvent): void {
    this.#due.push({ at: this.now + inMs, event });
  }

  /** Runs what is due until a time. */
  until(ms: number): void {
    for (let steps = 0; ; steps += 1) {
      if (steps > MOST_STEPS) throw new Error('something is due for ever');
      this.#due.sort((a, b) => a.at - b.at);
      const at = Math.min(this.#due[0]?.at ?? Infinity, this.dispatcher.dueAt(this.now));
      if (at > ms) break;
      this.now = Math.max(this.now, at);
      const due = this.#due[0];
      if (due && due.at <= this.now) this.#due.shift();
      this.step(due && due.at <= this.now ? due.event : { type: 'tick' });
    }
    this.now = ms;
  }
}
