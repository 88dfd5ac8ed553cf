/**
 * The order of the lanes by their first runs, where each run has a key of its own. Lanes of API keys
 * whose turn is not yet are set aside, so that they are not asked each time: each is asked again once
 * those keys may go that had as much service as its key when it was asked last.
 */
import { OrderedQueue } from './ordered-queue.ts';
import { type Ahead, RankedQueue } from './ranked-queue.ts';
import { type Lane, presentKey, type RunEntry, seqOf } from './run-entry.ts';

export class FirstRuns {
  /** Lanes by their first runs, but for those that changed since it was asked last. */
  readonly #lanes = new RankedQueue<Lane>();
  readonly #changed = new Set<Lane>();
  /** Those that are set aside, by the service that their keys had, slot-ms. */
  readonly #aside = new OrderedQueue<Lane>();
  /** All runs in one list, once it was asked for. */
  #all: RankedQueue<RunEntry> | undefined;

  changed(lane: Lane): void {
    this.#changed.add(lane);
  }

  /** Calls of the lane cannot go before those of a key that had so much service, slot-ms. */
  setAside(lane: Lane, usedMs: number): void {
    this.#lanes.delete(lane);
    this.#aside.set(lane, usedMs, lane.seq);
  }

  /** Lanes of keys that had no more service than this are asked again. */
  readmit(mostUsedMs = Infinity): void {
    for (let lane = this.#aside.peek(); lane; lane = this.#aside.peek()) {
      if (this.#aside.peekKey() > mostUsedMs) break;
      this.#aside.delete(lane);
      this.#changed.add(lane);
    }
  }

  /** `mostUsedMs`: runs of keys that had more service cannot go, and need not be told. */
  *firsts(mostUsedMs?: number): Iterable<RunEntry> {
    this.readmit(mostUsedMs);
    // All of them first: a call that changed lanes is the first of one and was that of another.
    for (const lane of this.#changed) this.#lanes.delete(lane);
    for (const lane of this.#changed) {
      const first = lane.queue.peek();
      if (!first) this.#aside.delete(lane);
      else if (!this.#aside.has(lane)) {
        this.#lanes.set(lane, presentKey(first) ?? Infinity, seqOf(first));
      }
    }
    this.#changed.clear();
    for (const { queue } of this.#lanes.inOrder()) {
      const first = queue.peek();
      if (first) yield first;
    }
  }

  set(entry: RunEntry, key: number): void {
    this.#all?.set(entry, key, seqOf(entry), entry.load);
  }

  delete(entry: RunEntry): void {
    this.#all?.delete(entry);
    if (this.#all?.size === 0) this.#all = undefined;
  }

  /** What goes before an item of this key and sequence number in all of these lanes together. */
  before(key: number, seq: number, lanes: ReadonlyMap<string, Lane>): Ahead {
    if (!this.#all) {
      const [first] = lanes.values();
      if (first && lanes.size === 1) return first.queue.before(key, seq);
      this.#all = new RankedQueue();
      for (const { queue } of lanes.values()) {
        for (const entry of queue.inOrder()) this.set(entry, presentKey(entry) ?? Infinity);
      }
    }
    return this.#all.before(key, seq);
  }
}
