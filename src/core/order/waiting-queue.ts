/**
 * The calls that wait for one backend, in the policy's order: a sorted list of runs for each API key,
 * each run with its waiting calls. When a call of a run ends, only that run is re-keyed, O(log n); the
 * passing of time re-sorts nothing. The list itself is ranked-queue.ts, or shared-queue.ts where all
 * runs of an application have one key; deadline-queue.ts adds
 * urgent runs; which key may take a slot is decided by key-shares.ts.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
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

/** A run with its waiting calls, in the order in which they go. */
interface RunEntry {
  readonly run: LiveRun;
  readonly calls: LiveCall[];
  /** Expected time that its calls take, ms. */
  workMs: number;
  /** API key of its next call, whose list the run is in. */
  lane: string;
  /** Key of the last re-key in both directions; `lowerApp` leaves it unchanged. */
  promisedKey: number;
}

export class WaitingQueue {
  readonly #entries = new Map<LiveRun, RunEntry>();
  /** By API key; calls without one are in the lane of the empty name. */
  readonly #lanes = new Map<string, RankedQueue<RunEntry> | SharedQueue<RunEntry>>();
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
    let entry = this.#entries.get(call.run);
    if (!entry) {
      entry = { run: call.run, calls: [], workMs: 0, lane: keyOfCall(call), promisedKey: Infinity };
      this.#entries.set(call.run, entry);
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

  /** Number of runs with a waiting call. */
  get runs(): number {
    return this.#entries.size;
  }

  /** The call that goes next where any may take a slot. */
  get next(): LiveCall | undefined {
    let best: RunEntry | undefined;
    let bestKey = Infinity;
    for (const queue of this.#lanes.values()) {
      if (best && queue.peekKey() >= bestKey) continue;
      [best, bestKey] = [queue.peek(), queue.peekKey()];
    }
    return best?.calls[0];
  }

  /** Takes the call that goes next out of the queue. */
  take(room: QueueState): NextCall | undefined {
    let best: RunEntry | undefined;
    let bestKey = Infinity;
    for (const [lane, queue] of this.#lanes) {
      const entry = queue.peek();
      const key = queue.peekKey();
      if (!entry || key > bestKey || (best && key === bestKey && seqOf(best) < seqOf(entry))) {
        continue;
      }
      if (room.mayTake?.(lane) ?? true) [best, bestKey] = [entry, key];
    }
    return best && this.#takeFrom(best, false);
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
    const entry = this.#entries.get(run);
    return entry && this.#takeFrom(entry, urgent);
  }

  /** Hook for subclasses: a run is re-keyed, or none of its calls waits any more (no `head`). */
  protected keyed(_run: LiveRun, _head: LiveCall | undefined): void {}

  /** Removes a call; false where it does not wait here. */
  remove(call: LiveCall): boolean {
    const entry = this.#entries.get(call.run);
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
  }

  /** Re-keys all waiting runs of an application, where they have one key. */
  rekeyApp(app: string): void {
    for (const lane of this.#lanes.values()) {
      if (!(lane instanceof SharedQueue)) continue;
      lane.rekey(app, ({ run, calls: [head] }) => (head ? this.#keyOf(run, head) : Infinity));
    }
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    let least = Infinity;
    for (const lane of this.#lanes.values()) least = Math.min(least, lane.peekKey());
    return least;
  }

  /** Re-keys them only where the key becomes lower; the promised key stays. O(waiting runs). */
  lowerApp(app: string): void {
    for (const entry of this.#entries.values()) {
      const head = entry.calls[0];
      if (entry.run.app !== app || !head) continue;
      this.keyed(entry.run, head);
      const key = this.#keyOf(entry.run, head);
      const queue = this.#lane(entry.lane);
      if (key < (queue.keyOf(entry) ?? Infinity))
        queue.set(entry, key, head.seq, this.#load(entry, head, key));
    }
  }

  /** Present key of a run; undefined where none of its calls waits here. */
  keyOf(run: LiveRun): number | undefined {
    const entry = this.#entries.get(run);
    return entry && this.#lanes.get(entry.lane)?.keyOf(entry);
  }

  /** API key of a run's next call; undefined where none of its calls waits here. */
  protected laneOf(run: LiveRun): string | undefined {
    return this.#entries.get(run)?.lane;
  }

  /** Key for the run's overtaking bound: the present key, or the higher one before `lowerApp`. */
  promisedKeyOf(run: LiveRun): number | undefined {
    const entry = this.#entries.get(run);
    // A key that an application's runs share rises without each of them being looked at.
    return entry && Math.max(entry.promisedKey, this.keyOf(run) ?? -Infinity);
  }

  /** Place of a run in the queue, from 1; 0 where none of its calls waits here. */
  position(run: LiveRun): number {
    const entry = this.#entries.get(run);
    const key = entry && this.#lanes.get(entry.lane)?.keyOf(entry);
    if (!entry || key === undefined) return 0;
    let before = 0;
    for (const queue of this.#lanes.values()) before += queue.before(key, seqOf(entry)).items;
    return before + 1;
  }

  /**
   * What goes before a call; undefined where it does not wait here. `isShared`: API keys take turns,
   * so that of another key's calls about as many go before it as of its own.
   */
  ahead(call: LiveCall, isShared: boolean): Ahead | undefined {
    const entry = this.#entries.get(call.run);
    const own = entry && this.#lanes.get(entry.lane);
    const key = entry && own?.keyOf(entry);
    const at = entry?.calls.indexOf(call) ?? -1;
    if (!entry || !own || key === undefined || at < 0) return undefined;
    const before = own.before(key, seqOf(entry));
    const first = at / entry.calls.length;
    let { items, calls, workMs } = before;
    calls += at;
    workMs += entry.workMs * first;
    const turns = calls + 1;
    for (const lane of this.#lanes.values()) {
      if (lane === own) continue;
      const { total } = lane;
      if (isShared) {
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

  /** All waiting calls, in no order. */
  *calls(): Iterable<LiveCall> {
    for (const entry of this.#entries.values()) yield* entry.calls;
  }

  #takeFrom(entry: RunEntry, urgent: boolean): NextCall | undefined {
    const key = this.#lanes.get(entry.lane)?.keyOf(entry);
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

  #lane(key: string): RankedQueue<RunEntry> | SharedQueue<RunEntry> {
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = this.#sharesByApp ? new SharedQueue(({ run }) => run.app) : new RankedQueue();
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #leaveLane(entry: RunEntry): void {
    const lane = this.#lanes.get(entry.lane);
    lane?.delete(entry);
    if (lane?.size === 0) this.#lanes.delete(entry.lane);
  }

  #key(entry: RunEntry): void {
    const head = entry.calls[0];
    this.keyed(entry.run, head);
    if (head) {
      const lane = keyOfCall(head);
      if (lane !== entry.lane) this.#leaveLane(entry);
      entry.lane = lane;
      entry.promisedKey = this.#keyOf(entry.run, head);
      const load = this.#load(entry, head, entry.promisedKey);
      this.#lane(lane).set(entry, entry.promisedKey, head.seq, load);
    } else {
      this.#leaveLane(entry);
      this.#entries.delete(entry.run);
    }
  }
}

const NOTHING_WAITS: Readonly<WaitingOfKey> = { calls: 0, bytes: 0 };

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
