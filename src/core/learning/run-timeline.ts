/**
 * A finished run as if it never waited: when each of its visits was submitted, what they asked for,
 * and when each backend was first needed.
 */
import {
  addDemand,
  type Demand,
  demandOf,
  NO_DEMAND,
  type Speeds,
  workMs,
} from '../runs/demand.ts';
import { adapterNeed, type VisitRecord } from '../runs/recorded-run.ts';

/** Demand of all calls of a visit. */
export function demandOfVisit(visit: VisitRecord, speeds: Speeds): Demand {
  const speed = speeds(visit.backend);
  return visit.calls.reduce((sum, call) => addDemand(sum, demandOf(call, speed)), NO_DEMAND);
}

/** Largest input of its model calls, tokens. */
export function largestInput(visit: VisitRecord): number {
  return visit.calls.reduce(
    (max, c) => ('service_ms' in c ? max : Math.max(max, c.input_tokens)),
    0,
  );
}

/**
 * When each visit is submitted in a run that never waits, ms from its start, and as the last
 * element when the run ends. A visit lasts as long as its longest call.
 */
export function startTimes(visits: readonly VisitRecord[], speeds: Speeds): number[] {
  const times = [0];
  let at = 0;
  for (const visit of visits) {
    const speed = speeds(visit.backend);
    at += visit.calls.reduce((max, c) => Math.max(max, workMs(demandOf(c, speed), speed)), 0);
    at += visit.gap_ms ?? 0;
    times.push(at);
  }
  return times;
}

/** Time from the start of visit `from` until a backend is needed, by visit `first` or a later one, ms. */
export function firstNeedMs(
  visits: readonly VisitRecord[],
  starts: readonly number[],
  from: number,
  backend: string,
  first = from,
): number {
  for (let i = first; i < visits.length; i += 1) {
    const visit = visits[i];
    if (visit && isNeeded(visit, backend)) return (starts[i] ?? 0) - (starts[from] ?? 0);
  }
  return Infinity;
}

/** True where the visit needs a backend, or an adapter by its name as one. */
export function isNeeded({ backend, adapter }: VisitRecord, name: string): boolean {
  if (backend === name) return true;
  return adapter !== undefined && name === adapterNeed(backend, adapter);
}
