/**
/**
 * The calls that wait for one backend, in the policy's order: a sorted list of runs for each API key,
 * each run with its waiting calls. When a call of a run ends, only that run is re-keyed, O(log n); the
 * passing of time re-sorts nothing. Calls that are held back for an endpoint are in lists of their
 * own, so that they are not looked at while it is full. The list itself is ranked-queue.ts, or
 * shared-queue.ts where all runs of an application have one key; deadline-queue.ts adds urgent runs;
 * which key may take a slot is decided by key-shares.ts.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';
import { SharedQueue } from './shared-queue.ts';

/** Order of the waiting calls within a run. */
export type CallOrder = 'submission' | 'longest-first';

/** Key of a run in the queue (lower goes first); `head` is its call that would go next. */
export type KeyOf = (run: LiveRun, head: LiveCall) => number;

/** Work that goes before others once a run with this key is reached, ms. */
export type WorkOf = (run: LiveRun, head: LiveCall, key: number) => number;

/** State of the backend when the next call is taken. */
export interface QueueState {
  /** Epoch ms. */
  readonly now: number;
  /** Total slots of the backend; Infinity for no limit. */
  readonly slots: number;
  /** Slots that urgent calls hold. */
  readonly urgentRunning: number;
  /** Whether calls of an API key may take a slot now; absent: those of any key may. */
  readonly mayTake?: (key: string) => boolean;
  /** Whether an endpoint for which calls are held back can take one; absent: each can. */
  readonly isOpen?: (endpoint: string) => boolean;
}

/** Calls and bodies of one API key that wait. */
export interface WaitingOfKey {
  calls: number;
  bytes: number;
}

/** A call that was taken out of the queue. */
export interface NextCall {
  readonly call: LiveCall;
  /** Key of its run when it was taken. */
  readonly key: number;
  /** Key from which the overtaking bound that the client was told follows; at least `key`. */
  readonly promisedKey: number;
  /** It was taken ahead of the order because of its deadline. */
  readonly urgent: boolean;
}

/** A run with calls that wait in one place: for any endpoint, or for one. */
export interface WaitingRun {
  readonly run: LiveRun;
  /** Its call that goes next; `placed.heldFor` says where it waits. */
  readonly head: LiveCall;
  readonly calls: number;
  readonly key: number;
  /** It goes before the order because of its deadline. */
  readonly urgent?: boolean;
}

/** Runs with waiting calls of one API key; `place`: held back for an endpoint, or empty. */
interface Lane {
  readonly key: string;
  readonly place: string;
  readonly queue: RankedQueue<RunEntry> | SharedQueue<RunEntry>;
}

/** A run with its waiting calls of one place, in the order in which they go. */
interface RunEntry {
  readonly run: LiveRun;
  readonly place: string;
  readonly calls: LiveCall[];
  /** Expected time that its calls take, ms. */
  workMs: number;
  /** That of the API key of its next call. */
  lane: Lane | undefined;
  /** Key of the last re-key in both directions; `lowerApp` leaves it unchanged. */
  promisedKey: number;
}

export class WaitingQueue {
  /** Of the calls that are not held back. */
  readonly #entries = new Map<LiveRun, RunEntry>();
  /** Of those that are, by endpoint; without the endpoints that hold none. */
  readonly #held = new Map<string, Map<LiveRun, RunEntry>>();
  readonly #heldCalls = new Map<string, number>();
  /** By place and API key; calls without a key are in the lane of the empty name. */
  readonly #lanes = new Map<string, Lane>();
  readonly #waiting = new Map<string, WaitingOfKey>();
  readonly #keyOf: KeyOf;
  readonly #order: CallOrder;
  readonly #workOf: WorkOf | undefined;
  readonly #sharesByApp: boolean;
  #size = 0;
  #bytes = 0;

  /**
   * `workOf`: absent where it is the work of the run's waiting calls. `sharesByApp`: the key is that
   * of the run's application.
   */
  constructor(keyOf: KeyOf, order: CallOrder, workOf?: WorkOf, sharesByApp = false) {
    this.#keyOf = keyOf;
    this.#order = order;
    this.#workOf = workOf;
    this.#sharesByApp = sharesByApp;
  }

  /** Number of waiting calls. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the bodies that Workers hold for the waiting calls. */
  get bytes(): number {
    return this.#bytes;
  }

  add(call: LiveCall): void {
    const place = call.placed.heldFor ?? '';
    let entries = this.#entriesOf(place);
    if (!entries) {
      entries = new Map();
      this.#held.set(place, entries);
    }
    let entry = entries.get(call.run);
    if (!entry) {
      entry = {
        run: call.run,
        place,
        calls: [],
        workMs: 0,
        lane: undefined,
        promisedKey: Infinity,
      };
      entries.set(call.run, entry);
    }
    const before = (other: LiveCall) =>
      this.#order === 'longest-first'
        ? expectedSize(other) > expectedSize(call) ||
          (expectedSize(other) === expectedSize(call) && other.seq < call.seq)
        : other.seq < call.seq;
    let at = entry.calls.length;
    while (at > 0) {
      const other = entry.calls[at - 1];
      if (!other || before(other)) break;
      at -= 1;
    }
    entry.calls.splice(at, 0, call);
    this.#count(entry, call, 1);
    this.#key(entry);
  }

  /** Adds a call that was taken, with at most the key that its run had. */
  addBack({ call, key, promisedKey }: NextCall): void {
    this.add(call);
    const entry = this.#entriesOf(call.placed.heldFor ?? '')?.get(call.run);
    const queue = entry?.lane?.queue;
    if (!entry || !queue || entry.calls[0] !== call) return;
    entry.promisedKey = Math.min(entry.promisedKey, promisedKey);
    if (key < (queue.keyOf(entry) ?? Infinity)) {
      queue.set(entry, key, call.seq, this.#load(entry, call, key));
    }
  }

  /** True where calls of an API key wait that are not held back for an endpoint that is full. */
  wantsSlot(key: string, isOpen: (endpoint: string) => boolean): boolean {
    if (this.#lanes.has(key)) return true;
    for (const place of this.#held.keys()) {
      if (this.#lanes.has(laneName(key, place)) && isOpen(place)) return true;
    }
    return false;
  }

  /** Number of runs with a waiting call. */
  get runs(): number {
    if (this.#held.size === 0) return this.#entries.size;
    const runs = new Set(this.#entries.keys());
    for (const entries of this.#held.values()) for (const run of entries.keys()) runs.add(run);
    return runs.size;
  }

  /** The call that goes next where any may take a slot. */
  get next(): LiveCall | undefined {
    let best: RunEntry | undefined;
    let bestKey = Infinity;
    for (const { queue } of this.#lanes.values()) {
      if (best && queue.peekKey() >= bestKey) continue;
      [best, bestKey] = [queue.peek(), queue.peekKey()];
    }
    return best?.calls[0];
  }

  /** Takes the call that goes next out of the queue. */
  take(room: QueueState): NextCall | undefined {
    let best: RunEntry | undefined;
    let bestKey = Infinity;
    for (const { key: lane, place, queue } of this.#lanes.values()) {
      const entry = queue.peek();
      const key = queue.peekKey();
      if (!entry || key > bestKey || (best && key === bestKey && seqOf(best) < seqOf(entry))) {
        continue;
      }
      if (place !== '' && !(room.isOpen?.(place) ?? true)) continue;
      if (room.mayTake?.(lane) ?? true) [best, bestKey] = [entry, key];
    }
    return best && this.#takeFrom(best, false);
  }

  /** Number of calls that are held back for an endpoint. */
  heldFor(endpoint: string): number {
    return this.#heldCalls.get(endpoint) ?? 0;
  }

  /** Number of those whose key is at most this one. */
  heldBefore(endpoint: string, key: number): number {
    let held = 0;
    for (const entry of this.#held.get(endpoint)?.values() ?? []) {
      if ((entry.lane?.queue.keyOf(entry) ?? 0) <= key) held += entry.calls.length;
    }
    return held;
  }

  /** The calls that are held back, in their order. */
  heldCalls(): LiveCall[] {
    const entries = [...this.#held.values()].flatMap((e) => [...e.values()]);
    const keyOf = (entry: RunEntry) => entry.lane?.queue.keyOf(entry) ?? 0;
    entries.sort((a, b) => keyOf(a) - keyOf(b) || seqOf(a) - seqOf(b));
    return entries.flatMap(({ calls }) => calls);
  }

  /** Calls of an API key that wait, and bytes of their bodies. */
  waitingOf(key: string): Readonly<WaitingOfKey> {
    return this.#waiting.get(key) ?? NOTHING_WAITS;
  }

  /** API keys with waiting calls. */
  get keys(): Iterable<string> {
    return this.#waiting.keys();
  }

  /** Takes the next call of a given run. */
  protected takeOf(run: LiveRun, urgent: boolean): NextCall | undefined {
    const entry = this.#entryOf(run);
    return entry && this.#takeFrom(entry, urgent);
  }

  /** Hook for subclasses: a run is re-keyed, or none of its calls waits any more (no `head`). */
  protected keyed(_run: LiveRun, _head: LiveCall | undefined): void {}

  /** Removes a call; false where it does not wait here. */
  remove(call: LiveCall): boolean {
    const entry = this.#entriesOf(call.placed.heldFor ?? '')?.get(call.run);
    const at = entry?.calls.indexOf(call) ?? -1;
    if (!entry || at < 0) return false;
    entry.calls.splice(at, 1);
    this.#count(entry, call, -1);
    this.#key(entry);
    return true;
  }

  /** Re-keys a run after one of its calls ended, at any backend. */
  rekey(run: LiveRun): void {
    const entry = this.#entries.get(run);
    if (entry) this.#key(entry);
    for (const entries of this.#held.values()) {
      const held = entries.get(run);
      if (held) this.#key(held);
    }
  }

  /** Re-keys all waiting runs of an application, where they have one key. */
  rekeyApp(app: string): void {
    for (const { queue } of this.#lanes.values()) {
      if (!(queue instanceof SharedQueue)) continue;
      queue.rekey(app, ({ run, calls: [head] }) => (head ? this.#keyOf(run, head) : Infinity));
    }
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    let least = Infinity;
    for (const { queue } of this.#lanes.values()) least = Math.min(least, queue.peekKey());
    return least;
  }

  /** Re-keys them only where the key becomes lower; the promised key stays. O(waiting runs). */
  lowerApp(app: string): void {
    for (const entry of this.#all()) {
      const head = entry.calls[0];
      if (entry.run.app !== app || !head) continue;
      this.keyed(entry.run, head);
      const key = this.#keyOf(entry.run, head);
      const { lane } = entry;
      if (lane && key < (lane.queue.keyOf(entry) ?? Infinity)) {
        lane.queue.set(entry, key, head.seq, this.#load(entry, head, key));
      }
    }
  }

  /** Present key of a run; undefined where none of its calls waits here. */
  keyOf(run: LiveRun): number | undefined {
    const entry = this.#entryOf(run);
    return entry?.lane?.queue.keyOf(entry);
  }

  /** API key of a run's next call; undefined where none of its calls waits here. */
  protected laneOf(run: LiveRun): string | undefined {
    return this.#entryOf(run)?.lane?.key;
  }

  /** Key for the run's overtaking bound: the present key, or the higher one before `lowerApp`. */
  promisedKeyOf(run: LiveRun): number | undefined {
    const entry = this.#entryOf(run);
    // A key that an application's runs share rises without each of them being looked at.
    return entry && Math.max(entry.promisedKey, this.keyOf(run) ?? -Infinity);
  }

  /** Place of a run in the queue, from 1; 0 where none of its calls waits here. */
  position(run: LiveRun): number {
    const entry = this.#entryOf(run);
    const key = entry?.lane?.queue.keyOf(entry);
    if (!entry || key === undefined) return 0;
    let before = 0;
    for (const { queue } of this.#lanes.values()) before += queue.before(key, seqOf(entry)).items;
    return before + 1;
  }

  /**
   * What goes before a call; undefined where it does not wait here. `isShared`: API keys take turns,
   * so that of another key's calls about as many go before it as of its own.
   */
  ahead(call: LiveCall, isShared: boolean): Ahead | undefined {
    const entry = this.#entriesOf(call.placed.heldFor ?? '')?.get(call.run);
    const own = entry?.lane?.queue;
    const key = entry && own?.keyOf(entry);
    const at = entry?.calls.indexOf(call) ?? -1;
    if (!entry || !own || key === undefined || at < 0) return undefined;
    const before = own.before(key, seqOf(entry));
    const first = at / entry.calls.length;
    let { items, calls, workMs } = before;
    calls += at;
    workMs += entry.workMs * first;
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

  /** What goes before a call that goes after all that wait here. */
  get load(): Load {
    let [calls, workMs] = [0, 0];
    for (const { queue } of this.#lanes.values()) {
      calls += queue.total.calls;
      workMs += queue.total.workMs;
    }
    return { calls, workMs };
  }

  /** The waiting runs in the order in which they go where any may take a slot. O(log n) for each. */
  *inOrder(): Iterable<WaitingRun> {
    const next = new OrderedQueue<Iterator<RunEntry> & { entry?: RunEntry }>();
    const step = (lane: Iterator<RunEntry> & { entry?: RunEntry }) => {
      const { done, value } = lane.next();
      if (done) return void next.delete(lane);
      lane.entry = value;
      next.set(lane, value.lane?.queue.keyOf(value) ?? Infinity, seqOf(value));
    };
    for (const { queue } of this.#lanes.values()) step(queue.inOrder()[Symbol.iterator]());
    for (let lane = next.peek(); lane; lane = next.peek()) {
      const { entry } = lane;
      const [head] = entry?.calls ?? [];
      const key = next.peekKey();
      if (entry && head) yield { run: entry.run, head, calls: entry.calls.length, key };
      step(lane);
    }
  }

  /** All waiting calls, in no order. */
  *calls(): Iterable<LiveCall> {
    for (const entry of this.#all()) yield* entry.calls;
  }

  *#all(): Iterable<RunEntry> {
    yield* this.#entries.values();
    for (const entries of this.#held.values()) yield* entries.values();
  }

  #entriesOf(place: string): Map<LiveRun, RunEntry> | undefined {
    return place === '' ? this.#entries : this.#held.get(place);
  }

  /** The run's calls that are not held back, or else some that are. */
  #entryOf(run: LiveRun): RunEntry | undefined {
    const entry = this.#entries.get(run);
    if (entry || this.#held.size === 0) return entry;
    for (const entries of this.#held.values()) {
      const held = entries.get(run);
      if (held) return held;
    }
    return undefined;
  }

  #takeFrom(entry: RunEntry, urgent: boolean): NextCall | undefined {
    const key = entry.lane?.queue.keyOf(entry);
    const call = entry.calls.shift();
    if (!call || key === undefined) return undefined;
    const promisedKey = Math.max(entry.promisedKey, key);
    this.#count(entry, call, -1);
    this.#key(entry);
    return { call, key, promisedKey, urgent };
  }

  #count(entry: RunEntry, call: LiveCall, by: 1 | -1): void {
    this.#size += by;
    entry.workMs += by * call.expectedMs;
    const { place } = entry;
    if (place !== '') this.#heldCalls.set(place, this.heldFor(place) + by);
    const bytes = by * (call.request.bodyBytes ?? 0);
    this.#bytes += bytes;
    const key = keyOfCall(call);
    const waiting = this.#waiting.get(key) ?? { calls: 0, bytes: 0 };
    waiting.calls += by;
    waiting.bytes += bytes;
    if (waiting.calls > 0) this.#waiting.set(key, waiting);
    else this.#waiting.delete(key);
  }

  /** A run that is reached keeps its place for what it asks next, so that counts as well. */
  #load({ run, calls, workMs }: RunEntry, head: LiveCall, key: number): Load {
    const ofRunMs = this.#workOf?.(run, head, key) ?? 0;
    return { calls: calls.length, workMs: Math.max(0, workMs, ofRunMs) };
  }

  #lane(key: string, place: string): Lane {
    const name = laneName(key, place);
    let lane = this.#lanes.get(name);
    if (!lane) {
      const queue = this.#sharesByApp
        ? new SharedQueue<RunEntry>(({ run }) => run.app)
        : new RankedQueue<RunEntry>();
      lane = { key, place, queue };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #leaveLane(entry: RunEntry): void {
    const { lane } = entry;
    if (!lane) return;
    lane.queue.delete(entry);
    if (lane.queue.size > 0) return;
    this.#lanes.delete(laneName(lane.key, lane.place));
  }

  #key(entry: RunEntry): void {
    const { run, place } = entry;
    const head = entry.calls[0];
    if (head) {
      this.keyed(run, head);
      const key = keyOfCall(head);
      if (key !== entry.lane?.key) {
        this.#leaveLane(entry);
        entry.lane = this.#lane(key, place);
      }
      entry.promisedKey = this.#keyOf(run, head);
      const load = this.#load(entry, head, entry.promisedKey);
      entry.lane.queue.set(entry, entry.promisedKey, head.seq, load);
      return;
    }
    this.#leaveLane(entry);
    const entries = this.#entriesOf(place);
    entries?.delete(run);
    if (place !== '' && entries?.size === 0) {
      this.#held.delete(place);
      this.#heldCalls.delete(place);
    }
    this.keyed(run, this.#entryOf(run)?.calls[0]);
  }
}

const NOTHING_WAITS: Readonly<WaitingOfKey> = { calls: 0, bytes: 0 };

function laneName(key: string, place: string): string {
  return place === '' ? key : `${key}\n${place}`;
}

function keyOfCall(call: LiveCall): string {
  return call.request.keyId ?? '';
}

/** Submission number of the run's next call, the tie-break of equal keys. */
function seqOf(entry: RunEntry): number {
  return entry.calls[0]?.seq ?? Infinity;
}

/** Size by which `longest-first` orders a fan-out, tokens: the visit ends with its last call. */
function expectedSize(call: LiveCall): number {
  return call.request.inputTokens + (call.request.maxOutputTokens ?? 0);
}
