/**
 * The samples of one state (a unit at its n-th visit), one row a finished run, in one Uint16Array of
 * logarithmic codes: an application is known in tens of kilobytes, and a query walks memory in order.
 *
 * A row: calls of this visit, calls before it, input tokens of its largest call, work before it in
 * ms; the time from this visit's submission to the end of the run, had it never waited; then for
 * every backend of the application the input and the output that the run still asked of it, this
 * visit included, and the time from this visit's submission until the backend was needed.
 */
import type { Demand, Speed } from '../runs/demand.ts';
import type { Likeness } from '../runs/visit-state.ts';
import { decode, encode } from './log-code.ts';
import { nearestRows } from './nearest.ts';
import type { Random } from './random.ts';

/** Samples kept of one state. */
export const SAMPLE_CAPACITY = 256;
/** A sample's weight halves in this many newer ones at the least, and in a day at the least. */
const HALF_LIFE_SAMPLES = 200;
const DAY_MS = 86_400_000;
/** The nearest samples: at least so many, and at least this share. */
const LEAST_NEAREST = 20;
const NEAREST_SHARE = 0.2;
/** What a change of the application leaves of its old samples. */
const FADED_SHARE = 0.2;
const FEATURES = 4;
/** The features and the critical path. */
const HEAD = FEATURES + 1;
const PER_BACKEND = 3;
const NEVER = encode(Infinity);
/** Used again by each query. */
const scratchDistance = new Float64Array(SAMPLE_CAPACITY);

/** Memory of one sample of an application with so many backends. */
export function bytesPerSample(backends: number): number {
  return 2 * (HEAD + backends * PER_BACKEND);
}

/** What a finished run still asked of one backend. */
export interface BackendShare {
  readonly remaining: Demand;
  readonly needMs: number;
}

export interface VisitSample extends Likeness {
  /** From the visit's submission to the end of the run on an idle cluster, ms. */
  readonly pathMs: number;
  /** By the application's backend index. */
  readonly shares: readonly BackendShare[];
}

export class SampleTable {
  #rows = new Uint16Array(0);
  #backends: number;
  #size = 0;
  /** Sum and sum of squares of each feature over all rows. */
  readonly #sums = new Float64Array(FEATURES);
  readonly #squares = new Float64Array(FEATURES);
  #ratePerDay = 0;
  #lastAt = 0;

  constructor(backends: number) {
    this.#backends = backends;
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
  add(sample: VisitSample, at: number, random: Random, capacity = SAMPLE_CAPACITY): void {
    this.#widen(sample.shares.length);
    this.#countArrival(at);
    if (this.#size > capacity) this.#shrink(capacity);
    let row = this.#size;
    if (row < capacity) {
      this.#size += 1;
      this.#resize(Math.min(capacity, this.#size * 2));
    } else {
      // One replaced at random per taken sample halves the others' weight in capacity ln 2 of them.
      const halfLife = Math.max(HALF_LIFE_SAMPLES, this.#ratePerDay);
      if (random() > (capacity * Math.LN2) / halfLife) return;
      row = Math.floor(random() * capacity);
      this.#count(row, -1);
    }
    this.#write(row, sample);
    this.#count(row, 1);
  }

  /** Old samples lose their weight: each stays with a chance of a fifth. */
  fade(random: Random): void {
    const stride = this.#stride;
    let kept = 0;
    for (let row = 0; row < this.#size; row += 1) {
      if (random() < FADED_SHARE) {
        this.#rows.copyWithin(kept * stride, row * stride, (row + 1) * stride);
        kept += 1;
      } else {
        this.#count(row, -1);
      }
    }
    this.#size = kept;
  }

  /** All row numbers. */
  all(): Int32Array {
    return Int32Array.from({ length: this.#size }, (_, i) => i);
  }

  /**
   * Row numbers of the samples nearest to a waiting run in work so far, fan-out and input tokens:
   * at least max(20, size/5) of them, or all where there are not so many. Valid until the next
   * query.
   */
  nearest(like: Likeness): Int32Array {
    const keep = Math.max(LEAST_NEAREST, Math.ceil(this.#size * NEAREST_SHARE));
    if (keep >= this.#size) return this.all();
    const distance = scratchDistance.subarray(0, this.#size).fill(0);
    this.#addDistance(distance, 0, like.fanOut);
    this.#addDistance(distance, 1, like.fanOutBefore);
    this.#addDistance(distance, 2, like.inputTokens);
    this.#addDistance(distance, 3, like.beforeMs);
    return nearestRows(distance, keep);
  }

  /** Work in milliseconds of one backend, this visit and after it, for each of the rows. */
  remainingMs(rows: Int32Array, backend: number, speed: Speed): Float64Array {
    const out = new Float64Array(rows.length);
    // A backend that came after the last sample of this state: none of them asked for it.
    if (backend >= this.#backends) return out;
    for (let i = 0; i < rows.length; i += 1) {
      const at = this.#offset(rows[i] ?? 0, backend);
      out[i] = this.#at(at) * speed.inputMs + this.#at(at + 1) * speed.outputMs;
    }
    return out;
  }

  /** Milliseconds from the visit's submission to the end of a run that never waits. */
  pathMs(rows: Int32Array): Float64Array {
    const out = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i += 1) {
      out[i] = this.#at((rows[i] ?? 0) * this.#stride + FEATURES);
    }
    return out;
  }

  /** Milliseconds from the visit's submission until a backend was needed, for each of the rows. */
  needMs(rows: Int32Array, backend: number): Float64Array {
    const out = new Float64Array(rows.length).fill(Infinity);
    if (backend >= this.#backends) return out;
    for (let i = 0; i < rows.length; i += 1) {
      out[i] = this.#at(this.#offset(rows[i] ?? 0, backend) + 2);
    }
    return out;
  }

  /** Adds the squared distance in one feature, in units of its variance. */
  #addDistance(distance: Float64Array, feature: number, target: number): void {
    const n = this.#size;
    const stride = this.#stride;
    const squares = this.#squares[feature] ?? 0;
    const variance = squares / n - ((this.#sums[feature] ?? 0) / n) ** 2;
    // Equal numbers have a variance of 0 but for the rounding of these sums.
    if (variance <= (1e-9 * squares) / n) return;
    const weight = 1 / variance;
    for (let row = 0, at = feature; row < n; row += 1, at += stride) {
      const d = decode(this.#rows[at] ?? 0) - target;
      distance[row] = (distance[row] ?? 0) + d * d * weight;
    }
  }

  /** Takes a row into the sums of its features, or out of them. */
  #count(row: number, sign: 1 | -1): void {
    const head = row * this.#stride;
    for (let f = 0; f < FEATURES; f += 1) {
      const v = this.#at(head + f);
      this.#sums[f] = (this.#sums[f] ?? 0) + sign * v;
      this.#squares[f] = (this.#squares[f] ?? 0) + sign * v * v;
    }
  }

  /** The application has more states now: the older samples of this one make room. */
  #shrink(capacity: number): void {
    const dropped = this.#size - capacity;
    for (let row = 0; row < dropped; row += 1) this.#count(row, -1);
    this.#rows = this.#rows.slice(dropped * this.#stride, this.#size * this.#stride);
    this.#size = capacity;
  }

  #countArrival(at: number): void {
    const elapsed = Math.max(0, at - this.#lastAt);
    this.#ratePerDay = this.#ratePerDay * Math.exp(-elapsed / DAY_MS) + 1;
    this.#lastAt = Math.max(at, this.#lastAt);
  }

  #write(row: number, sample: VisitSample): void {
    const { fanOut, fanOutBefore, inputTokens, beforeMs, pathMs, shares } = sample;
    const head = [fanOut, fanOutBefore, inputTokens, beforeMs, pathMs];
    this.#rows.set(head.map(encode), row * this.#stride);
    for (let b = 0; b < this.#backends; b += 1) {
      const s = shares[b];
      const codes = s
        ? [encode(s.remaining.input), encode(s.remaining.output), encode(s.needMs)]
        : [0, 0, NEVER];
      this.#rows.set(codes, this.#offset(row, b));
    }
  }

  get #stride(): number {
    return HEAD + this.#backends * PER_BACKEND;
  }

  #offset(row: number, backend: number): number {
    return row * this.#stride + HEAD + backend * PER_BACKEND;
  }

  #at(index: number): number {
    return decode(this.#rows[index] ?? 0);
  }

  /** Makes room for so many rows, where there is less. */
  #resize(rows: number): void {
    if (this.#size * this.#stride <= this.#rows.length) return;
    const bigger = new Uint16Array(rows * this.#stride);
    bigger.set(this.#rows);
    this.#rows = bigger;
  }

  /** A backend that the application had not used before: older samples never needed it. */
  #widen(backends: number): void {
    if (backends <= this.#backends) return;
    const old = this.#rows;
    const oldStride = this.#stride;
    const oldBackends = this.#backends;
    this.#backends = backends;
    this.#rows = new Uint16Array(this.#size * this.#stride);
    for (let row = 0; row < this.#size; row += 1) {
      this.#rows.set(old.subarray(row * oldStride, (row + 1) * oldStride), row * this.#stride);
      for (let b = oldBackends; b < backends; b += 1) this.#rows[this.#offset(row, b) + 2] = NEVER;
    }
  }
}
