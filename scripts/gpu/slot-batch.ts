/**
 * Continuous batching of the emulated engine: at most `slots` calls are in service, and others wait
 * in order of arrival, as in a real engine. The dispatcher should never make a call wait here:
 * `maxInFlight` above `slots` shows that it admitted too many.
 */

export class SlotBatch {
  readonly #slots: number;
  readonly #waiting: Array<() => void> = [];
  running = 0;
  /** Peaks of the calls in service, and of the calls in service or waiting. */
  maxRunning = 0;
  maxInFlight = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Restarts the peaks from the present numbers. */
  resetMarks(): void {
    this.maxRunning = this.running;
    this.maxInFlight = this.running + this.#waiting.length;
  }

  /**
   * Starts the call when a slot is free; returns a function that removes it, which acts only once.
   */
  enter(start: () => void): () => void {
    let state: 'waiting' | 'running' | 'out' = 'waiting';
    const begin = () => {
      state = 'running';
      this.running += 1;
      this.maxRunning = Math.max(this.maxRunning, this.running);
      start();
    };
    if (this.running < this.#slots) begin();
    else this.#waiting.push(begin);
    this.maxInFlight = Math.max(this.maxInFlight, this.running + this.#waiting.length);
    return () => {
      if (state === 'running') {
        this.running -= 1;
        this.#waiting.shift()?.();
      } else if (state === 'waiting') {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
      }
      state = 'out';
    };
  }
}
