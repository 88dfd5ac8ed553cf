/**
 * The samples of one state (a unit at its n-th visit; all states: visit-samples.ts), a row per
 * finished run, in one Uint16Array of logarithmic codes: an application takes tens of kilobytes,
 * and a query reads memory in order. The columns of a row are in visit-sample.ts.
 */
import type { Speed } from '../runs/demand.ts';
import type { Likeness } from '../runs/visit-state.ts';
import { decode, encode } from './log-code.ts';
import { nearestRows } from './nearest.ts';
import { type NeedTimes, NO_TIMES, needTimes } from './need-times.ts';
import type { Random } from './random.ts';
import { BACKEND_COLUMNS, FEATURES, HEAD_COLUMNS, type VisitSample } from './visit-sample.ts';

/** Samples kept of one state. */
export const SAMPLE_CAPACITY = 256;
/** A sample's weight halves with this many newer ones, or in a day if that is longer. */
const HALF_LIFE_SAMPLES = 200;
const DAY_MS = 86_400_000;
/** Minimum number and minimum share of the nearest samples that a query returns. */
const MIN_NEAREST = 20;
const MIN_NEAREST_SHARE = 0.2;
/** Share of the old samples that is kept when the application has changed. */
const FADED_SHARE = 0.2;
const NEVER = encode(Infinity);
/** The need times of all samples are read again when this share of them has changed. */
const CHANGED_SHARE = 1 / 16;
/** Reused by each query. */
const scratchDistance = new Float64Array(SAMPLE_CAPACITY);

export class SampleTable {
  #rows = new Uint16Array(0);
  #backends: number;
  #size = 0;
  /** Sum and sum of squares of each feature over all rows. */
  readonly #sums = new Float64Array(FEATURES);
  readonly #squares = new Float64Array(FEATURES);
  #ratePerDay = 0;
  #lastAt = 0;
  /** Samples written or dropped so far. */
  #changes = 0;
  /** By backend: the need times of all samples, and the number of changes up to then. */
  readonly #pooledNeeds: Array<{ times: NeedTimes; readAt: number } | undefined> = [];

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
   * Adds a sample to a decayed reservoir: it replaces a random old one, so weights decay
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
      // If every sample replaced one, weights would halve within capacity * ln 2 samples.
      const halfLife = Math.max(HALF_LIFE_SAMPLES, this.#ratePerDay);
      if (random() > (capacity * Math.LN2) / halfLife) return;
      row = Math.floor(random() * capacity);
      this.#count(row, -1);
    }
    this.#write(row, sample);
    this.#count(row, 1);
  }

  /** Shrinks the weight of old samples to a fifth: each is kept with that probability. */
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
   * Row numbers of the samples nearest to a run in its work so far, fan-out and input tokens: at
   * least max(20, size/5), or all if there are fewer. Valid until the next query.
   */
  nearest(like: Likeness): Int32Array {
    const keep = Math.max(MIN_NEAREST, Math.ceil(this.#size * MIN_NEAREST_SHARE));
    if (keep >= this.#size) return this.all();
    const distance = scratchDistance.subarray(0, this.#size).fill(0);
    this.#addDistance(distance, 0, like.fanOut);
    this.#addDistance(distance, 1, like.fanOutBefore);
    this.#addDistance(distance, 2, like.inputTokens);
    this.#addDistance(distance, 3, like.beforeMs);
    return nearestRows(distance, keep);
  }

  /** Remaining work of one backend, this visit included, for each of the rows, slot-ms. */
  remainingMs(rows: Int32Array, backend: number, speed: Speed): Float64Array {
    const out = new Float64Array(rows.length);
    // The backend is newer than the last sample of this state, so no sample asked for it.
    if (backend >= this.#backends) return out;
    for (let i = 0; i < rows.length; i += 1) {
      const at = this.#offset(rows[i] ?? 0, backend);
      out[i] = this.#at(at) * speed.inputMs + this.#at(at + 1) * speed.outputMs;
    }
    return out;
  }

  /** Time from the visit's submission to the end of a run that never waits, for each row, ms. */
  pathMs(rows: Int32Array): Float64Array {
    const out = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i += 1) {
      out[i] = this.#at((rows[i] ?? 0) * this.#stride + FEATURES);
    }
    return out;
  }

  /** Time from the visit's submission until a backend was needed, for each row, ms. */
  needMs(rows: Int32Array, backend: number): Float64Array {
    const out = new Float64Array(rows.length).fill(Infinity);
    if (backend >= this.#backends) return out;
    for (let i = 0; i < rows.length; i += 1) {
      out[i] = this.#at(this.#offset(rows[i] ?? 0, backend) + 2);
    }
    return out;
  }

  /** The need times of all samples, up to a few that are new or gone. */
  pooledNeeds(backend: number): NeedTimes {
    if (backend >= this.#backends) return NO_TIMES;
    const pooled = this.#pooledNeeds[backend];
    const stale = this.#changes - (pooled?.readAt ?? 0);
    if (pooled && (stale === 0 || stale < this.#size * CHANGED_SHARE)) return pooled.times;
    const times = needTimes(this.needMs(this.all(), backend));
    this.#pooledNeeds[backend] = { times, readAt: this.#changes };
    return times;
  }

  /** Adds the squared distance in one feature, divided by the feature's variance. */
  #addDistance(distance: Float64Array, feature: number, target: number): void {
    const n = this.#size;
    const stride = this.#stride;
    const squares = this.#squares[feature] ?? 0;
    const variance = squares / n - ((this.#sums[feature] ?? 0) / n) ** 2;
    // The variance of equal values differs from 0 by the rounding of these sums.
    if (variance <= (1e-9 * squares) / n) return;
    const weight = 1 / variance;
    for (let row = 0, at = feature; row < n; row += 1, at += stride) {
      const d = decode(this.#rows[at] ?? 0) - target;
      distance[row] = (distance[row] ?? 0) + d * d * weight;
    }
  }

  /** Adds a row to the sums of the features (1), or subtracts it from them (-1). */
  #count(row: number, sign: 1 | -1): void {
    this.#changes += 1;
    const head = row * this.#stride;
    for (let f = 0; f < FEATURES; f += 1) {
      const v = this.#at(head + f);
      this.#sums[f] = (this.#sums[f] ?? 0) + sign * v;
      this.#squares[f] = (this.#squares[f] ?? 0) + sign * v * v;
    }
  }

  /** Drops the first rows: the application has more states now, so each keeps fewer samples. */
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
    return HEAD_COLUMNS + this.#backends * BACKEND_COLUMNS;
  }

  #offset(row: number, backend: number): number {
    return row * this.#stride + HEAD_COLUMNS + backend * BACKEND_COLUMNS;
  }

  #at(index: number): number {
    return decode(this.#rows[index] ?? 0);
  }

  /** Grows the memory to `rows` rows where the present rows do not fit. */
  #resize(rows: number): void {
    if (this.#size * this.#stride <= this.#rows.length) return;
    const bigger = new Uint16Array(rows * this.#stride);
    bigger.set(this.#rows);
    this.#rows = bigger;
  }

  /** Adds columns for new backends of the application: older samples never needed them. */
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
