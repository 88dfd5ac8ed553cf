/**
 * What the rule is asked of an endpoint, and with which forecast: by the checks, which act on the answer
 * (prewarm-checks.ts), and by those who only look, of which nothing changes. What a forecast means is in
 * prewarm-rule.ts and prewarm.ts, how an outlook is shown in prewarm-outlook.ts.
 */
import type { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { RELEASE_AFTER_MS } from '../backends/holding-times.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { AdapterForecasts } from './adapter-forecasts.ts';
import type { NeedForecasts } from './forecast.ts';
import { needProbability } from './prewarm.ts';
import type { PrewarmAccounts } from './prewarm-accounts.ts';
import { type BackendOutlook, outlookOf } from './prewarm-outlook.ts';
import { type PrewarmQuery, type PrewarmRule, thetaRule } from './prewarm-rule.ts';
import { LookUps } from './run-needs.ts';

/** Completed calls of a backend before its forecasts may release an endpoint. */
const MIN_CALLS_FOR_FORECAST = 20;

/** What prewarming reads of the dispatcher. */
export interface PrewarmerView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly models: ApplicationModels;
  readonly appArrivals: ApplicationArrivals;
  readonly speeds: Speeds;
}

/** What the answers depend on. */
export interface QueriedParts {
  readonly forecasts: NeedForecasts;
  readonly adapters: AdapterForecasts;
  readonly accounts: PrewarmAccounts;
}

/** The forecast of a backend's need within a time, ms. */
export type ForecastOf = PrewarmQuery['forecast'];

export class PrewarmQueries {
  readonly #view: PrewarmerView;
  readonly #parts: QueriedParts;
  readonly #rule: PrewarmRule | undefined;

  /** `rule` replaces the theta rule that each backend's configuration gives. */
  constructor(view: PrewarmerView, parts: QueriedParts, rule: PrewarmRule | undefined) {
    this.#view = view;
    this.#parts = parts;
    this.#rule = rule;
  }

  ruleOf(backend: Backend): PrewarmRule {
    return this.#rule ?? thetaRule(backend.spec.prewarm.theta);
  }

  /** False where a forecast predicts no need for want of data. */
  hasHistory(backend: Backend): boolean {
    return backend.speed.calls >= MIN_CALLS_FOR_FORECAST;
  }

  /** `capacity`: slots that are up without the endpoint; `aheadMs`: from when on needs count, from now. */
  of(
    backend: Backend,
    endpoint: Endpoint,
    forecast: ForecastOf,
    capacity: number,
    aheadMs: number,
    now: number,
  ): PrewarmQuery {
    return {
      backend: backend.name,
      now,
      forecast,
      coldStartMs: endpoint.learning.leadMs(backend.spec.prewarm.theta),
      capacity,
      aheadMs,
      hardlyKnown: !this.hasHistory(backend),
      crowd: backend.arrivals.crowd(RELEASE_AFTER_MS, endpoint.coldStartMs),
      idleMs: now - endpoint.lastServedAt,
      unusedMs: this.#parts.accounts.unusedMs(backend.name),
    };
  }

  /** What a check would decide now for each backend that can go cold, and why. Changes nothing. */
  outlook(now: number): BackendOutlook[] {
    const lookUps = new LookUps();
    const { forecasts, adapters, accounts } = this.#parts;
    return [...this.#view.backends.values()]
      .filter((b) => (b.canGoCold || b.adapters.isUsed) && !b.removed)
      .map((backend) => {
        const forecast = forecasts.of(backend, lookUps, now);
        const ask = (endpoint: Endpoint, capacity: number) =>
          this.of(backend, endpoint, forecast, capacity, 0, now);
        const rule = this.ruleOf(backend);
        const outlook = outlookOf(backend, { ask, rule, accounts, now });
        if (!backend.adapters.isUsed) return outlook;
        return { ...outlook, adapters: adapters.outlook(backend, rule, lookUps, now) };
      });
  }

  /**
   * P(at least one call needs the backend within `withinMs`); undefined for an unknown backend, and
   * where calls wait or run already.
   */
  needProbability(name: string, withinMs: number, now: number): number | undefined {
    const backend = this.#view.backends.get(name);
    if (!backend || backend.pool.running + backend.queue.size > 0) return undefined;
    return needProbability(this.#parts.forecasts.of(backend, new LookUps(), now)(withinMs));
  }
}
