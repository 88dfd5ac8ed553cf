/**
 * The calls that wait for one backend, in the policy's order: a heap of runs, each with its waiting
 * calls. When a call of a run ends, only that run is keyed anew, O(log n); the clock never re-sorts.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';

/** Which of a run's own waiting calls goes first. */
export type CallOrder = 'submission' | 'longest-first';

/** A run's key in the line (lower goes first), given the call that would go. */
export type KeyOf = (run: LiveRun, head: LiveCall) => number;

/** What a line is told when it is asked for the next call. */
export interface QueueState {
  readonly now: number;
  /** Slots of the backend in all; Infinity for no limit. */
  readonly slots: number;
  /** Slots that urgent calls hold. */
  readonly urgentRunning: number;
}

export interface NextCall {
  readonly call: LiveCall;
  /** The key that its run had. */
  readonly key: number;
  /** The key that its run had at first: it was promised not to be overtaken beyond that. */
  readonly promisedKey: number;
  /** It went first for its deadline's sake. */
  readonly urgent: boolean;
}

interface RunEntry {
  readonly run: LiveRun;
  readonly calls: LiveCall[];
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

  /** Bytes of the bodies that their Workers hold while they wait. */
  get bytes(): number {
    return this.#bytes;
  }

  add(call: LiveCall): void {
    let party = this.#entries.get(call.run);
    if (!party) {
      party = { run: call.run, calls: [], promisedKey: Infinity };
      this.#entries.set(call.run, party);
    }
    const before = (other: LiveCall) =>
      this.#order === 'longest-first'
        ? expectedSize(other) > expectedSize(call) ||
          (expectedSize(other) === expectedSize(call) && other.seq < call.seq)
        : other.seq < call.seq;
    let at = party.calls.length;
    while (at > 0) {
      const other = party.calls[at - 1];
      if (!other || before(other)) break;
      at -= 1;
    }
    party.calls.splice(at, 0, call);
    this.#count(call, 1);
    this.#key(party);
  }

  /** Number of runs with a waiting call. */
  get runs(): number {
    return this.#entries.size;
  }

  /** Takes the call that goes next out of the line. */
  take(_room: QueueState): NextCall | undefined {
    const party = this.#queue.peek();
    return party && this.#takeFrom(party, false);
  }

  /** Takes the next call of a given run. */
  protected takeOf(run: LiveRun, urgent: boolean): NextCall | undefined {
    const party = this.#entries.get(run);
    return party && this.#takeFrom(party, urgent);
  }

  /** Told when a run's key was computed, or that none of its calls waits any more. */
  protected keyed(_run: LiveRun, _head: LiveCall | undefined): void {}

  /** Takes a given call out; false where it does not wait here. */
  remove(call: LiveCall): boolean {
    const party = this.#entries.get(call.run);
    const at = party?.calls.indexOf(call) ?? -1;
    if (!party || at < 0) return false;
    party.calls.splice(at, 1);
    this.#count(call, -1);
    this.#key(party);
    return true;
  }

  /** Computes a run's key anew, after one of its calls ended somewhere. */
  rekey(run: LiveRun): void {
    const party = this.#entries.get(run);
    if (party) this.#key(party);
  }

  /** Computes the keys of all runs of an application anew; O(runs that wait). */
  rekeyApp(app: string): void {
    for (const party of this.#entries.values()) if (party.run.app === app) this.#key(party);
  }

  /** The same, where the key becomes lower. */
  lowerApp(app: string): void {
    for (const party of this.#entries.values()) {
      const head = party.calls[0];
      if (party.run.app !== app || !head) continue;
      const key = this.#keyOf(party.run, head);
      if (key < (this.#queue.keyOf(party) ?? Infinity)) this.#queue.set(party, key, head.seq);
    }
  }

  /** The applications of the runs that wait, some of them repeatedly. */
  *apps(): Iterable<string> {
    for (const run of this.#entries.keys()) yield run.app;
  }

  /** The run's present key; undefined where none of its calls waits here. */
  keyOf(run: LiveRun): number | undefined {
    const party = this.#entries.get(run);
    return party && this.#queue.keyOf(party);
  }

  /** The key that tells how far the run can be overtaken: the present one, or a higher one before. */
  promisedKeyOf(run: LiveRun): number | undefined {
    return this.#entries.get(run)?.promisedKey;
  }

  /** How many runs go before this one; O(n), for people and not for decisions. */
  position(run: LiveRun): number {
    const party = this.#entries.get(run);
    return party ? this.#queue.countBefore(party) + 1 : 0;
  }

  /** All waiting calls, in no order. */
  *calls(): Iterable<LiveCall> {
    for (const party of this.#entries.values()) yield* party.calls;
  }

  #takeFrom(party: RunEntry, urgent: boolean): NextCall | undefined {
    const key = this.#queue.keyOf(party);
    const call = party.calls.shift();
    if (!call || key === undefined) return undefined;
    const { promisedKey } = party;
    this.#count(call, -1);
    this.#key(party);
    return { call, key, promisedKey, urgent };
  }

  #count(call: LiveCall, by: 1 | -1): void {
    this.#size += by;
    this.#bytes += by * (call.request.bodyBytes ?? 0);
  }

  #key(party: RunEntry): void {
    const head = party.calls[0];
    this.keyed(party.run, head);
    if (head) {
      party.promisedKey = this.#keyOf(party.run, head);
      this.#queue.set(party, party.promisedKey, head.seq);
    } else {
      this.#queue.delete(party);
      this.#entries.delete(party.run);
    }
  }
}

/** The longest call of a fan-out goes first, since the visit ends with its last call. */
function expectedSize(call: LiveCall): number {
  return call.request.inputTokens + (call.request.maxOutputTokens ?? 0);
}
