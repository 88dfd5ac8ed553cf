/**
 * The forecasts of the backends' queues (wait-forecast.ts): made when somebody asks, and kept for a
 * while. Each backend has a budget of steps, so that forecasts take at most about a hundredth of the
 * time, however many ask. Nothing is computed at a grant.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { PastVisit } from '../learning/past-runs.ts';
import { type Random, seededRandom } from '../learning/random.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Outlook } from './outlook.ts';
import { RecentArrivals } from './recent-arrivals.ts';
import { type IsLike, MOST_IN_SCENE, SceneBuilder } from './scene-builder.ts';
import { WaitForecast } from './wait-forecast.ts';

/** Steps a millisecond and at once that forecasts of one backend may take: a step takes some 0.2 us. */
const STEPS_A_MS = 50;
const MOST_STEPS = 100_000;
/** A forecast is kept for so long, ms, or for this share of the wait that it tells. */
const KEPT_MS = 20;
const KEPT_SHARE = 0.05;
/** A rank is computed anew once the application's runs have grown by this factor. */
const RANK_KEPT = 1.25;

/** What forecasts read of the dispatcher. */
export interface ForecastView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly models: ApplicationModels;
  readonly speeds: Speeds;
  /** Leaves finished runs out of what runs in flight are drawn from, for measurements. */
  readonly isLike?: IsLike | undefined;
  /** Runs without a call in flight, the last ones that were left; some may have ended. */
  readonly idleRuns: Iterable<LiveRun>;
  weightOf(run: Pick<LiveRun, 'app'>, call?: LiveCall): number;
  /** Key of a run that is of a rank then. */
  keyOf(arrivedAt: number, rankMs: () => number, weight: number): number;
  /** Key of a run once it has got so much more of its work. */
  keyAfter(key: number, workMs: number, arrivedAt: number, weight: number): number;
}

interface OfBackend {
  forecast: WaitForecast | undefined;
  /** Steps left of its budget at a time, epoch ms; below 0 after a forecast that took more. */
  steps: number;
  at: number;
}

export class WaitForecasts {
  readonly arrivals = new RecentArrivals();
  readonly #view: ForecastView;
  readonly #builder: SceneBuilder;
  readonly #ofBackend = new WeakMap<Backend, OfBackend>();

  constructor(view: ForecastView) {
    this.#view = view;
    const { backends, models, speeds, idleRuns, isLike } = view;
    this.#builder = new SceneBuilder({
      backends,
      models,
      speeds,
      idle: idleRuns,
      isLike,
      weightOf: (run, call) => view.weightOf(run, call),
    });
  }

  /** Time until a waiting call gets a slot, ms; undefined where no forecast tells. */
  waitMs(call: LiveCall, backend: Backend, now: number): number | undefined {
    const of = this.#of(backend, now);
    const key = backend.queue.keyOf(call.run) ?? Infinity;
    const before = backend.queue.turnOf(call);
    let waitMs = of.forecast?.waitMs(call, key, before) ?? Infinity;
    const isDue = !of.forecast?.has(call) || isOld(of.forecast, waitMs, now);
    if (of.steps > 0 && isDue && isForeseeable(call, backend)) {
      of.forecast = this.#forecast(call, backend, now);
      of.steps -= of.forecast.steps;
      waitMs = of.forecast.waitMs(call, key, before);
    }
    return of.forecast && waitMs < Infinity
      ? Math.max(0, waitMs - (now - of.forecast.at))
      : undefined;
  }

  #forecast(asked: LiveCall, backend: Backend, now: number): WaitForecast {
    const scene = this.#builder.scene(backend, now);
    const random = seededRandom(Math.floor(now) + scene.runs.length);
    return new WaitForecast(scene, this.#outlook(backend, now), asked, random);
  }

  #of(backend: Backend, now: number): OfBackend {
    let of = this.#ofBackend.get(backend);
    if (!of) {
      of = { forecast: undefined, steps: MOST_STEPS, at: now };
      this.#ofBackend.set(backend, of);
    }
    of.steps = Math.min(MOST_STEPS, of.steps + Math.max(0, now - of.at) * STEPS_A_MS);
    of.at = now;
    return of;
  }

  #outlook(backend: Backend, now: number): Outlook {
    const view = this.#view;
    return {
      backend: backend.name,
      speeds: view.speeds,
      gapMs: this.arrivals.gapMs(now),
      arrival: (random: Random) => {
        const arrival = this.arrivals.any(random);
        const past = arrival ? view.models.past.inState(arrival.app, arrival) : [];
        return past[Math.floor(random() * past.length)];
      },
      weightOf: (app) => view.weightOf({ app }),
      keyOf: (visit, arrivedAt, weight) =>
        view.keyOf(arrivedAt, () => this.#rankMs(visit, backend), weight),
      keyAfter: (key, workMs, arrivedAt, weight) => view.keyAfter(key, workMs, arrivedAt, weight),
    };
  }

  /** Rank of a run in the state of a finished one, ms. */
  #rankMs(visit: PastVisit, { name, slots }: Backend): number {
    const model = this.#view.models.modelOrPrior(visit.app);
    const { runs } = model.graph;
    const { rank, state } = visit;
    if (rank && runs <= rank.ofRuns * RANK_KEPT) return rank.ms;
    const { speeds } = this.#view;
    const ms = model.rankMs({ state, backend: name, attainedMs: 0, speeds, slots });
    visit.rank = { ms, ofRuns: runs };
    return ms;
  }
}

/** True where a forecast says nothing of a wait, or what it says is no longer true. */
function isOld(forecast: WaitForecast | undefined, waitMs: number, now: number): boolean {
  if (!forecast || waitMs === Infinity || now < forecast.at) return true;
  return now - forecast.at >= Math.max(KEPT_MS, KEPT_SHARE * waitMs);
}

/** True where the call and all that run are within the bounds of a scene. */
function isForeseeable(call: LiveCall, { queue, slotsInUse }: Backend): boolean {
  if (slotsInUse === 0 || slotsInUse > MOST_IN_SCENE.running) return false;
  const ahead = queue.ahead(call, false);
  return ahead !== undefined && ahead.items < MOST_IN_SCENE.waiting;
}
