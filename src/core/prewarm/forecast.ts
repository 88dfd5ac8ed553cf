/**
 * The forecast for one backend: which runs in flight will need it within the horizon, by what the
 * runs that resembled them did, and whether a run that has not arrived yet will.
 */

import type { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import type { NeedChances } from '../learning/application-model.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { Forecast } from './prewarm.ts';

/** Runs counted in one forecast: with so many that may come the need is sure. */
const MAX_RUNS = 500;
/** Runs looked at in one forecast: many in flight may never come here, and each look takes time. */
const MAX_LOOKS = 5_000;
/** Below this chance of no need the rest of the runs cannot change the decision. */
const CERTAIN = 1e-3;
const NO_NEED: NeedChances = { within: 0, ever: 0 };

export interface ForecastInputs {
  readonly backend: Backend;
  /** Backend by name: a run that waits there is delayed by that line. */
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: Iterable<LiveRun>;
  readonly models: ApplicationModels;
  readonly appArrivals: ApplicationArrivals;
  readonly speeds: Speeds;
  readonly now: number;
  readonly withinMs: number;
}

export function forecastNeed(inputs: ForecastInputs): Forecast {
  const { backend, runs, now, withinMs } = inputs;
  const probabilities: number[] = [];
  const ever: number[] = [];
  const of: LiveRun[] = [];
  let [none, looks] = [1, 0];
  // Those that are there already are counted call by call.
  const busy = backend.running + backend.queue.size;
  // With one endpoint a call that is there settles the matter.
  const single = backend.spec.endpoints.length === 1;
  if (single && busy > 0) return { runs: [], ever: [], arrivals: 0, busy };
  for (const run of runs) {
    if (run.visits.at(-1)?.backend === backend.name && run.outstanding > 0) continue;
    if (probabilities.length >= MAX_RUNS || (single && none < CERTAIN)) break;
    looks += 1;
    if (looks > MAX_LOOKS) break;
    const q = needOf(run, inputs);
    if (q.ever === 0) continue;
    probabilities.push(q.within);
    ever.push(q.ever);
    of.push(run);
    none *= 1 - q.within;
  }
  // Runs that begin here, and runs that will begin elsewhere and come here.
  const later = inputs.appArrivals.expectedNeeds(backend.name, now, withinMs);
  const begin = backend.arrivals.needProbability(now, withinMs);
  return {
    runs: probabilities,
    of,
    ever,
    arrivals: 1 - (1 - begin) * Math.exp(-later),
    busy,
    expected: later + (backend.arrivals.ratePerSec(now) * withinMs) / 1_000,
  };
}

function needOf(run: LiveRun, inputs: ForecastInputs): NeedChances {
  const { backend, backends, models, speeds, now, withinMs } = inputs;
  const visit = run.visits.at(-1);
  const model = models.model(run.app);
  if (!visit || !model) return NO_NEED;
  // Samples count from service: a visit that waits begins after its predicted wait, and one that was
  // sent to a cold endpoint when that is up.
  const at = backends.get(visit.backend);
  const waits = visit.servingSince === undefined && visit.outstanding > 0;
  const sentAt = visit.servingSince ?? visit.startedAt;
  const elapsedMs = waits
    ? -(at?.expectedWaitMs() ?? 0)
    : now - (visit.outstanding > 0 && at ? at.servingFrom(sentAt) : sentAt);
  return model.need({
    state: run.stateIn(visit, speeds),
    backend: backend.name,
    elapsedMs,
    inVisit: visit.outstanding > 0 || run.isInOwnUnit,
    withinMs,
  });
}
