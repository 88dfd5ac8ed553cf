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
  /** Lanes by their first runs, but for those that changed since it was asked last. */
  readonly #order = new RankedQueue<Lane>();
  readonly #moved = new Set<Lane>();
  /** Those of calls that are held back, by the endpoint. */
  readonly #ofPlace = new Map<string, Set<Lane>>();
  /** The lanes in which runs of an application wait, where these have one key. */
  readonly #ofApp = new Map<string, Set<Lane>>();
  /** All runs of all lanes together. */
  #calls = 0;
  #workMs = 0;

  /** `sharesByApp`: the key is that of the run's application. */
  constructor(sharesByApp: boolean) {
    this.#sharesByApp = sharesByApp;
  }

  has(key: string, place: string): boolean {
    return this.#lanes.has(laneName(key, place));
  }

  /** Puts an entry into the lane of an API key, out of any other, or changes its place there. */
  set(entry: RunEntry, key: string, rank: number, load: Load): void {
    if (entry.lane?.key !== key) {
      this.leave(entry);
      entry.lane = this.#lane(key, entry.place);
    }
    this.#change(entry.lane, ({ queue }) => queue.set(entry, rank, seqOf(entry), load));
  }

  leave(entry: RunEntry): void {
    const { lane } = entry;
    if (!lane) return;
    this.#change(lane, ({ queue }) => queue.delete(entry));
    if (lane.queue.size > 0) return;
    this.#lanes.delete(laneName(lane.key, lane.place));
    const ofPlace = this.#ofPlace.get(lane.place);
    if (ofPlace?.delete(lane) && ofPlace.size === 0) this.#ofPlace.delete(lane.place);
  }

  #lane(key: string, place: string): Lane {
    const name = laneName(key, place);
    const existing = this.#lanes.get(name);
    if (existing) return existing;
    const lane: Lane = {
      key,
      place,
      queue: this.#newQueue((app, has) => this.#hasApp(lane, app, has)),
    };
    this.#lanes.set(name, lane);
    const ofPlace = this.#ofPlace.get(place);
    if (ofPlace) ofPlace.add(lane);
    else if (place !== '') this.#ofPlace.set(place, new Set([lane]));
    return lane;
  }

  #newQueue(onApp: (app: string, isThere: boolean) => void): Lane['queue'] {
    if (!this.#sharesByApp) return new RankedQueue<RunEntry>();
    return new SharedQueue<RunEntry>(({ run }) => run.app, onApp);
  }

  #hasApp(lane: Lane, app: string, isThere: boolean): void {
    const lanes = this.#ofApp.get(app) ?? new Set();
    if (isThere) this.#ofApp.set(app, lanes.add(lane));
    else if (lanes.delete(lane) && lanes.size === 0) this.#ofApp.delete(app);
  }

  #change(lane: Lane, change: (lane: Lane) => void): void {
    const { queue } = lane;
    this.#calls -= queue.calls;
    this.#workMs -= queue.workMs;
    change(lane);
    this.#calls += queue.calls;
    this.#workMs += queue.workMs;
    this.#moved.add(lane);
  }

  /** The lanes in the order of their first runs. */
  get #ordered(): RankedQueue<Lane> {
    // All of them first: a call that changed lanes is the first of one and was that of another.
    for (const lane of this.#moved) this.#order.delete(lane);
    for (const lane of this.#moved) {
      const { queue } = lane;
      if (queue.size > 0) this.#order.set(lane, queue.peekKey(), queue.peekSeq());
    }
    this.#moved.clear();
    return this.#order;
  }

  /** The first of all lanes that `may` go. */
  first(may: (lane: Lane) => boolean): RunEntry | undefined {
    for (const lane of this.#ordered.inOrder()) if (may(lane)) return lane.queue.peek();
    return undefined;
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    return this.#ordered.peekKey();
  }

  /** Re-keys all runs of an application, where they have one key. */
  rekeyApp(app: string, keyOf: (first: RunEntry) => number): void {
    for (const lane of this.#ofApp.get(app) ?? []) {
      if (lane.queue instanceof SharedQueue) lane.queue.rekey(app, keyOf);
      this.#moved.add(lane);
    }
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
      if (isShared && laneKey !== entry.lane?.key) {
        const share = Math.min(1, turns / lane.calls);
        items += Math.round(lane.size * share);
        calls += lane.calls * share;
        workMs += lane.workMs * share;
      } else {
        const other = lane.before(key, seqOf(entry));
        items += other.items;
        calls += other.calls;
        workMs += other.workMs;
      }
    }
    return { items, calls, workMs };
  }

  /** Slots of the calls that are held back for an endpoint and whose key is at most this one. */
  heldBefore(endpoint: string, key: number): number {
    let held = 0;
    for (const { queue } of this.#ofPlace.get(endpoint) ?? []) {
      held += queue.before(key, Infinity).calls;
    }
    return held;
  }

  /** What goes before a call that goes after all. */
  get load(): Load {
    return { calls: this.#calls, workMs: this.#workMs };
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
