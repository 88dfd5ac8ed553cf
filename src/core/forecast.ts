/**
 * The forecast for one backend: which runs in flight will need it within the horizon, by what the
 * runs that resembled them did, and whether a run that has not arrived yet will.
 */
import type { Backend } from './backend.ts';
import type { Speeds } from './demand.ts';
import type { Knowledge } from './knowledge.ts';
import type { LiveRun } from './live-run.ts';
import type { Forecast } from './prewarm.ts';

/** Runs looked at in one forecast; with so many in flight a need is sure or absent anyway. */
const MAX_RUNS = 500;
/** Below this chance of no need the rest of the runs cannot change the decision. */
const CERTAIN = 1e-3;

export interface ForecastInputs {
  readonly backend: Backend;
  /** Backend by name: a run that waits there is delayed by that line. */
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: Iterable<LiveRun>;
  readonly knowledge: Knowledge;
  readonly speeds: Speeds;
  readonly now: number;
  readonly withinMs: number;
}

export function forecastNeed(inputs: ForecastInputs): Forecast {
  const { backend, runs, now, withinMs } = inputs;
  const probabilities: number[] = [];
  let none = 1;
  for (const run of runs) {
    if (probabilities.length >= MAX_RUNS || none < CERTAIN) break;
    const q = needOf(run, inputs);
    probabilities.push(q);
    none *= 1 - q;
  }
  return { runs: probabilities, arrivals: backend.arrivals.needProbability(now, withinMs) };
}

function needOf(run: LiveRun, inputs: ForecastInputs): number {
  const { backend, backends, knowledge, speeds, now, withinMs } = inputs;
  const visit = run.visits.at(-1);
  const model = knowledge.model(run.app);
  if (!visit) return 0;
  // A call that waits at this very backend is a need already.
  if (visit.backend === backend.name && visit.outstanding > 0) return 1;
  if (!model) return 0;
  // Samples count from service, so a visit that still waits begins after its predicted wait.
  const waitMs = backends.get(visit.backend)?.expectedWaitMs() ?? 0;
  const elapsedMs =
    visit.servingSince === undefined && visit.outstanding > 0
      ? -waitMs
      : now - (visit.servingSince ?? visit.startedAt);
  return model.needProbability({
    state: run.stateIn(visit, speeds),
    backend: backend.name,
    // A visit of the backend itself that is over: it is the next need that counts.
    elapsedMs: visit.backend === backend.name ? Math.max(elapsedMs, 1) : elapsedMs,
    inVisit: visit.outstanding > 0 || run.isInOwnUnit,
    withinMs,
  });
}
