/**
 * The calls of one backend that need an adapter: which of them wait, which are out of the queue until
 * theirs is loaded, and when those go back, and how they found it once they have a slot. Which endpoint
 * has which adapter is in backend-adapters.ts.
 */
import { ParkedCalls } from '../adapters/parked-calls.ts';
import type { AdapterState } from '../runs/call-place.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendAdapters } from './backend-adapters.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointChoice } from './endpoint-choice.ts';

/** Time between two looks at what can be loaded for calls that wait, ms. */
const LOOK_AGAIN_MS = 1_000;
/** A call whose engine does not know its adapter is sent again so often. */
const MAX_MISSED = 3;

/** The part of a backend that is read here. */
export interface AdapterCallsView {
  readonly adapters: BackendAdapters;
  readonly choice: Pick<EndpointChoice, 'isKept'>;
}

export class AdapterCalls {
  readonly parked = new ParkedCalls();
  readonly #adapters: BackendAdapters;
  readonly #choice: AdapterCallsView['choice'];
  /** Calls that wait, parked or in the queue, by adapter. */
  readonly #waiting = new Map<string, Set<LiveCall>>();

  constructor({ adapters, choice }: AdapterCallsView) {
    this.#adapters = adapters;
    this.#choice = choice;
  }

  /** A call begins to wait. */
  waits(call: LiveCall): void {
    const { adapter } = call.request;
    if (this.#adapters.sourceOf(adapter) === undefined || adapter === undefined) return;
    const calls = this.#waiting.get(adapter);
    if (calls) calls.add(call);
    else this.#waiting.set(adapter, new Set([call]));
  }

  /** It waits no more. */
  waitsNot(call: LiveCall, now: number): void {
    const { adapter } = call.request;
    if (adapter === undefined) return;
    this.parked.delete(call, now);
    const calls = this.#waiting.get(adapter);
    calls?.delete(call);
    if (calls?.size === 0) this.#waiting.delete(adapter);
  }

  /** True where calls wait for an adapter. */
  isWanted(adapter: string): boolean {
    return this.#waiting.has(adapter);
  }

  /** A call waits until its adapter is loaded. */
  park(call: LiveCall, now: number): void {
    const { adapter } = call.request;
    if (adapter !== undefined) this.parked.add(adapter, call, now);
  }

  /**
   * The calls that have waited long enough for their adapters: it is there and a slot is free, it can
   * be loaded nowhere, or no endpoint is up. Gives up loads that are not answered.
   */
  *review(now: number): Iterable<LiveCall> {
    if (!this.#adapters.isUsed && this.parked.size === 0) return;
    this.#adapters.giveUp(now);
    const arrived = this.#adapters.takeArrived();
    for (const adapter of this.parked.adapters) {
      const most = this.#mostToServe(adapter, arrived, now);
      if (most > 0) yield* this.parked.take(adapter, most, now);
    }
    for (const at of this.#adapters.all) {
      const { claimedBy } = at;
      if (claimedBy !== undefined && this.parked.waitingFor(claimedBy) === 0) at.unclaim(claimedBy);
    }
  }

  /** How many calls of an adapter may go back to the queue. */
  #mostToServe(adapter: string, arrived: ReadonlySet<string>, now: number): number {
    const source = this.#adapters.sourceOf(adapter);
    if (source === undefined) return Infinity;
    let [free, isHopeless] = [0, true];
    for (const endpoint of this.#adapters.upEndpoints(now)) {
      const at = this.#adapters.at(endpoint);
      if (!at.failures.of(adapter, now)) isHopeless = false;
      if (!at.held.has(adapter, source) || at.isLeaving(adapter)) continue;
      isHopeless = false;
      const isKept = this.#choice.isKept(endpoint.spec.id);
      if (endpoint.isReady(now) && !isKept) free += endpoint.slots.free;
    }
    // Once it is there, the queue decides between its calls and others.
    return isHopeless || arrived.has(adapter) ? Infinity : free;
  }

  /** A call gets a slot; says how it found its adapter. */
  granted(call: LiveCall, endpoint: Endpoint, now: number): void {
    const { adapter } = call.request;
    const source = this.#adapters.sourceOf(adapter);
    if (adapter === undefined || source === undefined) return;
    this.waitsNot(call, now);
    const at = this.#adapters.at(endpoint);
    const waited = call.placed.adapterWaitMs > 0;
    const found: AdapterState = waited ? 'waited' : 'loaded';
    call.placed.adapter = at.held.has(adapter, source) ? found : 'missing';
    at.granted(adapter, waited);
  }

  /** A call gives its slot back. */
  released({ request, lease }: LiveCall): void {
    const { adapter } = request;
    if (adapter !== undefined) this.#adapters.byId(lease?.endpoint ?? '')?.released(adapter);
  }

  /**
   * A call has ended at an endpoint. True where its engine did not know the adapter although it was
   * loaded, and the call may be sent again: it has forgotten all of them, or somebody unloaded it.
   */
  isMissed(call: LiveCall, endpoint: Endpoint, result: CallResult, now: number): boolean {
    const { adapter } = call.request;
    const source = this.#adapters.sourceOf(adapter);
    if (adapter === undefined || source === undefined) return false;
    const at = this.#adapters.at(endpoint);
    if (result.outcome === 'ok') at.found(adapter, source, now);
    if (!isUnknownModel(result)) return false;
    at.missing(adapter);
    if (call.placed.adapter === 'missing') return false;
    call.refusals += 1;
    return call.refusals <= MAX_MISSED;
  }

  /** When those that are parked are to be looked at again, epoch ms; Infinity for never. */
  dueAt(now: number): number {
    return this.parked.size > 0 ? now + LOOK_AGAIN_MS : Infinity;
  }
}

/** True for the answer of an engine that is up and has no such model. */
function isUnknownModel({ outcome, mayBeCold, cold, endpointFault, busy }: CallResult): boolean {
  return outcome === 'failed' && mayBeCold === true && !cold && !endpointFault && !busy;
}
