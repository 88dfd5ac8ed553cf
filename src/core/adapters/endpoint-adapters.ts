/**
 * Which adapters one endpoint holds, as far as its engine has told, and the load that is in
 * progress there. An engine forgets all of them when it restarts; then calls for them fail, and they
 * are loaded again. Which adapter is loaded where is decided in backends/load-choice.ts.
 *
 * Invariants: adapters that are held, and one that is loaded, are `most` at most, unless the engine
 * itself shows more; one with calls in flight is never unloaded; loads come one after the other.
 */
import { Multiset } from '../runs/multiset.ts';
import type { AdapterLoad, LoadOutcome, LoadReport } from './adapter-load.ts';
import { LoadFailures } from './load-failures.ts';

/** Loads whose outcome is not taken yet; more are dropped. */
const MAX_ENDED = 1_000;

interface Held {
  readonly source: string;
  /** False where nobody knows whether the engine has it: it takes room, and gets no calls. */
  readonly isSure: boolean;
  readonly loadedAt: number;
  /** The load that brought it, until a call has used it. */
  load: AdapterLoad | undefined;
}

/** What survives a restart of the object. */
export interface AdaptersSnapshot {
  /** Adapter and source, the least recently used first. */
  readonly held: ReadonlyArray<readonly [adapter: string, source: string]>;
  readonly loading?: AdapterLoad;
}

export interface EndedLoad {
  readonly load: AdapterLoad;
  readonly outcome: LoadOutcome;
}

export class EndpointAdapters {
  /** Most adapters that it holds. */
  most = 1;
  /** The least recently used first. */
  readonly #held = new Map<string, Held>();
  readonly #inFlight = new Multiset();
  /** Which loads failed there, and are not tried again for a time. */
  readonly failures = new LoadFailures();
  #loading: AdapterLoad | undefined;
  /** What the load in progress unloads first, as it was. */
  readonly #displaced = new Map<string, Held>();
  /** The load in progress was begun before a restart: nobody waits for its answer. */
  #isInterrupted = false;
  /** Which adapter is to be loaded next, in place of one that gets no more calls. */
  #claim: { readonly by: string; readonly victim: string } | undefined;
  #ended: EndedLoad[] = [];
  #upSince: number | undefined;
  #address: string | undefined;

  /** The endpoint at an address is up since a time, epoch ms: an engine begins with none. */
  upSince(at: number, address: string | undefined): void {
    if (this.#upSince === at && this.#address === address) return;
    if (this.#upSince !== undefined) this.forget();
    this.#upSince = at;
    this.#address = address;
  }

  /** True where a call for the adapter can be served there. */
  has(adapter: string, source: string): boolean {
    const held = this.#held.get(adapter);
    return held?.isSure === true && held.source === source;
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

  /** The adapters that it holds, the least recently used first. */
  get held(): readonly string[] {
    return [...this.#held].filter(([, { isSure }]) => isSure).map(([adapter]) => adapter);
  }

  /** When an adapter was loaded, epoch ms; undefined where it is not there. */
  loadedAt(adapter: string): number | undefined {
    return this.#held.get(adapter)?.loadedAt;
  }

  /** True where it was loaded and no call has used it. */
  isUnused(adapter: string): boolean {
    return this.#held.get(adapter)?.load !== undefined;
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
    const same = this.#held.get(adapter);
    const unload: string[] = [];
    if (same && same.source !== source) {
      // Another version under the same name.
      if (this.inFlight(adapter) > 0) return undefined;
      unload.push(adapter);
    }
    let others = this.#held.size - (same ? 1 : 0);
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
    const names = [...this.#held.keys()];
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
      const held = this.#held.get(name);
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
      const unused = this.#held.get(adapter)?.load;
      this.#held.delete(adapter);
      this.#held.set(adapter, { source: load.source, isSure: true, loadedAt: now, load });
      if (unused) this.#end(unused, 'wasted');
      return load;
    }
    const unloaded = new Set(report.unloaded);
    const left = load.unload.filter((name) => !unloaded.has(name));
    for (const name of left) {
      const before = this.#displaced.get(name);
      const isSure = before?.isSure === true && !report.isUnsure;
      this.#held.set(name, { loadedAt: now, source: '', ...before, load: undefined, isSure });
    }
    // It may be there: it takes room until it is unloaded, and its calls tell.
    if (report.isUnsure && left.length === 0) this.#hold(adapter, load.source, now, false);
    this.failures.failed(adapter, report.reason ?? 'it failed', now);
    this.#end(load, 'failed');
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
    const held = this.#held.get(adapter);
    if (!held) return;
    this.#held.delete(adapter);
    this.#held.set(adapter, held);
    if (held.load) this.#end(held.load, waited ? 'late' : 'used');
    held.load = undefined;
  }

  /** A call for it gives its slot back. */
  released(adapter: string): void {
    this.#inFlight.remove(adapter);
  }

  /** The engine served a call for it, so it is there whoever loaded it. */
  found(adapter: string, source: string, now: number): void {
    this.failures.succeeded(adapter);
    if (!this.has(adapter, source)) this.#hold(adapter, source, now, true);
  }

  /** The engine does not know it: it was restarted, or somebody has unloaded it. */
  missing(adapter: string): void {
    if (this.#held.get(adapter)?.isSure) this.#drop(adapter);
  }

  /** The engine started anew. A load that is in progress goes on there, or fails. */
  forget(): void {
    for (const name of [...this.#held.keys()]) this.#drop(name);
    this.failures.clear();
    this.#claim = undefined;
  }

  /** Returns and clears the loads whose outcome became known. */
  takeEnded(): readonly EndedLoad[] {
    if (this.#ended.length === 0) return [];
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  clockWentBack(now: number): void {
    this.failures.clockWentBack(now);
    for (const [name, held] of this.#held) {
      this.#held.set(name, { ...held, loadedAt: Math.min(held.loadedAt, now) });
    }
  }

  /** Undefined where there is nothing to remember. */
  snapshot(): AdaptersSnapshot | undefined {
    if (this.#held.size === 0 && !this.#loading) return undefined;
    return {
      held: [...this.#held].map(([name, { source, isSure }]) => [name, isSure ? source : '']),
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
    this.#held.delete(adapter);
    this.#held.set(adapter, { source, isSure, loadedAt: now, load: undefined });
  }

  #drop(adapter: string): void {
    const load = this.#held.get(adapter)?.load;
    this.#held.delete(adapter);
    if (this.#claim?.victim === adapter) this.#claim = undefined;
    if (load) this.#end(load, 'wasted');
  }

  #end(load: AdapterLoad, outcome: LoadOutcome): void {
    if (this.#ended.length < MAX_ENDED) this.#ended.push({ load, outcome });
  }
}
