/**
 * The forecasts of the backends' queues (wait-forecast.ts): made when somebody asks, and kept for a
 * while. They have a budget (forecast-budget.ts), so that they take at most about a hundredth of the
 * time, however many ask. Nothing is computed at a grant.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { PastVisit } from '../learning/past-runs.ts';
import { type Random, seededRandom } from '../learning/random.ts';
import type { Policy } from '../order/policy.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { COST, ForecastBudget, MOST_SAVED } from './forecast-budget.ts';
import { ForeseenRanks } from './foreseen-ranks.ts';
import type { ComingRun, Outlook } from './outlook.ts';
import { type Arrival, RecentArrivals } from './recent-arrivals.ts';
import { type IsLike, MOST_IN_SCENE, SceneBuilder } from './scene-builder.ts';
import { WaitForecast } from './wait-forecast.ts';

/** A forecast is kept for so long, ms, or for this share of the wait that it tells. */
const KEPT_MS = 20;
const KEPT_SHARE = 0.05;
/** A forecast that reaches less far than this share of the farthest does not replace it. */
const FAR_SHARE = 0.5;

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
  /** The policy in force. */
  readonly policy: Pick<Policy, 'name' | 'foresight'>;
  /** Key of a run that comes to a visit, with its rank by the policy's foresight. */
  keyOf(run: ComingRun, rankMs: () => number, weight: number): number;
  /** Key of a run once it has got so much more of its work. */
  keyAfter(key: number, workMs: number, arrivedAt: number, weight: number): number;
}

interface OfBackend {
  /** The last one, and the one that reaches farthest: waits of calls far behind are told by it. */
  last: WaitForecast | undefined;
  far: WaitForecast | undefined;
}

export class WaitForecasts {
  readonly arrivals = new RecentArrivals();
  readonly #view: ForecastView;
  readonly #builder: SceneBuilder;
  readonly #ranks: ForeseenRanks;
  readonly #budget = new ForecastBudget();
  readonly #ofBackend = new WeakMap<Backend, OfBackend>();

  constructor(view: ForecastView) {
    this.#view = view;
    this.#ranks = new ForeseenRanks(view.models, this.#budget);
    const { backends, models, speeds, idleRuns, isLike } = view;
    this.#builder = new SceneBuilder({
      backends,
      models,
      speeds,
      idle: idleRuns,
      isLike,
      budget: this.#budget,
      weightOf: (run, call) => view.weightOf(run, call),
    });
  }

  /** Time until a waiting call gets a slot, ms; undefined where no forecast tells. */
  waitMs(call: LiveCall, backend: Backend, now: number): number | undefined {
    // Without a finished run draws would add nothing but noise to the work ahead.
    if (this.#view.models.past.isEmpty) return undefined;
    const of = this.#of(backend);
    const budget = this.#budget;
    budget.at(now);
    budget.spend(COST.ask);
    const key = backend.queue.keyOf(call.run) ?? Infinity;
    const before = backend.queue.turnOf(call);
    // The last one is mostly the one that reaches farthest, too: it is asked once.
    const forecasts = of.far === of.last ? [of.last] : [of.last, of.far];
    const known = forecasts.map((one) => one && told(one, call, key, before, now));
    // While there is much of the budget, a call that has joined since is not told by its key alone.
    const isPlenty = budget.left >= MOST_SAVED / 2;
    const fresh = known.find((one) => one?.isFresh && (one.has || !isPlenty));
    if (fresh) return fresh.leftMs;
    const isTold = known.some((one) => one && one.leftMs < Infinity);
    if (budget.left > (isTold ? 0 : -MOST_SAVED) && isForeseeable(call, backend)) {
      const made = this.#forecast(call, backend, now);
      of.last = made;
      if (!of.far || made.reachMs >= FAR_SHARE * (of.far.reachMs - (now - of.far.at)))
        of.far = made;
      const { leftMs } = told(made, call, key, before, now);
      if (leftMs < Infinity) return leftMs;
    }
    return known.find((one) => one && one.leftMs < Infinity)?.leftMs;
  }

  #forecast(asked: LiveCall, backend: Backend, now: number): WaitForecast {
    const { past } = this.#view.models;
    const readBefore = past.visitsRead;
    const scene = this.#builder.scene(backend, now);
    const random = seededRandom(Math.floor(now) + scene.runs.length);
    const made = new WaitForecast(scene, this.#outlook(backend, now), asked, random);
    this.#budget.spend(made.cost + (past.visitsRead - readBefore) * COST.visitRead);
    return made;
  }

  #of(backend: Backend): OfBackend {
    let of = this.#ofBackend.get(backend);
    if (!of) {
      of = { last: undefined, far: undefined };
      this.#ofBackend.set(backend, of);
    }
    return of;
  }

  #outlook(backend: Backend, now: number): Outlook {
    const view = this.#view;
    /** Where each of the last runs to arrive began: draws ask for the same ones again and again. */
    const begun = new Map<Arrival, readonly PastVisit[]>();
    const weights = new Map<string, number>();
    const visitsOf = (arrival: Arrival) => {
      const known = begun.get(arrival);
      if (known) return known;
      const visits = view.models.past.inState(arrival.app, arrival);
      begun.set(arrival, visits);
      return visits;
    };
    const query = { backend: backend.name, speeds: view.speeds, slots: backend.slots };
    return {
      backend: backend.name,
      speeds: view.speeds,
      arrivals: this.arrivals.rate(now),
      arrival: (random: Random) => {
        const arrival = this.arrivals.any(random);
        const past = arrival ? visitsOf(arrival) : [];
        return past[Math.floor(random() * past.length)];
      },
      weightOf: (app) => {
        const known = weights.get(app);
        if (known !== undefined) return known;
        const weight = view.weightOf({ app });
        weights.set(app, weight);
        return weight;
      },
      keyOf: (visit, run, weight) =>
        view.keyOf(run, () => this.#ranks.rankMs(visit, view.policy, query), weight),
      keyAfter: (key, workMs, arrivedAt, weight) => view.keyAfter(key, workMs, arrivedAt, weight),
    };
  }
}

/** What a forecast says of a wait, ms from now on; `isFresh`: it may be told so. */
function told(forecast: WaitForecast, call: LiveCall, key: number, before: number, now: number) {
  const ageMs = now - forecast.at;
  const waitMs = forecast.waitMs(call, key, before);
  const isYoung = ageMs >= 0 && ageMs < Math.max(KEPT_MS, KEPT_SHARE * waitMs);
  const isFresh = waitMs < Infinity && isYoung;
  return { leftMs: Math.max(0, waitMs - ageMs), isFresh, has: forecast.has(call) };
}

/** True where the call and all that run are within the bounds of a scene. */
function isForeseeable(call: LiveCall, { queue, slotsInUse }: Backend): boolean {
  if (slotsInUse === 0 || slotsInUse > MOST_IN_SCENE.running) return false;
  const ahead = queue.ahead(call, false);
  return ahead !== undefined && ahead.items < MOST_IN_SCENE.waiting;
}
