/**
 * When slots come free: how many calls will have ended by a time, by how long those that run have run
 * and what they are expected to take. Computed once for all that ask at about the same time, so that
 * a waiter's question costs a binary search. Whether a cold endpoint is woken for waiting calls is
 * decided with freeing-slots.ts.
 */

/** A call that runs: how long so far, and how long in all by what is known of its kind, ms. */
export interface SlotInUse {
  readonly elapsedMs: number;
  readonly expectedMs: number;
  /** Slots that it holds; 1 where absent. */
  readonly slots?: number;
}

/** The least rest of a call, as a share of the time that it has run: a late call is a long one. */
const LATE_SHARE = 0.35;
/** As likely as not, the n-th call has ended once n less this have ended in the mean. */
const MEDIAN = 0.5;
/** Points in time at which the number of ended calls is computed, each so much later than the last. */
const POINTS = 64;
const FIRST_MS = 5;
const STEP = 1.35;
/** Most running calls that are looked at; the others are taken to be like them. */
const MAX_LOOKED_AT = 256;

export class SlotForecast {
  /** Calls of those that run which will have ended by each point. */
  readonly #ended = new Float64Array(POINTS);
  /** Time that their slots will have had for the next calls, slot-ms. */
  readonly #freeMs = new Float64Array(POINTS);
  /** Mean expected time of the calls that run, ms. */
  readonly #usualMs: number;

  /** `count`: the slots in use, of which some may be left out of `running`. */
  constructor(running: Iterable<SlotInUse>, count: number) {
    let lookedAt = 0;
    let sumMs = 0;
    for (const { elapsedMs, expectedMs, slots = 1 } of running) {
      if (lookedAt >= MAX_LOOKED_AT) break;
      lookedAt += slots;
      sumMs += slots * expectedMs;
      this.#add(Math.max(1, expectedMs - elapsedMs, LATE_SHARE * elapsedMs), slots);
    }
    this.#usualMs = lookedAt > 0 ? sumMs / lookedAt : 0;
    const scale = lookedAt > 0 ? count / lookedAt : 0;
    if (scale === 1) return;
    for (let i = 0; i < POINTS; i += 1) {
      this.#ended[i] = (this.#ended[i] ?? 0) * scale;
      this.#freeMs[i] = (this.#freeMs[i] ?? 0) * scale;
    }
  }

  /**
   * Time until a call gets a slot when `calls` go before it, which take `workMs` together, ms. Slots
   * that are free already serve `free` of them at once.
   */
  waitMs(calls: number, workMs: number, free = 0): number {
    const meanMs = Math.max(1, calls > 0 ? workMs / calls : this.#usualMs);
    if (calls < free) return 0;
    const wanted = calls + 1 - MEDIAN - free;
    let [low, high] = [0, POINTS];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#freedBy(middle, meanMs) < wanted) low = middle + 1;
      else high = middle;
    }
    const [from, to] = [low === 0 ? 0 : at(low - 1), at(low)];
    const before = low === 0 ? 0 : this.#freedBy(low - 1, meanMs);
    if (low >= POINTS) return from;
    const after = this.#freedBy(low, meanMs);
    return from + ((to - from) * (wanted - before)) / Math.max(1e-9, after - before);
  }

  #freedBy(point: number, meanMs: number): number {
    return (this.#ended[point] ?? 0) + (this.#freeMs[point] ?? 0) / meanMs;
  }

  /** A call whose rest is anything up to twice its expected rest. */
  #add(restMs: number, slots: number): void {
    for (let i = 0; i < POINTS; i += 1) {
      const ms = at(i);
      const isOver = ms >= 2 * restMs;
      this.#ended[i] = (this.#ended[i] ?? 0) + slots * (isOver ? 1 : ms / (2 * restMs));
      this.#freeMs[i] =
        (this.#freeMs[i] ?? 0) + slots * (isOver ? ms - restMs : ms ** 2 / (4 * restMs));
    }
  }
}

const TIMES = Float64Array.from({ length: POINTS }, (_, i) => FIRST_MS * STEP ** i);

function at(point: number): number {
  return TIMES[point] ?? 0;
}
