/**
 * The order of the waiting runs of one backend: a lane for each API key and place, each a list that is
 * sorted by the runs' keys (ranked-queue.ts, or shared-queue.ts where all runs of an application have
 * one key). Which calls wait is in waiting-queue.ts.
 */
import { OrderedQueue } from './ordered-queue.ts';
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';
import { type Lane, presentKey, type RunEntry, seqOf } from './run-entry.ts';
import { SharedQueue } from './shared-queue.ts';

export class Lanes {
  /** By place and API key; calls without a key are in the lane of the empty name. */
  readonly #lanes = new Map<string, Lane>();
  readonly #sharesByApp: boolean;

  /** `sharesByApp`: the key is that of the run's application. */
  constructor(sharesByApp: boolean) {
    this.#sharesByApp = sharesByApp;
  }

  has(key: string, place: string): boolean {
    return this.#lanes.has(laneName(key, place));
  }

  /** Puts an entry into the lane of an API key, out of any other. */
  enter(entry: RunEntry, key: string): Lane {
    if (entry.lane?.key === key) return entry.lane;
    this.leave(entry);
    const name = laneName(key, entry.place);
    let lane = this.#lanes.get(name);
    if (!lane) {
      const queue = this.#sharesByApp
        ? new SharedQueue<RunEntry>(({ run }) => run.app)
        : new RankedQueue<RunEntry>();
      lane = { key, place: entry.place, queue };
      this.#lanes.set(name, lane);
    }
    entry.lane = lane;
    return lane;
  }

  leave(entry: RunEntry): void {
    const { lane } = entry;
    if (!lane) return;
    lane.queue.delete(entry);
    if (lane.queue.size > 0) return;
    this.#lanes.delete(laneName(lane.key, lane.place));
  }

  /** The first of all lanes that `may` go, with its key. */
  first(may: (lane: Lane) => boolean): RunEntry | undefined {
    let best: RunEntry | undefined;
    let bestKey = Infinity;
    for (const lane of this.#lanes.values()) {
      const entry = lane.queue.peek();
      const key = lane.queue.peekKey();
      if (!entry || key > bestKey || (best && key === bestKey && seqOf(best) < seqOf(entry))) {
        continue;
      }
      if (may(lane)) [best, bestKey] = [entry, key];
    }
    return best;
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    let least = Infinity;
    for (const { queue } of this.#lanes.values()) least = Math.min(least, queue.peekKey());
    return least;
  }

  /** Re-keys all runs of an application, where they have one key. */
  rekeyApp(app: string, keyOf: (first: RunEntry) => number): void {
    for (const { queue } of this.#lanes.values()) {
      if (queue instanceof SharedQueue) queue.rekey(app, keyOf);
    }
  }

  /** Number of runs that go before one of this key. */
  before(key: number, seq: number): number {
    let before = 0;
    for (const { queue } of this.#lanes.values()) before += queue.before(key, seq).items;
    return before;
  }

  /**
   * What goes before the entry's call at index `at`. `isShared`: API keys take turns, so that of
   * another key's calls about as many go before it as of its own.
   */
  ahead(entry: RunEntry, at: number, isShared: boolean): Ahead | undefined {
    const own = entry.lane?.queue;
    const key = own?.keyOf(entry);
    if (!own || key === undefined) return undefined;
    let { items, calls, workMs } = own.before(key, seqOf(entry));
    const slots = entry.calls.slice(0, at).reduce((sum, one) => sum + one.slots, 0);
    calls += slots;
    workMs += (entry.workMs * slots) / entry.slots;
    const turns = calls + 1;
    for (const { queue: lane, key: laneKey } of this.#lanes.values()) {
      if (lane === own) continue;
      const { total } = lane;
      if (isShared && laneKey !== entry.lane?.key) {
        const share = Math.min(1, turns / total.calls);
        items += Math.round(lane.size * share);
        calls += total.calls * share;
        workMs += total.workMs * share;
      } else {
        const other = lane.before(key, seqOf(entry));
        items += other.items;
        calls += other.calls;
        workMs += other.workMs;
      }
    }
    return { items, calls, workMs };
  }

  /** What goes before a call that goes after all. */
  get load(): Load {
    let [calls, workMs] = [0, 0];
    for (const { queue } of this.#lanes.values()) {
      calls += queue.total.calls;
      workMs += queue.total.workMs;
    }
    return { calls, workMs };
  }

  /** All entries in the order in which they go where any may take a slot. O(log n) for each. */
  *inOrder(): Iterable<RunEntry> {
    const next = new OrderedQueue<Iterator<RunEntry> & { entry?: RunEntry }>();
    const step = (lane: Iterator<RunEntry> & { entry?: RunEntry }) => {
      const { done, value } = lane.next();
      if (done) return void next.delete(lane);
      lane.entry = value;
      next.set(lane, presentKey(value) ?? Infinity, seqOf(value));
    };
    for (const { queue } of this.#lanes.values()) step(queue.inOrder()[Symbol.iterator]());
    for (let lane = next.peek(); lane; lane = next.peek()) {
      if (lane.entry) yield lane.entry;
      step(lane);
    }
  }
}

function laneName(key: string, place: string): string {
  return place === '' ? key : `${key}\n${place}`;
}
