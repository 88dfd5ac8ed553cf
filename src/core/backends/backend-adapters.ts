/**
 * The adapters of one backend: which endpoint has which, and which loads are in progress. A call for an
 * adapter prefers an endpoint that has it, as one with a prefix does (call-placement.ts): a load counts
 * for the time that it takes. The calls that need one are in adapter-calls.ts; what is loaded where is
 * decided in load-choice.ts.
 *
 * Where an adapter cannot be loaded, its calls are sent as they are: the engine may have it by itself,
 * and its own answer tells the client what is wrong.
 */
import type { AdapterLoad, AdaptersSpec, LoadReport } from '../adapters/adapter-load.ts';
import { type AdaptersSnapshot, EndpointAdapters } from '../adapters/endpoint-adapters.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import type { StartSnapshot } from './learned-start.ts';
import { LoadTimes } from './load-times.ts';

/** What an endpoint where an adapter could not be loaded counts for, in times of a load. */
const FAILED_LOADS = 4;
/** Time beyond its patience in which the answer of whoever asks for a load is waited for, ms. */
const GRACE_MS = 10_000;

/** The part of a backend that is read here. */
export interface AdaptersView {
  readonly spec: BackendSpec;
  readonly pool: Pick<EndpointPool, 'byId' | 'list'>;
}

export interface BackendAdaptersSnapshot {
  readonly loads: StartSnapshot;
  readonly endpoints: Readonly<Record<string, AdaptersSnapshot>>;
}

export class BackendAdapters {
  /** How long loads take. */
  readonly times = new LoadTimes(() => this.#spec?.loadMs ?? 0);
  readonly #backend: AdaptersView;
  readonly #at = new Map<string, EndpointAdapters>();
  /** Adapters whose load has ended since that was last asked. */
  #arrived = new Set<string>();

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
      if (at.held.has(adapter, source)) return at.isLeaving(adapter) ? 2 * loadMs : 0;
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
    if (at.held.has(adapter, source)) return !at.isLeaving(adapter);
    return at.failures.of(adapter, now) !== undefined;
  }

  /** False where a call has to wait for its adapter at every endpoint that has a slot. */
  mayStart(request: CallRequest, now: number): boolean {
    if (this.sourceOf(request.adapter) === undefined) return true;
    for (const endpoint of this.#backend.pool.list) {
      if (endpoint.isReady(now) && this.canServe({ request }, endpoint, now)) return true;
    }
    return false;
  }

  /** True where an endpoint has it, or loads it. */
  isAnywhere(adapter: string): boolean {
    const source = this.sourceOf(adapter) ?? '';
    for (const at of this.#at.values()) if (at.held.has(adapter, source)) return true;
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

  /** The adapters that were loaded since this was last asked. */
  takeArrived(): ReadonlySet<string> {
    const arrived = this.#arrived;
    if (arrived.size > 0) this.#arrived = new Set();
    return arrived;
  }

  /** Gives up the loads that are not answered. */
  giveUp(now: number): void {
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

  /** Applies a configuration. */
  configured(): void {
    for (const [id, at] of this.#at) {
      if (!this.#backend.pool.byId.has(id)) this.#at.delete(id);
      else at.failures.configured((adapter) => this.sourceOf(adapter) !== undefined);
    }
  }

  /** When a load is given up, epoch ms. */
  get dueAt(): number {
    let dueAt = Infinity;
    for (const { loading } of this.#at.values()) {
      if (loading) dueAt = Math.min(dueAt, loading.at + this.times.patienceMs + GRACE_MS);
    }
    return dueAt;
  }

  /** Expected time until an adapter that calls wait for is loaded, ms. */
  waitMs(adapter: string | undefined, now: number): number {
    for (const { loading } of this.#at.values()) {
      if (!loading || loading.adapter !== adapter) continue;
      return Math.max(0, this.loadMs - Math.max(0, now - loading.at));
    }
    return this.loadMs;
  }

  /** The adapters of an endpoint; undefined where they were never asked for. */
  byId(id: string): EndpointAdapters | undefined {
    return this.#at.get(id);
  }

  /** Those of all endpoints for which that was ever asked. */
  get all(): Iterable<EndpointAdapters> {
    return this.#at.values();
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
