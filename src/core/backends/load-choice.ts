/**
 * Which adapter is loaded at which endpoint, for calls that wait and ahead of need. The least recently
 * used makes room, never one with calls in flight, and one that calls wait for only after the other has
 * waited for a load's time and this one was there as long: so each is served in turn, and at most half
 * of the time goes into loads.
 */
import type { AdapterLoad } from '../adapters/adapter-load.ts';
import type { EndpointAdapters } from '../adapters/endpoint-adapters.ts';
import type { AdapterCalls } from './adapter-calls.ts';
import type { BackendAdapters } from './backend-adapters.ts';
import type { Endpoint } from './endpoint.ts';

/** So long an adapter stays for the calls that it was loaded for, ms. */
const LONGEST_UNUSED_MS = 120_000;

/** What is to be loaded where. */
export interface NextLoad {
  readonly endpoint: Endpoint;
  readonly adapter: string;
  readonly source: string;
  readonly unload: readonly string[];
}

/** The part of a backend that is read here. */
export interface LoadView {
  readonly adapters: BackendAdapters;
  readonly adapterCalls: AdapterCalls;
}

export class LoadChoice {
  readonly #adapters: BackendAdapters;
  readonly #calls: AdapterCalls;

  constructor({ adapters, adapterCalls }: LoadView) {
    this.#adapters = adapters;
    this.#calls = adapterCalls;
  }

  /** The next load for calls that wait; undefined where none can begin. Makes claims. */
  next(now: number): NextLoad | undefined {
    const { parked } = this.#calls;
    for (const adapter of parked.adapters) {
      const source = this.#adapters.sourceOf(adapter);
      if (
        source === undefined ||
        this.#adapters.isLoading(adapter) ||
        this.#isThere(adapter, source, now)
      ) {
        continue;
      }
      const load = this.#loadOf(adapter, source, now);
      if (load) return load;
      if (now - parked.since(adapter) < this.#adapters.loadMs) continue;
      this.#claim(adapter, source, now);
    }
    return undefined;
  }

  #isThere(adapter: string, source: string, now: number): boolean {
    for (const endpoint of this.#adapters.upEndpoints(now)) {
      const at = this.#adapters.at(endpoint);
      if (at.held.has(adapter, source) && !at.isLeaving(adapter) && endpoint.isReady(now))
        return true;
    }
    return false;
  }

  /** An endpoint where it can be loaded now: one that unloads least, then the emptiest. */
  #loadOf(adapter: string, source: string, now: number): NextLoad | undefined {
    let best: NextLoad | undefined;
    let bestScore = Infinity;
    for (const endpoint of this.#adapters.upEndpoints(now)) {
      const at = this.#adapters.at(endpoint);
      if (at.held.has(adapter, source) || at.failures.of(adapter, now)) continue;
      const unload = at.roomFor(adapter, source, (name) => !this.#calls.isWanted(name));
      if (!unload) continue;
      const { slots } = endpoint.spec;
      const score =
        unload.length + (Number.isFinite(slots) ? endpoint.slots.sequences / slots / 2 : 0);
      if (score < bestScore) [best, bestScore] = [{ endpoint, adapter, source, unload }, score];
    }
    return best;
  }

  /** Where it could be loaded ahead of need, in place of those that `may` go; undefined for nowhere. */
  placeFor(adapter: string, may: (adapter: string) => boolean, now: number): NextLoad | undefined {
    const source = this.#adapters.sourceOf(adapter);
    if (source === undefined || this.#adapters.isLoading(adapter)) return undefined;
    let best: NextLoad | undefined;
    for (const endpoint of this.#adapters.upEndpoints(now)) {
      const at = this.#adapters.at(endpoint);
      if (at.held.has(adapter, source)) return undefined;
      if (at.failures.of(adapter, now)) continue;
      const unload = at.roomFor(
        adapter,
        source,
        (name) => !this.#calls.isWanted(name) && may(name),
      );
      if (unload && (!best || unload.length < best.unload.length)) {
        best = { endpoint, adapter, source, unload };
      }
    }
    return best;
  }

  /**
   * Adapters of the backend that are not known to be at an endpoint: where its engine has no room for a
   * load, one of them is there all the same, and may go.
   */
  spareAt(endpoint: Endpoint, { adapter }: AdapterLoad): readonly string[] {
    const at = this.#adapters.at(endpoint);
    const held = new Set(at.held.names).add(adapter);
    const isSpare = (name: string) => !held.has(name) && at.inFlight(name) === 0;
    return [...this.#adapters.names].filter(isSpare);
  }

  /** An adapter that others wait for has waited for so long that another one leaves for it. */
  #claim(adapter: string, source: string, now: number): void {
    let best: { readonly at: EndpointAdapters; readonly victim: string } | undefined;
    let bestScore = Infinity;
    for (const endpoint of this.#adapters.upEndpoints(now)) {
      const at = this.#adapters.at(endpoint);
      if (at.claimedBy === adapter) return;
      if (at.claimedBy !== undefined || at.loading || at.failures.of(adapter, now)) continue;
      if (at.held.has(adapter, source)) continue;
      for (const [age, victim] of at.held.names.entries()) {
        if (!this.#mayLeave(at, victim, now)) continue;
        const score =
          (this.#calls.isWanted(victim) ? 1_000 : 0) + at.inFlight(victim) + age / 1_000;
        if (score < bestScore) [best, bestScore] = [{ at, victim }, score];
      }
    }
    best?.at.claim(adapter, best.victim);
  }

  /** It was there as long as a load takes, and for the calls that it was loaded for. */
  #mayLeave(at: EndpointAdapters, adapter: string, now: number): boolean {
    const ageMs = now - (at.held.loadedAt(adapter) ?? -Infinity);
    const isOwed = at.held.isUnused(adapter) && this.#calls.isWanted(adapter);
    return (
      ageMs >= (isOwed ? Math.max(LONGEST_UNUSED_MS, this.#adapters.loadMs) : this.#adapters.loadMs)
    );
  }
}
