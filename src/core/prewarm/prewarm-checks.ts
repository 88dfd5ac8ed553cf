/**
 * The checks of prewarming: of each backend, which endpoints are woken ahead of need, kept warm or
 * released now. When they are made is decided in check-schedule.ts, what the rule is asked in
 * prewarm-queries.ts; wakes are begun and settled in wakes.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { keepWarmAt, mayRelease } from '../backends/holding-times.ts';
import type { AdapterForecasts } from './adapter-forecasts.ts';
import type { NeedForecasts } from './forecast.ts';
import type { PrefixReads } from './prefix-reads.ts';
import { needProbability, type PrewarmDecision } from './prewarm.ts';
import type { PrewarmEffects } from './prewarm-events.ts';
import { groundsOf } from './prewarm-outlook.ts';
import type { ForecastOf, PrewarmerView, PrewarmQueries } from './prewarm-queries.ts';
import { LookUps } from './run-needs.ts';
import type { Wakes } from './wakes.ts';

/** Time between two checks whether an idle endpoint is kept warm, ms for each run in flight. */
const HOLD_PERIOD_MS_PER_RUN = 10;
/** What the checks ask, and what carries out their decisions. */
export interface PrewarmParts {
  readonly queries: PrewarmQueries;
  readonly forecasts: NeedForecasts;
  readonly adapters: AdapterForecasts;
  readonly wakes: Wakes;
  readonly reads: PrefixReads;
}

export class PrewarmChecks {
  readonly #view: PrewarmerView;
  readonly #parts: PrewarmParts;
  /** When a check last decided to keep an endpoint warm, epoch ms. */
  readonly #heldAt = new WeakMap<Endpoint, number>();

  constructor(view: PrewarmerView, parts: PrewarmParts) {
    this.#view = view;
    this.#parts = parts;
  }

  /** Checks all backends, for the needs from so many ms ahead on. */
  run(aheadMs: number, now: number, effects: PrewarmEffects): void {
    const lookUps = new LookUps();
    const { backends } = this.#view;
    const { queries, forecasts, adapters, reads } = this.#parts;
    const isForecast = (b: Backend) =>
      backends.get(b.name) === b && b.spec.prewarm.mode !== 'off' && !b.removed;
    forecasts.keepOnly(isForecast);
    adapters.keepOnly((b) => isForecast(b) && b.adapters.isUsed);
    for (const backend of backends.values()) {
      if (!isForecast(backend)) continue;
      if (backend.adapters.isUsed) {
        adapters.check(backend, queries.ruleOf(backend), lookUps, aheadMs, now, effects);
      }
      if (!backend.canGoCold) continue;
      const forecast = forecasts.of(backend, lookUps, now);
      this.#checkBackend(backend, forecast, aheadMs, now, effects);
      reads.check(backend, forecast, now, effects);
    }
  }

  #checkBackend(
    backend: Backend,
    forecast: ForecastOf,
    aheadMs: number,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const { queries } = this.#parts;
    if (backend.pool.running + backend.waiting === 0) {
      const withinMs = backend.pool.coldStartMs;
      const probability = () => needProbability(forecast(withinMs));
      this.#parts.wakes.accounts.forecasts.made(backend.name, withinMs, probability, now);
    }
    // Slots may be Infinity, so endpoints that are not kept are excluded, not subtracted.
    const notKept = new Set<Endpoint>();
    for (const endpoint of backend.pool.list) {
      if (endpoint.state !== 'warm' || !endpoint.spec.coldStart || endpoint.slots.held > 0)
        continue;
      if (endpoint.isPaused) continue;
      const others = backend.pool.upSlots(now, notKept.add(endpoint));
      if (this.#keepsWarm(backend, endpoint, forecast, others, now, effects))
        notKept.delete(endpoint);
    }
    let capacity = backend.pool.upSlots(now, notKept);
    for (const endpoint of backend.pool.list) {
      if (endpoint.state !== 'cold' || now < endpoint.trust.openUntil(now)) continue;
      if (endpoint.isPaused || endpoint.letGo) continue;
      const query = queries.of(backend, endpoint, forecast, capacity, aheadMs, now);
      const decision = queries.ruleOf(backend).wake(query);
      // Another endpoint would be needed even less.
      if (!decision.wake) return;
      if (!this.#wakeAhead(backend, endpoint, 'prewarm', forecast, decision, now, effects)) return;
      capacity += endpoint.spec.slots;
    }
  }

  /**
   * Keeps an idle warm endpoint up, or releases it if that is possible. False where it is released
   * or left to its idle timeout.
   */
  #keepsWarm(
    backend: Backend,
    endpoint: Endpoint,
    forecast: ForecastOf,
    others: number,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    const { queries } = this.#parts;
    // With few calls a forecast predicts no need for want of data, which is no reason to release.
    const isKnown = queries.hasHistory(backend);
    const canRelease = isKnown && mayRelease(endpoint, now) && !this.#wasJustHeld(endpoint, now);
    // The alarm checks in time before the idle timeout ends. So the cron does not look ahead here:
    // if it did, it would ping every minute.
    const isExpiring = now >= keepWarmAt(endpoint);
    if (!canRelease && !isExpiring) return true;
    // What holding spares is a start of usual length, not one of the longest.
    const query = {
      ...queries.of(backend, endpoint, forecast, others, 0, now),
      coldStartMs: endpoint.learning.meanStartMs,
    };
    const decision = queries.ruleOf(backend).hold(query);
    if (decision.wake) {
      this.#heldAt.set(endpoint, now);
      if (!isExpiring) return true;
      return this.#wakeAhead(backend, endpoint, 'keep-warm', forecast, decision, now, effects);
    }
    if (canRelease && backend.spec.prewarm.mode === 'on') {
      this.release(backend, endpoint, decision, now, effects);
    }
    return false;
  }

  /**
   * Releases the idle endpoints that do not go cold by themselves, whatever the mode: their GPU would
   * be held for ever.
   */
  releaseIdle(backend: Backend, now: number, effects: PrewarmEffects): void {
    for (const endpoint of backend.pool.list) {
      if (now < endpoint.release.dueAt) continue;
      const reason = `idle=${Math.round((now - endpoint.lastActiveAt) / 1_000)} s`;
      this.release(backend, endpoint, { reason, probability: 0 }, now, effects);
    }
  }

  /** An endpoint is told to go cold. */
  release(
    backend: Backend,
    endpoint: Endpoint,
    { reason, probability }: Pick<PrewarmDecision, 'reason' | 'probability'>,
    now: number,
    effects: PrewarmEffects,
  ): void {
    this.#parts.wakes.settle(backend.name, endpoint, 'wasted', now, effects);
    endpoint.release.begin(now);
    this.#parts.wakes.accounts.released(backend.name, now);
    const id = endpoint.spec.id;
    effects.push({
      type: 'release',
      backend: backend.name,
      endpoint: id,
      at: now,
      reason,
      probability,
    });
  }

  /** A forecast takes time for each run in flight, so more runs mean fewer checks. */
  #wasJustHeld(endpoint: Endpoint, now: number): boolean {
    const since = now - (this.#heldAt.get(endpoint) ?? -Infinity);
    return since >= 0 && since < HOLD_PERIOD_MS_PER_RUN * this.#view.runs.size;
  }

  /** False where the budget does not allow the wake. */
  #wakeAhead(
    backend: Backend,
    endpoint: Endpoint,
    cause: 'prewarm' | 'keep-warm',
    forecast: ForecastOf,
    decision: PrewarmDecision,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    const describeForecast = () =>
      groundsOf(forecast(endpoint.coldStartMs), backend.arrivals.ratePerSec(now));
    return this.#parts.wakes.wakeAhead(
      backend,
      endpoint,
      cause,
      decision,
      describeForecast,
      now,
      effects,
    );
  }
}
