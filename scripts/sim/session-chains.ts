/**
 * The fingerprints that the Worker would send with a call of a trace: the prompt is cut where the
 * session's earlier prompts ended, as it is at messages, and where one of its texts ends. Like the
 * Worker, it sees what the session sends and nothing of any cache.
 */
import { MAX_LINKS, type PrefixLink } from '../../src/core/runs/prefix.ts';
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import { PromptNames, promptOf } from '../gpu/prompt.ts';

/** Links kept of the beginning of a long chain: tools, system prompt, first message. */
const FIRST_LINKS = 3;

export class SessionChains {
  readonly #names: PromptNames;
  /** By run and text, the places at which prompts ended so far, ascending. */
  readonly #cuts = new Map<string, Map<number, number[]>>();

  constructor(names = new PromptNames()) {
    this.#names = names;
  }

  /** The chain of a call's prompt; undefined where it shares nothing. */
  chainOf(run: string, call: CallRecord): readonly PrefixLink[] | undefined {
    const parts = promptOf(call);
    if (!parts) return undefined;
    let cuts = this.#cuts.get(run);
    if (!cuts) {
      cuts = new Map();
      this.#cuts.set(run, cuts);
    }
    const links: PrefixLink[] = [];
    let start = 0;
    for (const { name, end } of this.#names.beginningsOf(parts)) {
      const places: number[] = cuts.get(name) ?? [];
      cuts.set(name, places);
      const at = places.findIndex((place) => place >= end);
      const before = at < 0 ? places.length : at;
      for (const place of places.slice(0, before))
        links.push({ id: `${name}:${place}`, tokens: place });
      if (end > start) links.push({ id: `${name}:${end}`, tokens: end });
      if (places[before] !== end) places.splice(before, 0, end);
      start = end;
    }
    if (links.length <= MAX_LINKS) return links;
    return [...links.slice(0, FIRST_LINKS), ...links.slice(FIRST_LINKS - MAX_LINKS)];
  }

  /** The run has ended. */
  forget(run: string): void {
    this.#cuts.delete(run);
  }
}
