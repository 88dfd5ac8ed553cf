/**
 * The adapters of one backend: which endpoint has which, and which calls wait for one. A call for an
 * adapter prefers an endpoint that has it, as one with a prefix does (call-placement.ts): a load counts
 * for the time that it takes. What is loaded for calls that wait is in load-choice.ts.
 *
 * Where an adapter cannot be loaded, its calls are sent as they are: the engine may have it by itself,
 * and its own answer tells the client what is wrong.
 */
import type { AdapterLoad, AdaptersSpec, LoadReport } from '../adapters/adapter-load.ts';
import { type AdaptersSnapshot, EndpointAdapters } from '../adapters/endpoint-adapters.ts';
import { ParkedCalls } from '../adapters/parked-calls.ts';
import type { AdapterState } from '../runs/call-place.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointChoice } from './endpoint-choice.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import type { StartSnapshot } from './learned-start.ts';
import { LoadChoice } from './load-choice.ts';
import { LoadTimes } from './load-times.ts';

/** What an endpoint where an adapter could not be loaded counts for, in times of a load. */
const FAILED_LOADS = 4;
/** Time beyond its patience in which the answer of whoever asks for a load is waited for, ms. */
const GRACE_MS = 10_000;
/** Time between two looks at what can be loaded for calls that wait, ms. */
const LOOK_AGAIN_MS = 1_000;
/** A call whose engine does not know its adapter is sent again so often. */
const MAX_MISSED = 3;

/** The part of a backend that is read here. */
export interface AdaptersView {
  readonly spec: BackendSpec;
  readonly pool: Pick<EndpointPool, 'byId' | 'list'>;
  readonly choice: Pick<EndpointChoice, 'isKept'>;
}

export interface BackendAdaptersSnapshot {
  readonly loads: StartSnapshot;
  readonly endpoints: Readonly<Record<string, AdaptersSnapshot>>;
}

export class BackendAdapters {
  readonly parked = new ParkedCalls();
  /** How long loads take. */
  readonly times = new LoadTimes(() => this.#spec?.loadMs ?? 0);
  /** Which load begins where. */
  readonly choice = new LoadChoice(this);
  readonly #backend: AdaptersView;
  readonly #at = new Map<string, EndpointAdapters>();
  /** Calls that wait, parked or in the queue, by adapter. */
  readonly #waiting = new Map<string, Set<LiveCall>>();
  /** Adapters whose load has ended since the last review. */
  readonly #arrived = new Set<string>();

  constructor(backend: AdaptersView) {
    this.#backend = backend;
  }

  get #spec(): AdaptersSpec | undefined {
    return this.#backend.spec.adapters;
  }

  /** True where the backend has any. */
  get isUsed(): boolean {
    return this.#spec !== undefined;
  }

  /** Where an engine finds an adapter; undefined where it is none of the backend's. */
  sourceOf(adapter: string | undefined): string | undefined {
    return adapter === undefined ? undefined : this.#spec?.sources.get(adapter);
  }

  /** All of the backend. */
  get names(): Iterable<string> {
    return this.#spec?.sources.keys() ?? [];
  }

  /** Mean time that a load takes, ms. */
  get loadMs(): number {
    return this.times.meanMs;
  }

  /** The adapters of an endpoint. */
  at({ spec, state, warmSince }: Endpoint): EndpointAdapters {
    let at = this.#at.get(spec.id);
    if (!at) {
      at = new EndpointAdapters();
      this.#at.set(spec.id, at);
    }
    at.most = spec.maxAdapters ?? 1;
    if (state === 'warm') at.upSince(warmSince, spec.address);
    return at;
  }

  /**
   * Time that a call waits for its adapter at each endpoint that is up, ms; 0 where it is there.
   * Undefined for a call that needs none.
   */
  lackOf({ request }: LiveCall, now: number): ((endpoint: Endpoint) => number) | undefined {
    const { adapter } = request;
    const source = this.sourceOf(adapter);
    if (adapter === undefined || source === undefined) return undefined;
    const { loadMs } = this;
    return (endpoint) => {
      const at = this.at(endpoint);
      if (at.has(adapter, source)) return at.isLeaving(adapter) ? 2 * loadMs : 0;
      if (at.failures.of(adapter, now)) return FAILED_LOADS * loadMs;
      const { loading } = at;
      if (!loading) return loadMs;
      const restMs = Math.max(0, loadMs - Math.max(0, now - loading.at));
      return loading.adapter === adapter ? restMs : restMs + loadMs;
    };
  }

  /** False where a call has to wait until its adapter is loaded there. */
  canServe({ request }: Pick<LiveCall, 'request'>, endpoint: Endpoint, now: number): boolean {
    const { adapter } = request;
    const source = this.sourceOf(adapter);
    if (adapter === undefined || source === undefined || endpoint.state !== 'warm') return true;
    const at = this.at(endpoint);
    if (at.has(adapter, source)) return !at.isLeaving(adapter);
    return at.failures.of(adapter, now) !== undefined;
  }

  /** False where a call has to wait for its adapter at every endpoint that has a slot. */
  mayStart(request: LiveCall['request'], now: number): boolean {
    if (this.sourceOf(request.adapter) === undefined) return true;
    for (const endpoint of this.#backend.pool.list) {
      if (endpoint.isReady(now) && this.canServe({ request }, endpoint, now)) return true;
    }
    return false;
  }

  /** A call begins to wait. */
  waits(call: LiveCall): void {
    const { adapter } = call.request;
    if (this.sourceOf(adapter) === undefined || adapter === undefined) return;
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
    if (!this.isUsed && this.parked.size === 0) return;
    this.#giveUp(now);
    for (const adapter of this.parked.adapters) {
      const most = this.#mostToServe(adapter, now);
      if (most > 0) yield* this.parked.take(adapter, most, now);
    }
    this.#arrived.clear();
    for (const at of this.#at.values()) {
      const { claimedBy } = at;
      if (claimedBy !== undefined && this.parked.waitingFor(claimedBy) === 0) at.unclaim(claimedBy);
    }
  }

  /** How many calls of an adapter may go back to the queue. */
  #mostToServe(adapter: string, now: number): number {
    const source = this.sourceOf(adapter);
    if (source === undefined) return Infinity;
    let [free, isHopeless] = [0, true];
    for (const endpoint of this.upEndpoints(now)) {
      const at = this.at(endpoint);
      if (!at.failures.of(adapter, now)) isHopeless = false;
      if (!at.has(adapter, source) || at.isLeaving(adapter)) continue;
      isHopeless = false;
      if (endpoint.isReady(now) && !this.#backend.choice.isKept(endpoint.spec.id))
        free += endpoint.slots.free;
    }
    // Once it is there, the queue decides between its calls and others.
    return isHopeless || this.#arrived.has(adapter) ? Infinity : free;
  }

  /** True where an endpoint has it, or loads it. */
  isAnywhere(adapter: string): boolean {
    const source = this.sourceOf(adapter) ?? '';
    for (const at of this.#at.values()) if (at.has(adapter, source)) return true;
    return this.isLoading(adapter);
  }

  /** True where an endpoint loads it. */
  isLoading(adapter: string): boolean {
    for (const at of this.#at.values()) if (at.loading?.adapter === adapter) return true;
    return false;
  }

  /** The endpoints that take calls now. */
  *upEndpoints(now: number): Iterable<Endpoint> {
    for (const endpoint of this.#backend.pool.list) {
      if (endpoint.state === 'warm' && endpoint.upSlots(now) > 0) yield endpoint;
    }
  }

  #giveUp(now: number): void {
    for (const at of this.#at.values()) {
      const { loading } = at;
      if (!loading || now < loading.at + this.times.patienceMs + GRACE_MS) continue;
      const report = { ok: false, isUnsure: true, reason: 'no answer in time' };
      at.answered(loading.adapter, loading.at, report, now);
    }
  }

  /** A load was answered; false where nobody waits for that answer. */
  answered(id: string, adapter: string, at: number, report: LoadReport, now: number): boolean {
    const load = this.#at.get(id)?.answered(adapter, at, report, now);
    if (!load) return false;
    if (report.ok) this.#arrived.add(adapter);
    const { tookMs, wasThere = false } = report;
    if (report.ok && tookMs !== undefined && !wasThere) this.times.add(tookMs, now);
    return true;
  }

  /** A call gets a slot; says how it found its adapter. */
  granted(call: LiveCall, endpoint: Endpoint, now: number): void {
    const { adapter } = call.request;
    const source = this.sourceOf(adapter);
    if (adapter === undefined || source === undefined) return;
    this.waitsNot(call, now);
    const at = this.at(endpoint);
    const waited = call.placed.adapterWaitMs > 0;
    const found: AdapterState = waited ? 'waited' : 'loaded';
    call.placed.adapter = at.has(adapter, source) ? found : 'missing';
    at.granted(adapter, waited);
  }

  /** A call gives its slot back. */
  released({ request, lease }: LiveCall): void {
    if (request.adapter !== undefined)
      this.#at.get(lease?.endpoint ?? '')?.released(request.adapter);
  }

  /**
   * A call has ended at an endpoint. True where its engine did not know the adapter although it was
   * loaded, and the call may be sent again: it has forgotten all of them, or somebody unloaded it.
   */
  isMissed(call: LiveCall, endpoint: Endpoint, result: CallResult, now: number): boolean {
    const { adapter } = call.request;
    const source = this.sourceOf(adapter);
    if (adapter === undefined || source === undefined) return false;
    const at = this.at(endpoint);
    if (result.outcome === 'ok') at.found(adapter, source, now);
    if (!isUnknownModel(result)) return false;
    at.missing(adapter);
    if (call.placed.adapter === 'missing') return false;
    call.refusals += 1;
    return call.refusals <= MAX_MISSED;
  }

  /** Applies a configuration. */
  configured(): void {
    for (const [id, at] of this.#at) {
      if (!this.#backend.pool.byId.has(id)) this.#at.delete(id);
      else at.failures.configured((adapter) => this.sourceOf(adapter) !== undefined);
    }
  }

  /** When calls that wait are to be looked at again, or a load is given up, epoch ms. */
  dueAt(now: number): number {
    let dueAt = this.parked.size > 0 ? now + LOOK_AGAIN_MS : Infinity;
    for (const { loading } of this.#at.values()) {
      if (loading) dueAt = Math.min(dueAt, loading.at + this.times.patienceMs + GRACE_MS);
    }
    return dueAt;
  }

  /** Expected wait for its adapter of a call that is parked, ms. */
  waitMs({ request }: LiveCall, now: number): number {
    for (const { loading } of this.#at.values()) {
      if (!loading || loading.adapter !== request.adapter) continue;
      return Math.max(0, this.loadMs - Math.max(0, now - loading.at));
    }
    return this.loadMs;
  }

  /** What each endpoint holds, as far as that was ever asked. */
  *endpoints(): Iterable<readonly [id: string, at: EndpointAdapters]> {
    yield* this.#at;
  }

  /** A load that was in progress before a restart, to be asked for again. */
  *interrupted(): Iterable<readonly [endpoint: Endpoint, load: AdapterLoad]> {
    for (const [id, at] of this.#at) {
      const load = at.takeInterrupted();
      const endpoint = this.#backend.pool.byId.get(id);
      if (load && endpoint) yield [endpoint, load];
    }
  }

  clockWentBack(now: number): void {
    this.parked.clockWentBack(now);
    this.times.clockWentBack(now);
    for (const at of this.#at.values()) at.clockWentBack(now);
  }

  /** Undefined where the backend has none. */
  snapshot(): BackendAdaptersSnapshot | undefined {
    if (!this.isUsed) return undefined;
    const endpoints = [...this.#at].flatMap(([id, at]) => {
      const snapshot = at.snapshot();
      return snapshot ? [[id, snapshot] as const] : [];
    });
    return { loads: this.times.snapshot(), endpoints: Object.fromEntries(endpoints) };
  }

  restore({ loads, endpoints }: BackendAdaptersSnapshot, now: number): void {
    this.times.restore(loads);
    for (const [id, snapshot] of Object.entries(endpoints)) {
      const endpoint = this.#backend.pool.byId.get(id);
      if (endpoint) this.at(endpoint).restore(snapshot, now);
    }
  }
}

/** True for the answer of an engine that is up and has no such model. */
function isUnknownModel({ outcome, mayBeCold, cold, endpointFault, busy }: CallResult): boolean {
  return outcome === 'failed' && mayBeCold === true && !cold && !endpointFault && !busy;
}
