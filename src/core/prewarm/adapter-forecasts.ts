/**
 * Loads adapters ahead of need, by the rule that wakes endpoints: once the probability that a unit
 * which uses one comes within the time of a load reaches the threshold. A load costs no warm time and
 * so no budget; what it may cost is the place of another adapter, which must be less likely to be
 * needed. Which endpoint loads it is decided in backends/load-choice.ts.
 */
import { Arrivals } from '../arrivals/arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { RecentMap } from '../runs/recent-map.ts';
import { adapterNeed } from '../runs/recorded-run.ts';
import type { AdapterEffects } from './adapter-events.ts';
import type { AdapterLoads } from './adapter-loads.ts';
import { type ForecastView, forecastRuns } from './forecast.ts';
import { type Forecast, needProbability, type PrewarmDecision } from './prewarm.ts';
import type { AdapterOutlook } from './prewarm-outlook.ts';
import { groundsOf } from './prewarm-outlook.ts';
import type { PrewarmRule } from './prewarm-rule.ts';
import { type LookUps, RunNeeds } from './run-needs.ts';

/** Adapters of one backend whose needs are forecast, those that calls asked for last. */
const MAX_FORECAST = 32;

/** What is known of the needs of one adapter. */
interface Tracked {
  readonly adapter: string;
  readonly needs: RunNeeds;
  /** Runs that begin with a call for it. */
  readonly arrivals: Arrivals;
}

interface Asked {
  readonly tracked: Tracked;
  /** What is forecast within the time of a load. */
  readonly forecast: Forecast;
  readonly decision: PrewarmDecision;
  /** P(it is needed within the time of a load). */
  readonly probability: number;
}

export class AdapterForecasts {
  readonly #view: ForecastView;
  readonly #loads: AdapterLoads;
  readonly #tracked = new Map<Backend, RecentMap<Tracked>>();
  /** When a load was last recorded in a dry run, by backend and adapter, epoch ms. */
  readonly #recordedAt = new WeakMap<Tracked, number>();

  constructor(view: ForecastView, loads: AdapterLoads) {
    this.#view = view;
    this.#loads = loads;
  }

  /** A call was submitted; one that begins its run is an arrival of its adapter. */
  submitted({ request, run }: LiveCall, isFirst: boolean, now: number): void {
    this.changed(run);
    const backend = this.#view.backends.get(request.backend);
    const { adapter } = request;
    if (!backend || adapter === undefined || backend.spec.prewarm.mode === 'off') return;
    let ofBackend = this.#tracked.get(backend);
    if (!ofBackend) {
      ofBackend = new RecentMap(MAX_FORECAST);
      this.#tracked.set(backend, ofBackend);
    }
    const name = adapterNeed(backend.name, adapter);
    const tracked = ofBackend.get(adapter) ?? {
      adapter,
      needs: new RunNeeds(name, this.#view),
      arrivals: new Arrivals(now),
    };
    ofBackend.set(adapter, tracked);
    if (isFirst) tracked.arrivals.arrived(now);
  }

  /** A call of the run was submitted or granted. */
  changed(run: LiveRun): void {
    for (const ofBackend of this.#tracked.values()) {
      for (const { needs } of ofBackend.values()) needs.changed(run);
    }
  }

  clockWentBack(now: number): void {
    for (const ofBackend of this.#tracked.values()) {
      for (const { arrivals } of ofBackend.values()) arrivals.clockWentBack(now);
    }
  }

  /** Drops what is known of backends that are gone or forecast no more. */
  keepOnly(isForecast: (backend: Backend) => boolean): void {
    for (const backend of this.#tracked.keys()) {
      if (!isForecast(backend)) this.#tracked.delete(backend);
    }
  }

  /** Loads what is likely to be needed soon and is nowhere. */
  check(
    backend: Backend,
    rule: PrewarmRule,
    lookUps: LookUps,
    aheadMs: number,
    now: number,
    effects: AdapterEffects,
  ): void {
    const asked = this.#ask(backend, rule, lookUps, aheadMs, now);
    const likely = asked.toSorted((a, b) => b.probability - a.probability);
    for (const { tracked, decision, probability, forecast } of likely) {
      if (!decision.wake) continue;
      const next = backend.loadChoice.placeFor(tracked.adapter, lessThan(probability, asked), now);
      if (!next) continue;
      const rate = tracked.arrivals.ratePerSec(now);
      const reason = `${decision.reason} ${groundsOf(forecast, rate)}`;
      const why = { cause: 'prewarm', reason, probability: decision.probability } as const;
      if (backend.spec.prewarm.mode === 'on') this.#loads.begin(backend, next, why, now, effects);
      else if (now - (this.#recordedAt.get(tracked) ?? -Infinity) >= this.#leadMs(backend)) {
        this.#recordedAt.set(tracked, now);
        this.#loads.record(backend, next, why, now, effects);
      }
    }
  }

  /** What a check would decide now; changes nothing. */
  outlook(backend: Backend, rule: PrewarmRule, lookUps: LookUps, now: number): AdapterOutlook[] {
    const asked = this.#ask(backend, rule, lookUps, 0, now);
    return asked.map(({ tracked: { adapter }, decision, probability }) => {
      const { reason } = decision;
      const isThere = backend.adapters.isAnywhere(adapter);
      const next = backend.loadChoice.placeFor(adapter, lessThan(probability, asked), now);
      const may = next ? ('load' as const) : ('no-room' as const);
      const decided = isThere ? 'none' : decision.wake ? may : 'wait';
      return { adapter, decision: decided, probability, reason };
    });
  }

  #ask(
    backend: Backend,
    rule: PrewarmRule,
    lookUps: LookUps,
    aheadMs: number,
    now: number,
  ): readonly Asked[] {
    const { adapters, name } = backend;
    const leadMs = this.#leadMs(backend);
    const asked: Asked[] = [];
    for (const tracked of this.#tracked.get(backend)?.values() ?? []) {
      if (adapters.sourceOf(tracked.adapter) === undefined) continue;
      const forecastOf = this.#forecastOf(name, tracked, lookUps, now);
      const forecast = forecastOf(leadMs);
      const crowd = tracked.arrivals.crowd(0, leadMs);
      const within = (ms: number) => (ms === leadMs ? forecast : forecastOf(ms));
      const query = { backend: name, now, forecast: within, coldStartMs: leadMs, aheadMs, crowd };
      const decision = rule.wake({ ...query, capacity: 0, hardlyKnown: false, idleMs: 0 });
      asked.push({ tracked, forecast, decision, probability: needProbability(forecast) });
    }
    return asked;
  }

  #leadMs({ adapters, spec }: Backend): number {
    return adapters.times.leadMs(spec.prewarm.theta);
  }

  #forecastOf(
    backend: string,
    { adapter, needs, arrivals }: Tracked,
    lookUps: LookUps,
    now: number,
  ): (withinMs: number) => Forecast {
    needs.review(now);
    const name = adapterNeed(backend, adapter);
    return (withinMs) => {
      const runs = forecastRuns(needs.within(withinMs, lookUps, now), withinMs, true);
      const fromElsewhere = this.#view.appArrivals.expectedNeeds(name, now, withinMs);
      const pBegins = arrivals.needProbability(now, withinMs);
      return { ...runs, arrivals: 1 - (1 - pBegins) * Math.exp(-fromElsewhere), busy: 0 };
    };
  }
}

/** Whether an adapter is less likely to be needed; nothing is known of those that nobody asks for. */
function lessThan(probability: number, asked: readonly Asked[]): (adapter: string) => boolean {
  const known = new Map(asked.map((a) => [a.tracked.adapter, a.probability]));
  return (adapter) => (known.get(adapter) ?? 0) < probability;
}
