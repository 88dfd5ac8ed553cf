/**
 * The calls that wait for one backend, in the policy's order: a heap of runs, each with its waiting
 * calls. When a call of a run ends, only that run is re-keyed, O(log n); the passing of time
 * re-sorts nothing. The heap itself is ordered-queue.ts; deadline-queue.ts adds urgent runs.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';

/** Order of the waiting calls within a run. */
export type CallOrder = 'submission' | 'longest-first';

/** Key of a run in the queue (lower goes first); `head` is its call that would go next. */
export type KeyOf = (run: LiveRun, head: LiveCall) => number;

/** State of the backend when the next call is taken. */
export interface QueueState {
  /** Epoch ms. */
  readonly now: number;
  /** Total slots of the backend; Infinity for no limit. */
  readonly slots: number;
  /** Slots that urgent calls hold. */
  readonly urgentRunning: number;
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
  /** Key of the last re-key in both directions; `lowerApp` leaves it unchanged. */
  promisedKey: number;
}

export class WaitingQueue {
  readonly #entries = new Map<LiveRun, RunEntry>();
  readonly #queue = new OrderedQueue<RunEntry>();
  readonly #keyOf: KeyOf;
  readonly #order: CallOrder;
  #size = 0;
  #bytes = 0;

  constructor(keyOf: KeyOf, order: CallOrder) {
    this.#keyOf = keyOf;
    this.#order = order;
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
      entry = { run: call.run, calls: [], promisedKey: Infinity };
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
    this.#count(call, 1);
    this.#key(entry);
  }

  /** Number of runs with a waiting call. */
  get runs(): number {
    return this.#entries.size;
  }

  /** Takes the call that goes next out of the queue. */
  take(_room: QueueState): NextCall | undefined {
    const entry = this.#queue.peek();
    return entry && this.#takeFrom(entry, false);
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
    this.#count(call, -1);
    this.#key(entry);
    return true;
  }

  /** Re-keys a run after one of its calls ended, at any backend. */
  rekey(run: LiveRun): void {
    const entry = this.#entries.get(run);
    if (entry) this.#key(entry);
  }

  /** Re-keys all waiting runs of an application; O(waiting runs). */
  rekeyApp(app: string): void {
    for (const entry of this.#entries.values()) if (entry.run.app === app) this.#key(entry);
  }

  /** Re-keys them only where the key becomes lower; the promised key stays. O(waiting runs). */
  lowerApp(app: string): void {
    for (const entry of this.#entries.values()) {
      const head = entry.calls[0];
      if (entry.run.app !== app || !head) continue;
      const key = this.#keyOf(entry.run, head);
      if (key < (this.#queue.keyOf(entry) ?? Infinity)) this.#queue.set(entry, key, head.seq);
    }
  }

  /** Application of each waiting run, with repetitions. */
  *apps(): Iterable<string> {
    for (const run of this.#entries.keys()) yield run.app;
  }

  /** Present key of a run; undefined where none of its calls waits here. */
  keyOf(run: LiveRun): number | undefined {
    const entry = this.#entries.get(run);
    return entry && this.#queue.keyOf(entry);
  }

  /** Key for the run's overtaking bound: the present key, or the higher one before `lowerApp`. */
  promisedKeyOf(run: LiveRun): number | undefined {
    return this.#entries.get(run)?.promisedKey;
  }

  /** Place of a run in the queue, from 1; 0 where none of its calls waits here. O(n). */
  position(run: LiveRun): number {
    const entry = this.#entries.get(run);
    return entry ? this.#queue.countBefore(entry) + 1 : 0;
  }

  /** All waiting calls, in no order. */
  *calls(): Iterable<LiveCall> {
    for (const entry of this.#entries.values()) yield* entry.calls;
  }

  #takeFrom(entry: RunEntry, urgent: boolean): NextCall | undefined {
    const key = this.#queue.keyOf(entry);
    const call = entry.calls.shift();
    if (!call || key === undefined) return undefined;
    const { promisedKey } = entry;
    this.#count(call, -1);
    this.#key(entry);
    return { call, key, promisedKey, urgent };
  }

  #count(call: LiveCall, by: 1 | -1): void {
    this.#size += by;
    this.#bytes += by * (call.request.bodyBytes ?? 0);
  }

  #key(entry: RunEntry): void {
    const head = entry.calls[0];
    this.keyed(entry.run, head);
    if (head) {
      entry.promisedKey = this.#keyOf(entry.run, head);
      this.#queue.set(entry, entry.promisedKey, head.seq);
    } else {
      this.#queue.delete(entry);
      this.#entries.delete(entry.run);
    }
  }
}

/** Size by which `longest-first` orders a fan-out, tokens: the visit ends with its last call. */
function expectedSize(call: LiveCall): number {
  return call.request.inputTokens + (call.request.maxOutputTokens ?? 0);
}
