/**
 * Continuous batching: at most `slots` calls in service, the others wait inside the endpoint in
 * order of arrival, as in a real engine. A well-behaved dispatcher never makes one wait here, so
 * `maxInFlight` shows whether it over-admits.
 */

export class SlotBatch {
  readonly #slots: number;
  readonly #waiting: Array<() => void> = [];
  running = 0;
  /** High-water marks of calls in service, and of calls in service or waiting. */
  maxRunning = 0;
  maxInFlight = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The high-water marks begin anew from what is here now. */
  resetMarks(): void {
    this.maxRunning = this.running;
    this.maxInFlight = this.running + this.#waiting.length;
  }

  /** Starts the call when there is a slot; returns what takes it out again, once. */
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
