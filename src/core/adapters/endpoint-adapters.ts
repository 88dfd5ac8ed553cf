/**
 * The adapters of one endpoint: the load that is in progress there, what makes room for the next one, and
 * the calls for each that run; what is there is in held-adapters.ts. An engine forgets all of them when
 * it restarts; then calls for them fail, and they are loaded again. Which adapter is loaded where is
 * decided in backends/load-choice.ts.
 *
 * Invariants: adapters that are held, and one that is loaded, are `most` at most, unless the engine
 * itself shows more; one with calls in flight is never unloaded; loads come one after the other.
 */
import { Multiset } from '../runs/multiset.ts';
import type { AdapterLoad, LoadReport } from './adapter-load.ts';
import { type HeldAdapter, HeldAdapters } from './held-adapters.ts';
import { LoadFailures } from './load-failures.ts';

/** What survives a restart of the object. */
export interface AdaptersSnapshot {
  /** Adapter and source, the least recently used first. */
  readonly held: ReadonlyArray<readonly [adapter: string, source: string]>;
  readonly loading?: AdapterLoad;
}

export class EndpointAdapters {
  /** Most adapters that it holds. */
  most = 1;
  /** What it holds, sure or not. */
  readonly held = new HeldAdapters();
  readonly #inFlight = new Multiset();
  /** Which loads failed there, and are not tried again for a time. */
  readonly failures = new LoadFailures();
  #loading: AdapterLoad | undefined;
  /** What the load in progress unloads first, as it was. */
  readonly #displaced = new Map<string, HeldAdapter>();
  /** The load in progress was begun before a restart: nobody waits for its answer. */
  #isInterrupted = false;
  /** Which adapter is to be loaded next, in place of one that gets no more calls. */
  #claim: { readonly by: string; readonly victim: string } | undefined;
  #upSince: number | undefined;
  #address: string | undefined;

  /** The endpoint at an address is up since a time, epoch ms: an engine begins with none. */
  upSince(at: number, address: string | undefined): void {
    if (this.#upSince === at && this.#address === address) return;
    if (this.#upSince !== undefined) this.forget();
    this.#upSince = at;
    this.#address = address;
  }

  /** True where it is to be unloaded as soon as its last call there has ended. */
  isLeaving(adapter: string): boolean {
    return this.#claim?.victim === adapter;
  }

  /** The adapter that is loaded there next; undefined where none has a claim. */
  get claimedBy(): string | undefined {
    return this.#claim?.by;
  }

  get loading(): AdapterLoad | undefined {
    return this.#loading;
  }

  /** Calls for an adapter that run there. */
  inFlight(adapter: string): number {
    return this.#inFlight.count(adapter);
  }

  /**
   * What has to be unloaded so that an adapter can be loaded now, the least recently used first;
   * undefined where that cannot be. `may`: whether an adapter without calls in flight may go.
   */
  roomFor(
    adapter: string,
    source: string,
    may: (adapter: string) => boolean,
  ): readonly string[] | undefined {
    if (this.#loading || (this.#claim && this.#claim.by !== adapter)) return undefined;
    const same = this.held.get(adapter);
    const unload: string[] = [];
    if (same && same.source !== source) {
      // Another version under the same name.
      if (this.inFlight(adapter) > 0) return undefined;
      unload.push(adapter);
    }
    let others = this.held.size - (same ? 1 : 0);
    for (const name of this.#byUse()) {
      if (others < this.most) break;
      if (name === adapter || this.inFlight(name) > 0) continue;
      if (!this.isLeaving(name) && !may(name)) continue;
      unload.push(name);
      others -= 1;
    }
    return others < this.most ? unload : undefined;
  }

  /** One that is to leave goes first, then the least recently used. */
  #byUse(): readonly string[] {
    const names = this.held.byUse;
    const victim = this.#claim?.victim;
    return victim === undefined ? names : [victim, ...names.filter((name) => name !== victim)];
  }

  /** An adapter takes the place of another one, which gets no more calls. */
  claim(by: string, victim: string): void {
    this.#claim = { by, victim };
  }

  /** Nobody waits for the adapter any more. */
  unclaim(by: string): void {
    if (this.#claim?.by === by) this.#claim = undefined;
  }

  /** A load begins. What it unloads counts as gone at once. */
  begin(load: AdapterLoad): void {
    this.#displaced.clear();
    for (const name of load.unload) {
      const held = this.held.get(name);
      if (held) this.#displaced.set(name, held);
      this.#drop(name);
    }
    this.#loading = load;
    this.#isInterrupted = false;
    this.unclaim(load.adapter);
  }

  /** The present load has ended; the load, or undefined where the answer is to another one. */
  answered(adapter: string, at: number, report: LoadReport, now: number): AdapterLoad | undefined {
    const load = this.#loading;
    if (!load || load.adapter !== adapter || load.at !== at) return undefined;
    this.#loading = undefined;
    if (report.ok) {
      this.failures.succeeded(adapter);
      // One that was there before, and unused, was loaded in vain.
      this.held.drop(adapter);
      this.held.hold(adapter, { source: load.source, isSure: true, loadedAt: now, load });
      return load;
    }
    const unloaded = new Set(report.unloaded);
    const left = load.unload.filter((name) => !unloaded.has(name));
    for (const name of left) {
      const before = this.#displaced.get(name);
      const isSure = before?.isSure === true && !report.isUnsure;
      this.held.keep(name, { loadedAt: now, source: '', ...before, load: undefined, isSure });
    }
    // It may be there: it takes room until it is unloaded, and its calls tell.
    if (report.isUnsure && left.length === 0) this.#hold(adapter, load.source, now, false);
    this.failures.failed(adapter, report.reason ?? 'it failed', now);
    this.held.end(load, 'failed');
    return load;
  }

  /** The load that has to be asked for again after a restart, once. */
  takeInterrupted(): AdapterLoad | undefined {
    if (!this.#isInterrupted) return undefined;
    this.#isInterrupted = false;
    return this.#loading;
  }

  /** A call for the adapter is sent there; `waited`: it waited for the adapter. */
  granted(adapter: string, waited: boolean): void {
    this.#inFlight.add(adapter);
    this.held.used(adapter, waited);
  }

  /** A call for it gives its slot back. */
  released(adapter: string): void {
    this.#inFlight.remove(adapter);
  }

  /** The engine served a call for it, so it is there whoever loaded it. */
  found(adapter: string, source: string, now: number): void {
    this.failures.succeeded(adapter);
    if (!this.held.has(adapter, source)) this.#hold(adapter, source, now, true);
  }

  /** The engine does not know it: it was restarted, or somebody has unloaded it. */
  missing(adapter: string): void {
    if (this.held.get(adapter)?.isSure) this.#drop(adapter);
  }

  /** The engine started anew. A load that is in progress goes on there, or fails. */
  forget(): void {
    for (const name of this.held.byUse) this.#drop(name);
    this.failures.clear();
    this.#claim = undefined;
  }

  clockWentBack(now: number): void {
    this.failures.clockWentBack(now);
    this.held.clockWentBack(now);
  }

  /** Undefined where there is nothing to remember. */
  snapshot(): AdaptersSnapshot | undefined {
    if (this.held.size === 0 && !this.#loading) return undefined;
    return {
      held: this.held.snapshot(),
      ...(this.#loading ? { loading: this.#loading } : {}),
    };
  }

  /** Adapters that were held count as held until a call shows otherwise; a load goes on. */
  restore({ held, loading }: AdaptersSnapshot, now: number): void {
    for (const [name, source] of held) this.#hold(name, source, now, source !== '');
    this.#loading = loading;
    this.#isInterrupted = loading !== undefined;
  }

  #hold(adapter: string, source: string, now: number, isSure: boolean): void {
    this.held.hold(adapter, { source, isSure, loadedAt: now, load: undefined });
  }

  #drop(adapter: string): void {
    this.held.drop(adapter);
    if (this.#claim?.victim === adapter) this.#claim = undefined;
  }
}
