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

interface Unit {
  readonly app: string;
  readonly unit: string;
  /** Runs that had a first call in it, and runs that began with it. */
  runs: number;
  begun: number;
  readonly links: Map<string, { readonly tokens: number; weight: number }>;
}

/** What survives a restart: application, unit, runs, those that began there, and fingerprints. */
export type UnitPrefixesSnapshot = ReadonlyArray<
  readonly [
    app: string,
    unit: string,
    runs: number,
    begun: number,
    links: ReadonlyArray<readonly [id: string, tokens: number, weight: number]>,
  ]
>;

export class UnitPrefixes {
  /** The one that was not seen for longest first. */
  readonly #units = new Map<string, Unit>();

  /** A run has its first call in a unit; `begins`: it begins with it. */
  saw(app: string, unit: string, chain: readonly PrefixLink[], begins: boolean): void {
    if (begins) for (const other of this.#units.values()) other.begun *= DECAY;
    const seen = this.#take(app, unit);
    if (begins) seen.begun += 1;
    seen.runs = seen.runs * DECAY + 1;
    for (const link of seen.links.values()) link.weight *= DECAY;
    for (const { id, tokens } of chain) {
      const known = seen.links.get(id);
      if (known) known.weight += 1;
      else seen.links.set(id, { tokens, weight: 1 });
    }
    while (seen.links.size > MAX_LINKS) seen.links.delete(leastOf(seen));
  }

  #take(app: string, unit: string): Unit {
    const key = keyOf(app, unit);
    const seen = this.#units.get(key) ?? { app, unit, runs: 0, begun: 0, links: new Map() };
    this.#units.delete(key);
    this.#units.set(key, seen);
    if (this.#units.size > MAX_UNITS) {
      const [oldest] = this.#units.keys();
      if (oldest !== undefined) this.#units.delete(oldest);
    }
    return seen;
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
      if ((seen?.links.get(link.id)?.weight ?? 0) < SEEN_TWICE) continue;
      const worth = link.tokens * shareIn(seen, link.id);
      if (worth > most) [best, most] = [link, worth];
    }
    return best;
  }

  snapshot(): UnitPrefixesSnapshot | undefined {
    if (this.#units.size === 0) return undefined;
    return [...this.#units.values()].map(({ app, unit, runs, begun, links }) => [
      app,
      unit,
      rounded(runs),
      rounded(begun),
      [...links].map(([id, { tokens, weight }]) => [id, tokens, rounded(weight)]),
    ]);
  }

  restore(from: UnitPrefixesSnapshot): void {
    for (const [app, unit, runs, begun, links] of from) {
      const known = links.map(([id, tokens, weight]) => [id, { tokens, weight }] as const);
      this.#units.set(keyOf(app, unit), { app, unit, runs, begun, links: new Map(known) });
    }
  }

  forget(): void {
    this.#units.clear();
  }
}

function keyOf(app: string, unit: string): string {
  return JSON.stringify([app, unit]);
}

function shareIn(unit: Unit | undefined, id: string): number {
  return unit ? (unit.links.get(id)?.weight ?? 0) / (unit.runs + 1) : 0;
}

/** What came least often; of several the longest. */
function leastOf({ links }: Unit): string {
  let least = '';
  let lowest = Infinity;
  let longest = 0;
  for (const [id, { weight, tokens }] of links) {
    if (weight > lowest || (weight === lowest && tokens < longest)) continue;
    [least, lowest, longest] = [id, weight, tokens];
  }
  return least;
}

function rounded(weight: number): number {
  return Math.round(weight * 1_000) / 1_000;
}
