/**
 * The first run of each lane, in order, where each run has a key of its own. Lanes of API keys whose
 * turn is not yet are set aside, so that they are not asked each time: each is asked again once those
 * keys may go that had as much service as its key when it was asked last.
 */
import { merged } from './merged.ts';
import { OrderedQueue } from './ordered-queue.ts';
import { RankedQueue } from './ranked-queue.ts';
import type { Lane, RunEntry } from './run-entry.ts';

export class FirstRuns {
  /** Lanes by their first runs, but for those that changed since it was asked last. */
  readonly #lanes = new RankedQueue<Lane>();
  /** Those that are set aside, in the same order. */
  readonly #aside = new RankedQueue<Lane>();
  /** The same by the service that their keys had, slot-ms. */
  readonly #served = new OrderedQueue<Lane>();
  readonly #changed = new Set<Lane>();

  changed(lane: Lane): void {
    this.#changed.add(lane);
  }

  /** Calls of the lane cannot go before those of a key that had so much service, slot-ms. */
  setAside(lane: Lane, usedMs: number): void {
    this.#served.set(lane, usedMs, lane.seq);
    this.changed(lane);
  }

  /** The service of keys may be less than it was. */
  askAllAgain(): void {
    for (const lane of [...this.#served.values()]) {
      this.#served.delete(lane);
      this.changed(lane);
    }
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    this.#sort();
    return Math.min(this.#lanes.peekKey(), this.#aside.peekKey());
  }

  /** `mostUsedMs`: runs of keys that had more service cannot go, and need not be told; absent: all are. */
  *firsts(mostUsedMs?: number): Iterable<RunEntry> {
    while (mostUsedMs !== undefined && this.#served.peekKey() <= mostUsedMs) {
      const lane = this.#served.pop();
      if (lane) this.changed(lane);
    }
    this.#sort();
    for (const { queue } of mostUsedMs === undefined ? this.#all() : this.#lanes.inOrder()) {
      const first = queue.peek();
      if (first) yield first;
    }
  }

  #all(): Iterable<Lane> {
    if (this.#aside.size === 0) return this.#lanes.inOrder();
    const lists = [this.#lanes, this.#aside].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    return merged(
      lists,
      (list) => list.inOrder(),
      ({ queue }) => ({ key: queue.peekKey(), seq: queue.peekSeq() }),
    );
  }

  #sort(): void {
    // All of them first: a call that changed lanes is the first of one and was that of another.
    for (const lane of this.#changed) {
      this.#lanes.delete(lane);
      this.#aside.delete(lane);
    }
    for (const lane of this.#changed) {
      const { queue } = lane;
      const lanes = this.#served.has(lane) ? this.#aside : this.#lanes;
      if (queue.size > 0) lanes.set(lane, queue.peekKey(), queue.peekSeq());
      else this.#served.delete(lane);
    }
    this.#changed.clear();
  }
}

function isBefore(a: RankedQueue<Lane>, b: RankedQueue<Lane>): boolean {
  const [aKey, bKey] = [a.peekKey(), b.peekKey()];
  return aKey < bKey || (aKey === bKey && a.peekSeq() < b.peekSeq());
}
