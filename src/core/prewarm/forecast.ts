/**
 * Builds the forecast for one backend: the probability that each run in flight needs it within the
 * horizon, by what similar runs did, and that a run that has not arrived yet does. The runs that may
 * need it are collected once, for all horizons that a decision asks about (run-needs.ts). What
 * follows from a forecast is in prewarm.ts.
 */

import type { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import { needChances } from '../learning/need-times.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { Forecast } from './prewarm.ts';
import { type LookUps, type PossibleNeed, RunNeeds, type RunsInFlight } from './run-needs.ts';

/** Runs counted in one forecast: with so many that may need the backend, the need is certain. */
const MAX_RUNS = 500;
/** Below this probability of no need the remaining runs cannot change the decision. */
const NEGLIGIBLE = 1e-3;

export interface ForecastView extends RunsInFlight {
  readonly appArrivals: ApplicationArrivals;
}

/** The forecasts of all backends. */
export class NeedForecasts {
  readonly #view: ForecastView;
  readonly #runNeeds = new Map<Backend, RunNeeds>();

  constructor(view: ForecastView) {
    this.#view = view;
  }

  /** A call of the run was submitted or granted. */
  changed(run: LiveRun): void {
    for (const needs of this.#runNeeds.values()) needs.changed(run);
  }

  /** Drops what is known of needs of backends that are not forecast any more. */
  keepOnly(isForecast: (backend: Backend) => boolean): void {
    for (const backend of this.#runNeeds.keys()) {
      if (!isForecast(backend)) this.#runNeeds.delete(backend);
    }
  }

  /** Forecasts of needs of a backend from `now` until so many ms later, in one step. */
  of(backend: Backend, lookUps: LookUps, now: number): (withinMs: number) => Forecast {
    let needs: RunNeeds | undefined;
    return (withinMs) => {
      const busy = backend.pool.running + backend.queue.size;
      // With one endpoint, a call that is there makes the need certain, so no run is looked up.
      const single = backend.spec.endpoints.length === 1;
      if (single && busy > 0) return { runs: [], ever: [], arrivals: 0, busy };
      if (!needs) {
        needs = this.#needsOf(backend);
        needs.review(now);
      }
      const runs = forecastRuns(needs.within(withinMs, lookUps, now), withinMs, single);
      // Arrivals: runs that begin here, and runs that begin elsewhere and come here later.
      const fromElsewhere = this.#view.appArrivals.expectedNeeds(backend.name, now, withinMs);
      const pBeginsHere = backend.arrivals.needProbability(now, withinMs);
      return {
        ...runs,
        arrivals: 1 - (1 - pBeginsHere) * Math.exp(-fromElsewhere),
        busy,
        expected: fromElsewhere + (backend.arrivals.ratePerSec(now) * withinMs) / 1_000,
      };
    };
  }

  #needsOf(backend: Backend): RunNeeds {
    let needs = this.#runNeeds.get(backend);
    if (!needs) {
      needs = new RunNeeds(backend.name, this.#view);
      this.#runNeeds.set(backend, needs);
    }
    return needs;
  }
}

/** The chances of runs that may need something within a horizon. */
export function forecastRuns(
  possible: Iterable<PossibleNeed>,
  withinMs: number,
  stopsWhenCertain: boolean,
) {
  const runs: number[] = [];
  const ever: number[] = [];
  const of: LiveRun[] = [];
  let pNone = 1;
  for (const { run, times, elapsedMs, inVisit } of possible) {
    const chances = needChances(times, { elapsedMs, inVisit, withinMs });
    if (chances.within === 0) continue;
    runs.push(chances.within);
    ever.push(chances.ever);
    of.push(run);
    pNone *= 1 - chances.within;
    if (runs.length >= MAX_RUNS || (stopsWhenCertain && pNone < NEGLIGIBLE)) break;
  }
  return { runs, ever, of };
}
