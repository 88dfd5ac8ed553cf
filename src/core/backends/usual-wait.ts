/**
 * How long calls of one endpoint usually wait for their first byte, so that a call which the platform
 * held during a cold start is told from one that was served at once. Speeds for ranks and forecasts
 * are in backend-speed.ts.
 */
import type { CallResult } from '../runs/call-result.ts';

/** Weight of a new observation. */
const WEIGHT = 0.1;
/** Observations from which on the usual wait is known. */
const LEAST_SEEN = 3;
/**
 * An answer in one piece shows no first byte: only a service time far beyond what its output takes
 * tells. Calls without tokens take any time, so that they tell only that they were not held.
 */
const SURELY_NOT_HELD = 1.5;
const SURELY_HELD = 4;

class Average {
  value = 0;
  seen = 0;

  add(value: number): void {
    this.seen += 1;
    this.value += (value - this.value) * Math.max(WEIGHT, 1 / this.seen);
  }
}

export class UsualWait {
  readonly #firstByteMs = new Average();
  readonly #perTokenMs = new Average();
  readonly #serviceMs = new Average();
  readonly #perOutputTokenMs = new Average();

  /** A call was served by an endpoint that was up. */
  observe({ firstByteMs, serviceMs, inputTokens = 0, outputTokens = 0 }: CallResult): void {
    this.#serviceMs.add(serviceMs);
    if (outputTokens > 0) this.#perOutputTokenMs.add(serviceMs / outputTokens);
    if (firstByteMs === undefined) return;
    this.#firstByteMs.add(firstByteMs);
    if (inputTokens > 0) this.#perTokenMs.add(firstByteMs / inputTokens);
  }

  /** True where enough calls were observed to find a call slow. */
  isKnown({ firstByteMs }: CallResult): boolean {
    return (firstByteMs === undefined ? this.#serviceMs : this.#firstByteMs).seen >= LEAST_SEEN;
  }

  /** Time that a call was held beyond the usual, ms; undefined where it does not show. */
  heldMs(result: CallResult): number | undefined {
    const { firstByteMs, serviceMs, inputTokens = 0, outputTokens = 0 } = result;
    if (firstByteMs !== undefined) {
      const perToken = this.#perTokenMs.value * inputTokens;
      return Math.max(0, firstByteMs - Math.max(this.#firstByteMs.value, perToken));
    }
    if (this.#serviceMs.seen < LEAST_SEEN) return undefined;
    const outputMs = outputTokens * this.#perOutputTokenMs.value;
    const usualMs = Math.max(this.#serviceMs.value, outputMs);
    if (serviceMs <= SURELY_NOT_HELD * usualMs) return 0;
    const isSlow = outputMs > 0 && serviceMs >= SURELY_HELD * usualMs;
    return isSlow ? serviceMs - usualMs : undefined;
  }
}
