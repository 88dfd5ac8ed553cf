/**
 * What prompts have in common from run to run at one backend: for each unit of an application, with
 * what its first call in a run begins how often, by fingerprints. Older runs count less. It holds no
 * content; bounded, the units that were not seen for longest go first.
 */
import type { PrefixLink } from '../runs/prefix.ts';

/** Weight that what was seen keeps with each further run. */
const DECAY = 7 / 8;
const MAX_UNITS = 16;
/** Fingerprints of a unit; those that come again stay, and of the others the shortest. */
const MAX_LINKS = 8;
/** More than the weight of what only one run has had. */
const SEEN_TWICE = 1 + DECAY ** 16;

interface Link extends PrefixLink {
  weight: number;
}

interface Unit {
  readonly app: string;
  readonly unit: string;
  /** Runs that had a first call in it, and runs that began with it. */
  runs: number;
  begun: number;
  /** What came least often first; of several the longest. */
  links: Link[];
}

/** What survives a restart. */
export type UnitPrefixesSnapshot = readonly Unit[];

export class UnitPrefixes {
  /** The one that was not seen for longest first. */
  readonly #units = new Map<string, Unit>();

  /** A run has its first call in a unit; `begins`: it begins with it. */
  saw(app: string, unit: string, chain: readonly PrefixLink[], begins: boolean): void {
    if (begins) for (const other of this.#units.values()) other.begun *= DECAY;
    const key = keyOf(app, unit);
    const seen = this.#units.get(key) ?? { app, unit, runs: 0, begun: 0, links: [] };
    this.#units.delete(key);
    this.#units.set(key, seen);
    const [oldest] = this.#units.keys();
    if (this.#units.size > MAX_UNITS && oldest !== undefined) this.#units.delete(oldest);
    if (begins) seen.begun += 1;
    seen.runs = seen.runs * DECAY + 1;
    for (const link of seen.links) link.weight *= DECAY;
    for (const link of chain) {
      const known = linkOf(seen, link.id);
      if (known) known.weight += 1;
      else seen.links.push({ ...link, weight: 1 });
    }
    seen.links.sort((a, b) => a.weight - b.weight || b.tokens - a.tokens);
    seen.links = seen.links.slice(-MAX_LINKS);
  }

  /**
   * P(the next run's first call in a unit begins with a fingerprint); with few runs it is taken to be
   * less.
   */
  shareOf(app: string, unit: string, id: string): number {
    return shareIn(this.#units.get(keyOf(app, unit)), id);
  }

  /** The same of a run that has not arrived yet, whatever unit it begins with. */
  shareOfArrivals(id: string): number {
    let begun = 0;
    let share = 0;
    for (const unit of this.#units.values()) {
      begun += unit.begun;
      share += unit.begun * shareIn(unit, id);
    }
    return begun > 0 ? share / begun : 0;
  }

  /** The beginning of a prompt that is worth most by how often its unit's calls have it. */
  bestOf(app: string, unit: string, chain: readonly PrefixLink[]): PrefixLink | undefined {
    const seen = this.#units.get(keyOf(app, unit));
    let best: PrefixLink | undefined;
    let most = 0;
    for (const link of chain) {
      if ((linkOf(seen, link.id)?.weight ?? 0) < SEEN_TWICE) continue;
      const worth = link.tokens * shareIn(seen, link.id);
      if (worth > most) [best, most] = [link, worth];
    }
    return best;
  }

  snapshot(): UnitPrefixesSnapshot | undefined {
    return this.#units.size > 0 ? [...this.#units.values()] : undefined;
  }

  restore(from: UnitPrefixesSnapshot): void {
    for (const unit of from) this.#units.set(keyOf(unit.app, unit.unit), unit);
  }

  forget(): void {
    this.#units.clear();
  }
}

function keyOf(app: string, unit: string): string {
  return JSON.stringify([app, unit]);
}

function linkOf(unit: Unit | undefined, id: string): Link | undefined {
  return unit?.links.find((link) => link.id === id);
}

function shareIn(unit: Unit | undefined, id: string): number {
  return unit ? (linkOf(unit, id)?.weight ?? 0) / (unit.runs + 1) : 0;
}
