/**
 * The calls that wait for one backend, in the policy's order: a sorted list of runs for each API key
 * (lanes.ts), each run with its waiting calls. When a call of a run ends, only that run is re-keyed,
 * O(log n); the passing of time re-sorts nothing. Calls that are held back for an endpoint are in
 * lists of their own, so that they are not looked at while it is full. deadline-queue.ts adds urgent
 * runs; which key may take a slot is decided by key-shares.ts.
 */
import type { CallsOfKey } from '../runs/call-totals.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { Lanes } from './lanes.ts';
import type { KeyOf, NextCall, QueueState, WaitingRun, WorkOf } from './queue-contract.ts';
import type { Ahead, Load } from './ranked-queue.ts';
import { type CallOrder, insertCall, type Lane, presentKey, type RunEntry } from './run-entry.ts';
import { WaitingEntries } from './waiting-entries.ts';
import { WaitingTotals } from './waiting-totals.ts';

export type { KeyOf, NextCall, QueueState, WaitingRun, WorkOf } from './queue-contract.ts';

export class WaitingQueue {
  readonly #entries = new WaitingEntries();
  readonly #totals = new WaitingTotals();
  readonly #lanes: Lanes;
  readonly #keyOf: KeyOf;
  readonly #order: CallOrder;
  readonly #workOf: WorkOf | undefined;

  /**
   * `workOf`: absent where it is the work of the run's waiting calls. `sharesByApp`: the key is that
   * of the run's application.
   */
  constructor(keyOf: KeyOf, order: CallOrder, workOf?: WorkOf, sharesByApp = false) {
    this.#keyOf = keyOf;
    this.#order = order;
    this.#workOf = workOf;
    this.#lanes = new Lanes(sharesByApp);
  }

  /** Number of waiting calls. */
  get size(): number {
    return this.#totals.all.calls;
  }

  /** Bytes of the bodies that Workers hold for the waiting calls. */
  get bytes(): number {
    return this.#totals.all.bytes;
  }

  add(call: LiveCall): void {
    const entry = this.#entries.enter(call);
    insertCall(entry.calls, call, this.#order);
    this.#count(entry, call, 1);
    this.#key(entry);
  }

  /** Adds a call that was taken, with at most the key that its run had. */
  addBack({ call, key, promisedKey }: NextCall): void {
    this.add(call);
    const entry = this.#entries.of(call);
    if (!entry || entry.calls[0] !== call) return;
    entry.promisedKey = Math.min(entry.promisedKey, promisedKey);
    this.#lower(entry, call, key);
  }

  /** True where calls of an API key wait that are not held back for an endpoint that is full. */
  wantsSlot(key: string, isOpen: (endpoint: string) => boolean): boolean {
    if (this.#lanes.has(key, '')) return true;
    for (const place of this.#entries.places) {
      if (this.#lanes.has(key, place) && isOpen(place)) return true;
    }
    return false;
  }

  /** Number of runs with a waiting call. */
  get runs(): number {
    return this.#entries.runs;
  }

  /** The call that goes next where any may take a slot. */
  get next(): LiveCall | undefined {
    return this.#lanes.first(() => true)?.calls[0];
  }

  /** Takes the call that goes next out of the queue. */
  take({ isOpen, mayTake, turns, isFull }: QueueState): NextCall | undefined {
    if (isFull) return undefined;
    const may = ({ key, place }: Lane) => {
      if (place !== '' && !(isOpen?.(place) ?? true)) return false;
      return mayTake?.(key) ?? true;
    };
    const best = this.#lanes.first(may, turns);
    return best && this.#takeFrom(best, false);
  }

  /** Handles a clock that jumps back: API keys had less service than they had before it. */
  clockWentBack(): void {
    this.#lanes.askAllAgain();
  }

  /** Number of calls that are held back for an endpoint. */
  heldFor(endpoint: string): number {
    return this.#totals.heldFor(endpoint);
  }

  /** Slots of those whose key is at most this one. */
  heldBefore(endpoint: string, key: number): number {
    return this.#lanes.heldBefore(endpoint, key);
  }

  /** The calls that are held back, in their order. */
  heldCalls(): LiveCall[] {
    return this.#entries.heldInOrder().flatMap(({ calls }) => calls);
  }

  /** Calls of an API key that wait, and bytes of their bodies. */
  waitingOf(key: string): Readonly<CallsOfKey> {
    return this.#totals.all.ofKey(key);
  }

  /** The API keys of which no call waits any more, since this was last asked. */
  takeEmptied(): Iterable<string> {
    return this.#totals.takeEmptied();
  }

  /** API keys with waiting calls. */
  get keys(): Iterable<string> {
    return this.#totals.all.keys;
  }

  /** Takes the next call of a given run. */
  protected takeOf(run: LiveRun, urgent: boolean): NextCall | undefined {
    const entry = this.#entries.ofRun(run);
    return entry && this.#takeFrom(entry, urgent);
  }

  /** Hook for subclasses: a run is re-keyed, or none of its calls waits any more (no `head`). */
  protected keyed(_run: LiveRun, _head: LiveCall | undefined): void {}

  /** Removes a call; false where it does not wait here. */
  remove(call: LiveCall): boolean {
    const entry = this.#entries.of(call);
    const at = entry?.calls.indexOf(call) ?? -1;
    if (!entry || at < 0) return false;
    entry.calls.splice(at, 1);
    this.#count(entry, call, -1);
    this.#key(entry);
    return true;
  }

  /** Re-keys a run after one of its calls ended, at any backend. */
  rekey(run: LiveRun): void {
    for (const entry of this.#entries.allOfRun(run)) this.#key(entry);
  }

  /** Re-keys all waiting runs of an application, where they have one key. */
  rekeyApp(app: string): void {
    this.#lanes.rekeyApp(app, ({ run, calls: [head] }) =>
      head ? this.#keyOf(run, head) : Infinity,
    );
  }

  /** The smallest key of all runs; Infinity where none waits. */
  get leastKey(): number {
    return this.#lanes.leastKey;
  }

  /** Re-keys them only where the key becomes lower; the promised key stays. */
  lowerApp(app: string): void {
    for (const entry of this.#entries.ofApp(app)) {
      const head = entry.calls[0];
      if (!head) continue;
      this.keyed(entry.run, head);
      this.#lower(entry, head, this.#keyOf(entry.run, head));
    }
  }

  /** Present key of a run; undefined where none of its calls waits here. */
  keyOf(run: LiveRun): number | undefined {
    const entry = this.#entries.ofRun(run);
    return entry && presentKey(entry);
  }

  /** API key of a run's next call; undefined where none of its calls waits here. */
  protected laneOf(run: LiveRun): string | undefined {
    return this.#entries.ofRun(run)?.lane?.key;
  }

  /** Key for the run's overtaking bound: the present key, or the higher one before `lowerApp`. */
  promisedKeyOf(run: LiveRun): number | undefined {
    const entry = this.#entries.ofRun(run);
    // A key that an application's runs share rises without each of them being looked at.
    return entry && Math.max(entry.promisedKey, presentKey(entry) ?? -Infinity);
  }

  /** Number of calls of its run that go before a waiting call. */
  turnOf(call: LiveCall): number {
    return Math.max(0, this.#entries.of(call)?.calls.indexOf(call) ?? 0);
  }

  /**
   * What goes before a call; undefined where it does not wait here. `isShared`: API keys take turns,
   * so that of another key's calls about as many go before it as of its own.
   */
  ahead(call: LiveCall, isShared: boolean): Ahead | undefined {
    const entry = this.#entries.of(call);
    const at = entry?.calls.indexOf(call) ?? -1;
    return entry && at >= 0 ? this.#lanes.ahead(entry, at, isShared) : undefined;
  }

  /** What goes before a call that goes after all that wait here. */
  get load(): Load {
    return this.#lanes.load;
  }

  /** The waiting runs in the order in which they go where any may take a slot. O(log n) for each. */
  *inOrder(): Iterable<WaitingRun> {
    for (const entry of this.#lanes.inOrder()) {
      const [head] = entry.calls;
      const key = presentKey(entry) ?? Infinity;
      if (head) yield { run: entry.run, head, calls: entry.calls, key };
    }
  }

  /** All waiting calls, in no order. */
  *calls(): Iterable<LiveCall> {
    for (const entry of this.#entries.all()) yield* entry.calls;
  }

  #takeFrom(entry: RunEntry, urgent: boolean): NextCall | undefined {
    const key = presentKey(entry);
    const call = entry.calls.shift();
    if (!call || key === undefined) return undefined;
    const promisedKey = Math.max(entry.promisedKey, key);
    this.#count(entry, call, -1);
    this.#key(entry);
    return { call, key, promisedKey, urgent };
  }

  #count(entry: RunEntry, call: LiveCall, by: 1 | -1): void {
    entry.slots += by * call.slots;
    entry.workMs += by * call.slots * call.expectedMs;
    this.#totals.count(call, entry.place, by);
  }

  /** A run that is reached keeps its place for what it asks next, so that counts as well. */
  #load({ run, slots, workMs }: RunEntry, head: LiveCall, key: number): Load {
    const ofRunMs = this.#workOf?.(run, head, key) ?? 0;
    return { calls: slots, workMs: Math.max(0, workMs, ofRunMs) };
  }

  #key(entry: RunEntry): void {
    const { run } = entry;
    const head = entry.calls[0];
    if (head) {
      this.keyed(run, head);
      this.#entries.renamed(entry);
      entry.promisedKey = this.#keyOf(run, head);
      const load = this.#load(entry, head, entry.promisedKey);
      this.#lanes.set(entry, head.request.keyId ?? '', entry.promisedKey, load);
      return;
    }
    this.#lanes.leave(entry);
    this.#entries.leave(entry);
    this.keyed(run, this.#entries.ofRun(run)?.calls[0]);
  }

  #lower(entry: RunEntry, head: LiveCall, key: number): void {
    const { lane } = entry;
    if (!lane || key >= (lane.queue.keyOf(entry) ?? Infinity)) return;
    this.#lanes.set(entry, lane.key, key, this.#load(entry, head, key));
  }
}
