/**
 * The samples of one state (a unit at its n-th visit), one row a finished run, in one Float32Array:
 * an application is known in tens of kilobytes, and a query walks memory in order.
 *
 * A row: [calls of this visit, calls before it, input tokens of its largest call], then for every
 * backend of the application [before, here, after] x [input, output] and the time from this visit's
 * submission until the backend was needed (Infinity: never).
 */
import type { Demand, Speed } from './demand.ts';
import type { Random } from './random.ts';

/** Samples kept of one state. */
export const SAMPLE_CAPACITY = 256;
/** Below this age an old sample is not forgotten faster than it takes 200 new ones to replace it. */
const HALF_LIFE_SAMPLES = 200;
const DAY_MS = 86_400_000;
const HEAD = 3;
const PER_BACKEND = 7;

/** What a finished run did at one visit, for one backend. */
export interface BackendShare {
  readonly before: Demand;
  readonly here: Demand;
  readonly after: Demand;
  readonly needMs: number;
}

export interface VisitSample {
  readonly fanOut: number;
  readonly fanOutBefore: number;
  readonly inputTokens: number;
  /** By the application's backend index. */
  readonly shares: readonly BackendShare[];
}

/** What is known of a run that waits at a state; it chooses the samples that resemble it. */
export interface Likeness {
  readonly fanOut: number;
  readonly fanOutBefore: number;
  readonly inputTokens: number;
  /** Work done before this visit, over all backends. */
  readonly beforeMs: number;
}

export class SampleTable {
  #rows: Float32Array;
  #backends: number;
  #size = 0;
  #seen = 0;
  #ratePerDay = 0;
  #lastAt = 0;

  constructor(backends: number) {
    this.#backends = backends;
    this.#rows = new Float32Array(0);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that the samples occupy. */
  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /**
   * A decayed reservoir: a new sample takes the place of a random old one, so that weights fall
   * geometrically, by half in the larger of 200 samples and a day.
   */
  add(sample: VisitSample, at: number, random: Random): void {
    this.#widen(sample.shares.length);
    this.#countArrival(at);
    let row = this.#size;
    if (row < SAMPLE_CAPACITY) {
      this.#size += 1;
      this.#grow();
    } else {
      if (random() > Math.min(1, HALF_LIFE_SAMPLES / this.#ratePerDay)) return;
      row = Math.floor(random() * SAMPLE_CAPACITY);
    }
    this.#write(row, sample);
  }

  /** All row numbers. */
  all(): Int32Array {
    return Int32Array.from({ length: this.#size }, (_, i) => i);
  }

  /**
   * Row numbers of the samples nearest to a waiting run in work so far, fan-out and input tokens:
   * at least max(20, size/5) of them, or all where there are not so many.
   */
  nearest(like: Likeness, speeds: readonly Speed[]): Int32Array {
    const n = this.#size;
    const keep = Math.min(n, Math.max(20, Math.ceil(n / 5)));
    const rows = this.all();
    if (keep === n) return rows;
    const distance = this.#distances(like, speeds);
    // Equal distances (the usual case: equal features) keep the order of the rows, so that a query
    // gives the same answer each time.
    rows.sort((a, b) => (distance[a] ?? 0) - (distance[b] ?? 0) || a - b);
    return rows.subarray(0, keep);
  }

  /** Work in milliseconds of one backend, this visit and after it, for each of the rows. */
  remainingMs(rows: Int32Array, backend: number, speed: Speed): Float64Array {
    const out = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i += 1) {
      const at = this.#offset(rows[i] ?? 0, backend);
      out[i] =
        (this.#at(at + 2) + this.#at(at + 4)) * speed.inputMs +
        (this.#at(at + 3) + this.#at(at + 5)) * speed.outputMs;
    }
    return out;
  }

  /** Milliseconds from the visit's submission until a backend was needed, for each of the rows. */
  needMs(rows: Int32Array, backend: number): Float64Array {
    const out = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i += 1) {
      out[i] =
        backend < this.#backends ? this.#at(this.#offset(rows[i] ?? 0, backend) + 6) : Infinity;
    }
    return out;
  }

  #distances(like: Likeness, speeds: readonly Speed[]): Float64Array {
    const n = this.#size;
    const distance = new Float64Array(n);
    const feature = new Float64Array(n);
    const fold = (target: number, of: (row: number) => number) => {
      let sum = 0;
      let squares = 0;
      for (let row = 0; row < n; row += 1) {
        const v = of(row);
        feature[row] = v;
        sum += v;
        squares += v * v;
      }
      const variance = squares / n - (sum / n) ** 2;
      if (variance <= 1e-9) return;
      for (let row = 0; row < n; row += 1) {
        distance[row] = (distance[row] ?? 0) + ((feature[row] ?? 0) - target) ** 2 / variance;
      }
    };
    const stride = this.#stride;
    fold(like.fanOut, (row) => this.#at(row * stride));
    fold(like.fanOutBefore, (row) => this.#at(row * stride + 1));
    fold(like.inputTokens, (row) => this.#at(row * stride + 2));
    fold(like.beforeMs, (row) => this.#beforeMs(row, speeds));
    return distance;
  }

  #beforeMs(row: number, speeds: readonly Speed[]): number {
    let total = 0;
    for (let b = 0; b < this.#backends; b += 1) {
      const at = this.#offset(row, b);
      const speed = speeds[b];
      if (speed) total += this.#at(at) * speed.inputMs + this.#at(at + 1) * speed.outputMs;
    }
    return total;
  }

  #countArrival(at: number): void {
    const elapsed = Math.max(0, at - this.#lastAt);
    this.#seen += 1;
    this.#ratePerDay = this.#seen === 1 ? 1 : this.#ratePerDay * Math.exp(-elapsed / DAY_MS) + 1;
    this.#lastAt = Math.max(at, this.#lastAt);
  }

  #write(row: number, sample: VisitSample): void {
    const head = row * this.#stride;
    this.#rows.set([sample.fanOut, sample.fanOutBefore, sample.inputTokens], head);
    for (let b = 0; b < this.#backends; b += 1) {
      const s = sample.shares[b];
      this.#rows.set(
        s
          ? [
              s.before.input,
              s.before.output,
              s.here.input,
              s.here.output,
              s.after.input,
              s.after.output,
              s.needMs,
            ]
          : [0, 0, 0, 0, 0, 0, Infinity],
        this.#offset(row, b),
      );
    }
  }

  get #stride(): number {
    return HEAD + this.#backends * PER_BACKEND;
  }

  #offset(row: number, backend: number): number {
    return row * this.#stride + HEAD + backend * PER_BACKEND;
  }

  #at(index: number): number {
    return this.#rows[index] ?? 0;
  }

  #grow(): void {
    const needed = this.#size * this.#stride;
    if (needed <= this.#rows.length) return;
    const bigger = new Float32Array(Math.min(SAMPLE_CAPACITY, this.#size * 2) * this.#stride);
    bigger.set(this.#rows);
    this.#rows = bigger;
  }

  /** A backend that the application had not used before: older samples never needed it. */
  #widen(backends: number): void {
    if (backends <= this.#backends) return;
    const old = this.#rows;
    const oldStride = this.#stride;
    this.#backends = backends;
    const rows = new Float32Array(this.#size * this.#stride);
    for (let row = 0; row < this.#size; row += 1) {
      rows.set(old.subarray(row * oldStride, (row + 1) * oldStride), row * this.#stride);
      const oldBackends = (oldStride - HEAD) / PER_BACKEND;
      for (let b = oldBackends; b < backends; b += 1) {
        rows[row * this.#stride + HEAD + b * PER_BACKEND + 6] = Infinity;
      }
    }
    this.#rows = rows;
  }
}
