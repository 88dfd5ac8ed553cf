/**
 * The rank that a PDGraph gives to a run that is about to visit one of its units: the graph is read as the
 * states of a run, each with its mean cost and what follows it (gittins/unit-gittins.ts).
 */
import { type UnitState, unitRank } from '../gittins/unit-gittins.ts';
import { type Speed, workMs } from '../runs/demand.ts';
import type { UnitNode } from './unit-node.ts';

type Units = ReadonlyMap<string, UnitNode>;

/**
 * Gittins rank of a run that is about to visit a unit, in slot-ms of one backend; units on other
 * backends cost its queue nothing. `fanOut`: calls of that visit, as far as they are known.
 */
export function graphRankMs(
  units: Units,
  unit: string,
  backend: string,
  speed: Speed,
  fanOut: number,
): number | undefined {
  const node = units.get(unit);
  if (!node) return undefined;
  const index = reachable(units, unit);
  const states = [...index.keys()].map((name): UnitState => {
    const n = units.get(name) ?? node;
    const departures = n.departures || 1;
    return {
      costMs: n.backend === backend ? workMs(n.demand, speed) : 0,
      next: [...n.next].map(([name, count]) => ({
        to: index.get(name) ?? 0,
        probability: count / departures,
      })),
      endProbability: n.ends / departures,
    };
  });
  // The unit itself is the first of those that can be reached from it.
  const perCall = node.fanOut.mean > 0 ? (states[0]?.costMs ?? 0) / node.fanOut.mean : 0;
  return unitRank(states, 0, perCall * Math.max(1, fanOut));
}

/** A unit and those that can follow it, directly or later, each with its index. */
function reachable(units: Units, unit: string): ReadonlyMap<string, number> {
  const index = new Map([[unit, 0]]);
  // The loop also visits the units that it adds to the map.
  for (const name of index.keys()) {
    for (const next of units.get(name)?.next.keys() ?? []) {
      if (!index.has(next)) index.set(next, index.size);
    }
  }
  return index;
}
