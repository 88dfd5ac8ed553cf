/**
 * Builds the forecast for one backend: the probability that each run in flight needs it within the
 * horizon, by what similar runs did, and that a run that has not arrived yet does. What follows
 * from a forecast is in prewarm.ts.
 */

import type { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import type { NeedChances } from '../learning/application-model.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { Forecast } from './prewarm.ts';

/** Runs counted in one forecast: with so many that may need the backend, the need is certain. */
const MAX_RUNS = 500;
/** Runs looked up in one forecast: each takes time, and many may never need this backend. */
const MAX_LOOK_UPS = 5_000;
/** Below this probability of no need the remaining runs cannot change the decision. */
const NEGLIGIBLE = 1e-3;
const NO_NEED: NeedChances = { within: 0, ever: 0 };

export interface ForecastInputs {
  readonly backend: Backend;
  /** Backends by name: a run that waits at another backend is delayed by that queue. */
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: Iterable<LiveRun>;
  readonly models: ApplicationModels;
  readonly appArrivals: ApplicationArrivals;
  readonly speeds: Speeds;
  /** Epoch ms. */
  readonly now: number;
  /** The horizon, ms from now. */
  readonly withinMs: number;
}

/** The forecast of needs of `backend` from `now` until `withinMs` later. */
export function forecastNeed(inputs: ForecastInputs): Forecast {
  const { backend, runs, now, withinMs } = inputs;
  const probabilities: number[] = [];
  const ever: number[] = [];
  const of: LiveRun[] = [];
  let [pNone, lookUps] = [1, 0];
  // Runs that are at the backend already are counted call by call.
  const busy = backend.running + backend.queue.size;
  // With one endpoint, a call that is there makes the need certain, so no run is looked up.
  const single = backend.spec.endpoints.length === 1;
  if (single && busy > 0) return { runs: [], ever: [], arrivals: 0, busy };
  for (const run of runs) {
    if (run.visits.at(-1)?.backend === backend.name && run.outstanding > 0) continue;
    if (probabilities.length >= MAX_RUNS || (single && pNone < NEGLIGIBLE)) break;
    lookUps += 1;
    if (lookUps > MAX_LOOK_UPS) break;
    const need = needOf(run, inputs);
    if (need.ever === 0) continue;
    probabilities.push(need.within);
    ever.push(need.ever);
    of.push(run);
    pNone *= 1 - need.within;
  }
  // Arrivals: runs that begin here, and runs that begin elsewhere and come here later.
  const fromElsewhere = inputs.appArrivals.expectedNeeds(backend.name, now, withinMs);
  const pBeginsHere = backend.arrivals.needProbability(now, withinMs);
  return {
    runs: probabilities,
    of,
    ever,
    arrivals: 1 - (1 - pBeginsHere) * Math.exp(-fromElsewhere),
    busy,
    expected: fromElsewhere + (backend.arrivals.ratePerSec(now) * withinMs) / 1_000,
  };
}

function needOf(run: LiveRun, inputs: ForecastInputs): NeedChances {
  const { backend, backends, models, speeds, now, withinMs } = inputs;
  const visit = run.visits.at(-1);
  const model = models.model(run.app);
  if (!visit || !model) return NO_NEED;
  // Samples count from the start of service. Service of a visit that waits begins after its
  // expected wait; that of a visit that was sent to a cold endpoint begins when the endpoint is up.
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
