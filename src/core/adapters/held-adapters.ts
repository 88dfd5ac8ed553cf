/**
 * The adapters that one endpoint holds, as far as its engine has told, in the order of their use, and how
 * the loads that brought them turned out. What is loaded there, and what makes room for it, is in
 * endpoint-adapters.ts.
 */
import type { AdapterLoad, LoadOutcome } from './adapter-load.ts';

/** Loads whose outcome is not taken yet; more are dropped. */
const MAX_ENDED = 1_000;

export interface HeldAdapter {
  readonly source: string;
  /** False where nobody knows whether the engine has it: it takes room, and gets no calls. */
  readonly isSure: boolean;
  /** Epoch ms. */
  readonly loadedAt: number;
  /** The load that brought it, until a call has used it. */
  load: AdapterLoad | undefined;
}

export interface EndedLoad {
  readonly load: AdapterLoad;
  readonly outcome: LoadOutcome;
}

export class HeldAdapters {
  /** The least recently used first. */
  readonly #held = new Map<string, HeldAdapter>();
  #ended: EndedLoad[] = [];

  /** Number of adapters that take room. */
  get size(): number {
    return this.#held.size;
  }

  /** True where a call for the adapter can be served there. */
  has(adapter: string, source: string): boolean {
    const held = this.#held.get(adapter);
    return held?.isSure === true && held.source === source;
  }

  get(adapter: string): HeldAdapter | undefined {
    return this.#held.get(adapter);
  }

  /** The adapters that are there for sure, the least recently used first. */
  get names(): readonly string[] {
    return [...this.#held].filter(([, { isSure }]) => isSure).map(([adapter]) => adapter);
  }

  /** All that take room, the least recently used first. */
  get byUse(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** When an adapter was loaded, epoch ms; undefined where it is not there. */
  loadedAt(adapter: string): number | undefined {
    return this.#held.get(adapter)?.loadedAt;
  }

  /** True where it was loaded and no call has used it. */
  isUnused(adapter: string): boolean {
    return this.#held.get(adapter)?.load !== undefined;
  }

  /** It is there, and was used last. */
  hold(adapter: string, held: HeldAdapter): void {
    this.#held.delete(adapter);
    this.#held.set(adapter, held);
  }

  /** It may be there as it was, at its place in the order where it has one. */
  keep(adapter: string, held: HeldAdapter): void {
    this.#held.set(adapter, held);
  }

  /** A call for it is sent there; `waited`: it waited for the adapter. */
  used(adapter: string, waited: boolean): void {
    const held = this.#held.get(adapter);
    if (!held) return;
    this.hold(adapter, held);
    if (held.load) this.end(held.load, waited ? 'late' : 'used');
    held.load = undefined;
  }

  /** It is not there any more. */
  drop(adapter: string): void {
    const load = this.#held.get(adapter)?.load;
    this.#held.delete(adapter);
    if (load) this.end(load, 'wasted');
  }

  /** The outcome of a load became known. */
  end(load: AdapterLoad, outcome: LoadOutcome): void {
    if (this.#ended.length < MAX_ENDED) this.#ended.push({ load, outcome });
  }

  /** Returns and clears the loads whose outcome became known. */
  takeEnded(): readonly EndedLoad[] {
    if (this.#ended.length === 0) return [];
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  clockWentBack(now: number): void {
    for (const [name, held] of this.#held) {
      this.#held.set(name, { ...held, loadedAt: Math.min(held.loadedAt, now) });
    }
  }

  /** Adapter and source, the least recently used first; no source where it is not there for sure. */
  snapshot(): ReadonlyArray<readonly [adapter: string, source: string]> {
    return [...this.#held].map(([name, { source, isSure }]) => [name, isSure ? source : '']);
  }
}
