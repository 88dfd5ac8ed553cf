/**
 * The order of the waiting runs of one backend: a lane for each API key and place, each a list that is
 * sorted by the runs' keys (ranked-queue.ts, or shared-queue.ts where all runs of an application have
 * one key). Which calls wait is in waiting-queue.ts.
 */
import { FirstRuns } from './first-runs.ts';
import { merged } from './merged.ts';
import type { KeyTurns } from './queue-contract.ts';
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';
import { type Lane, presentKey, type RunEntry, seqOf } from './run-entry.ts';
import { SharedKeys } from './shared-keys.ts';
import { SharedQueue } from './shared-queue.ts';
import { Turns } from './turns.ts';

export class Lanes {
  /** By place and API key; calls without a key are in the lane of the empty name. */
  readonly #lanes = new Map<string, Lane>();
  readonly #order: FirstRuns | SharedKeys<RunEntry>;
  readonly #turns = new Turns();
  /** Those of calls that are held back, by the endpoint. */
  readonly #ofPlace = new Map<string, Set<Lane>>();
  #made = 0;
  /** All runs of all lanes together. */
  #calls = 0;
  #workMs = 0;

  /** `sharesByApp`: the key is that of the run's application. */
  constructor(sharesByApp: boolean) {
    this.#order = sharesByApp ? new SharedKeys(({ run }) => run.app) : new FirstRuns();
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
    entry.load = load;
    this.#change(entry.lane, ({ queue }) => queue.set(entry, rank, seqOf(entry), load));
    if (this.#order instanceof FirstRuns) this.#order.set(entry, rank);
  }

  leave(entry: RunEntry): void {
    const { lane } = entry;
    if (!lane) return;
    this.#change(lane, ({ queue }) => queue.delete(entry));
    if (this.#order instanceof FirstRuns) this.#order.delete(entry);
    if (lane.queue.size > 0) return;
    this.#turns.leave(lane);
    this.#lanes.delete(laneName(lane.key, lane.place));
    const ofPlace = this.#ofPlace.get(lane.place);
    if (ofPlace?.delete(lane) && ofPlace.size === 0) this.#ofPlace.delete(lane.place);
  }

  #lane(key: string, place: string): Lane {
    const name = laneName(key, place);
    const existing = this.#lanes.get(name);
    if (existing) return existing;
    this.#made += 1;
    const lane: Lane = { key, place, seq: this.#made, queue: this.#newQueue() };
    this.#lanes.set(name, lane);
    const ofPlace = this.#ofPlace.get(place);
    if (ofPlace) ofPlace.add(lane);
    else if (place !== '') this.#ofPlace.set(place, new Set([lane]));
    return lane;
  }

  #newQueue(): Lane['queue'] {
    return this.#order instanceof FirstRuns ? new RankedQueue() : new SharedQueue(this.#order);
  }

  #change(lane: Lane, change: (lane: Lane) => void): void {
    const { queue } = lane;
    this.#calls -= queue.calls;
    this.#workMs -= queue.workMs;
    change(lane);
    this.#calls += queue.calls;
    this.#workMs += queue.workMs;
    this.#turns.changed(lane);
    if (this.#order instanceof FirstRuns) this.#order.changed(lane);
  }

  /** The first run of each lane, in order. */
  *#firsts(mostUsedMs?: number): Iterable<RunEntry & { lane: Lane }> {
    const passed = new Set<Lane>();
    for (const entry of this.#order.firsts(mostUsedMs)) {
      if (!isInLane(entry) || passed.has(entry.lane)) continue;
      passed.add(entry.lane);
      yield entry;
    }
  }

  /** The first of all lanes that may go. */
  first(may: (lane: Lane) => boolean, turns?: KeyTurns): RunEntry | undefined {
    const mostUsedMs = turns?.mostUsedMs();
    const refused: Lane[] = [];
    let first: RunEntry | undefined;
    for (const entry of this.#firsts(mostUsedMs)) {
      if (may(entry.lane)) first = entry;
      else refused.push(entry.lane);
      if (first) break;
    }
    if (mostUsedMs !== undefined && this.#order instanceof FirstRuns) {
      for (const lane of refused) {
        const usedMs = turns?.usedMs(lane.key) ?? 0;
        if (usedMs > mostUsedMs) this.#order.setAside(lane, usedMs);
      }
    }
    return first;
  }

  /** The service of API keys may be less than it was, since the clock went back. */
  askAllAgain(): void {
    if (this.#order instanceof FirstRuns) this.#order.readmit();
  }

  *#ofKey(key: string): Iterable<Lane> {
    const free = this.#lanes.get(key);
    if (free) yield free;
    for (const place of this.#ofPlace.keys()) {
      const held = this.#lanes.get(laneName(key, place));
      if (held) yield held;
    }
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    const [first] = this.#order.firsts();
    return first ? (presentKey(first) ?? Infinity) : Infinity;
  }

  /** Re-keys all runs of an application, where they have one key. */
  rekeyApp(app: string, keyOf: (first: RunEntry) => number): void {
    if (this.#order instanceof SharedKeys) this.#order.rekey(app, keyOf);
  }

  /**
   * What goes before the entry's call at index `at`. `isShared`: API keys take turns, so that of
   * another key's calls about as many go before it as of its own.
   */
  ahead(entry: RunEntry, at: number, isShared: boolean): Ahead | undefined {
    const { lane } = entry;
    const key = presentKey(entry);
    if (!lane || key === undefined) return undefined;
    const takesTurns = isShared && this.#lanes.size > 1;
    let { items, calls, workMs } = takesTurns
      ? lane.queue.before(key, seqOf(entry))
      : this.#order.before(key, seqOf(entry), this.#lanes);
    const slots = entry.calls.slice(0, at).reduce((sum, one) => sum + one.slots, 0);
    calls += slots;
    workMs += (entry.workMs * slots) / entry.slots;
    if (!takesTurns) return { items, calls, workMs };
    const ofKey = [...this.#ofKey(lane.key)];
    const others = ofKey
      .filter((one) => one !== lane)
      .map((one) => one.queue.before(key, seqOf(entry)));
    if (this.#lanes.size > ofKey.length) others.push(this.#turns.before(calls + 1, ofKey));
    for (const other of others) {
      items += other.items;
      calls += other.calls;
      workMs += other.workMs;
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
  inOrder(): Iterable<RunEntry> {
    return merged(
      this.#firsts(),
      ({ lane }) => lane.queue.inOrder(),
      (entry) => ({ key: presentKey(entry) ?? Infinity, seq: seqOf(entry) }),
    );
  }
}

function isInLane(entry: RunEntry): entry is RunEntry & { lane: Lane } {
  return entry.lane !== undefined;
}

function laneName(key: string, place: string): string {
  return place === '' ? key : `${key}\n${place}`;
}
