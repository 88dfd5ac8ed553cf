/**
 * The driver of prewarming: it decides when to check the endpoints, and has them woken ahead of
 * need, kept warm or released. The decision itself is in prewarm-rule.ts and prewarm.ts; starting
 * and settling a wake is in wakes.ts. Checks run after a change, once a second while runs are in
 * flight, shortly before an endpoint goes cold, and on each forecast event of the cron.
 */

import type { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { EndpointState } from '../backends/endpoint-state.ts';
import {
  keepWarmAt,
  mayRelease,
  nextCheckAt,
  RELEASE_AFTER_MS,
} from '../backends/holding-times.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { AdapterForecasts } from './adapter-forecasts.ts';
import { AdapterLoads } from './adapter-loads.ts';
import { carryOut, type OrderOutcome } from './endpoint-orders.ts';
import { NeedForecasts } from './forecast.ts';
import { PrefixReads } from './prefix-reads.ts';
import { needProbability, type PrewarmDecision } from './prewarm.ts';
import type { PrewarmEffects, PrewarmEvent } from './prewarm-events.ts';
import { type BackendOutlook, groundsOf, outlookOf } from './prewarm-outlook.ts';
import { type PrewarmQuery, type PrewarmRule, thetaRule } from './prewarm-rule.ts';
import { LookUps } from './run-needs.ts';
import { Wakes } from './wakes.ts';

/** Time between checks while runs are in flight, ms: needs change with time, not only by events. */
const PERIOD_MS = 1_000;
/** Minimum time between two checks, ms, however many events occur. */
const MIN_PERIOD_MS = 250;
/** Time between two checks whether an idle endpoint is kept warm, ms for each run in flight. */
const HOLD_PERIOD_MS_PER_RUN = 10;
/** Completed calls of a backend before its forecasts may release an endpoint. */
const MIN_CALLS_FOR_FORECAST = 20;

/** What the prewarmer reads of the dispatcher. */
export interface PrewarmerView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly models: ApplicationModels;
  readonly appArrivals: ApplicationArrivals;
  readonly speeds: Speeds;
}

type ForecastOf = PrewarmQuery['forecast'];

export class Prewarmer {
  /** When `check` is due next, epoch ms; Infinity for never. */
  dueAt = Infinity;
  readonly wakes: Wakes;
  readonly loads: AdapterLoads;
  readonly reads: PrefixReads;
  readonly #view: PrewarmerView;
  readonly #rule: PrewarmRule | undefined;
  readonly #forecasts: NeedForecasts;
  readonly #adapters: AdapterForecasts;
  #checkedAt = -Infinity;
  /** When a check last decided to keep an endpoint warm, epoch ms. */
  readonly #heldAt = new WeakMap<Endpoint, number>();

  /** `rule` replaces the theta rule that each backend's configuration gives. */
  constructor(view: PrewarmerView, rule?: PrewarmRule) {
    this.#view = view;
    this.#rule = rule;
    this.#forecasts = new NeedForecasts(view);
    this.wakes = new Wakes(view.backends);
    this.loads = new AdapterLoads(this.wakes.accounts.daily);
    this.reads = new PrefixReads(view, this.wakes.accounts.daily);
    this.#adapters = new AdapterForecasts(view, this.loads);
  }

  /** Schedules a check after an event that a forecast may depend on. */
  scheduleCheck(now: number): void {
    if (!this.#hasCandidates()) return;
    this.dueAt = Math.min(this.dueAt, Math.max(now, this.#checkedAt + MIN_PERIOD_MS));
  }

  /** Handles a clock that jumps back: no check runs late by the size of the jump. */
  clockWentBack(now: number): void {
    this.#checkedAt = Math.min(this.#checkedAt, now);
    if (Number.isFinite(this.dueAt)) this.dueAt = Math.min(this.dueAt, now + MIN_PERIOD_MS);
    this.wakes.clockWentBack(now);
    this.#view.appArrivals.clockWentBack(now);
    this.#adapters.clockWentBack(now);
    this.reads.clockWentBack(now);
  }

  /**
   * A call was submitted: its run may have entered another state. A run's first call counts as an
   * arrival at its backend and of its application.
   */
  submitted(call: LiveCall, now: number): void {
    this.#forecasts.changed(call.run);
    this.wakes.accounts.forecasts.came(call.request.backend, now);
    const isFirst = call.run.callCount <= 1 && call.run.visits.length <= 1;
    this.#adapters.submitted(call, isFirst, now);
    const backend = this.#view.backends.get(call.request.backend);
    if (backend) this.reads.submitted(call, backend, isFirst);
    if (!isFirst) return;
    backend?.arrivals.arrived(now);
    this.#view.appArrivals.arrived(call.run.app, now);
  }

  /** Applies an event; one of an endpoint that no longer exists is ignored. */
  apply(event: PrewarmEvent, now: number, effects: PrewarmEffects): void {
    if (event.type === 'forecast') {
      this.#checkAll(event.aheadMs, now, effects);
      return;
    }
    if (event.type === 'adapter-answered') {
      const backend = this.#view.backends.get(event.backend);
      if (backend) this.loads.answered(backend, event, now, effects);
      return this.scheduleCheck(now);
    }
    if (event.type === 'endpoint-ordered') {
      const { type: _, ...order } = event;
      const outcome = this.#ordered(event, now, effects);
      effects.push({ type: 'order-answered', ...order, outcome });
      return;
    }
    if (event.type === 'prefixes-kept' || event.type === 'prefix-answered') {
      this.reads.apply(event, this.#view.backends, now, effects);
      return this.scheduleCheck(now);
    }
    const endpoint = this.#view.backends.get(event.backend)?.endpoints.get(event.endpoint);
    if (!endpoint) return;
    const previous = endpoint.state;
    if (event.type === 'release-answered') {
      endpoint.releaseAnswered(event.ok, event.reason, now);
      return this.scheduleCheck(now);
    }
    if (event.type === 'wake-answered') return this.#wakeAnswered(event, endpoint, now, effects);
    endpoint.becameCold(now);
    this.stateChanged(event.backend, event.endpoint, previous, now, effects);
  }

  #wakeAnswered(
    event: Extract<PrewarmEvent, { type: 'wake-answered' }>,
    endpoint: Endpoint,
    now: number,
    effects: PrewarmEffects,
  ): void {
    if (event.ok) {
      const wasWarm = endpoint.state === 'warm';
      if (endpoint.isLastWake(event.wakeAt)) {
        endpoint.becameWarm(now, event);
      } else endpoint.provenUp(now);
      this.wakes.accounts.answered(event.backend, endpoint, now);
      // Without a run in flight nothing else would have it checked before it goes cold.
      if (this.#view.backends.get(event.backend)?.spec.prewarm.mode !== 'off') {
        this.dueAt = Math.min(this.dueAt, nextCheckAt(endpoint, now));
      }
      const backend = this.#view.backends.get(event.backend);
      if (backend?.adapters.isUsed) this.scheduleCheck(now);
      if (backend && !wasWarm && this.reads.woke(backend, endpoint, now, effects)) {
        this.dueAt = now;
      }
      // Calls from before the wake keep the endpoint up from here on, as long as they run. The wake
      // spared them no wait, so the whole cold start counts as waited for.
      if (endpoint.slots.inFlight > 0) {
        this.wakes.settle(event.backend, endpoint, 'used', now, effects, endpoint.coldStartMs);
      }
      return;
    }
    // An earlier wake that failed says nothing of the last one. A call that was served since the
    // wake began proves that the endpoint is up.
    if (!endpoint.isLastWake(event.wakeAt)) return;
    if (endpoint.hasServedSince(now - (event.tookMs ?? 0))) return;
    endpoint.wakeFailed(now, event.reason, event);
    this.wakes.settle(event.backend, endpoint, 'failed', now, effects);
  }

  /** Carries out an order of the administrator. */
  #ordered(
    { backend: name, endpoint: id, order }: Extract<PrewarmEvent, { type: 'endpoint-ordered' }>,
    now: number,
    effects: PrewarmEffects,
  ): OrderOutcome {
    const backend = this.#view.backends.get(name);
    const endpoint = backend?.endpoints.get(id);
    if (!backend || !endpoint) return 'not-found';
    const actions = {
      wake: () => this.wakes.wakeForOperator(backend, endpoint, now, effects),
      release: () =>
        this.#release(
          backend,
          endpoint,
          { reason: 'by the operator', probability: 0 },
          now,
          effects,
        ),
    };
    const outcome = carryOut(order, { backend, endpoint }, actions, now);
    this.scheduleCheck(now);
    return outcome;
  }

  /**
   * A request without a slot, sent at `sentAt` for an API key, found the endpoint cold, and so has
   * started it. That is a wake like others: it is waited for and accounted for.
   */
  foundCold(
    backend: Backend,
    endpoint: Endpoint,
    sentAt: number,
    key: string,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const previous = endpoint.state;
    if (!endpoint.answeredCold(sentAt, now, key) || endpoint.state !== 'cold') return;
    this.stateChanged(backend.name, endpoint.spec.id, previous, now, effects);
    if (endpoint.isPaused) return;
    this.wakes.wakeOnDemand(backend, endpoint, 'a request without a slot', now, effects);
  }

  /**
   * Settles the wake of an endpoint that went cold: a wake that no call had used is wasted if the
   * endpoint had been warm, and failed otherwise.
   */
  stateChanged(
    backend: string,
    id: string,
    previous: EndpointState,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const endpoint = this.#view.backends.get(backend)?.endpoints.get(id);
    if (endpoint?.state === 'cold') {
      this.wakes.settle(backend, endpoint, previous === 'warm' ? 'wasted' : 'failed', now, effects);
    }
  }

  /** Accounts for a call that an endpoint was granted to, and for its cold wait. */
  granted(
    backend: Backend,
    endpoint: Endpoint,
    call: LiveCall,
    now: number,
    effects: PrewarmEffects,
  ): void {
    this.#forecasts.changed(call.run);
    this.#adapters.changed(call.run);
    this.wakes.accounts.used(backend.name);
    // With `whileCold: 'send'` the call waits at the platform for the rest of the cold start.
    const platformMs = endpoint.coldWaitMs(now);
    const queueMs = coldWaitOf(call, endpoint);
    const outcome = call.coldSince !== undefined || platformMs > 0 ? 'late' : 'used';
    this.wakes.settle(backend.name, endpoint, outcome, now, effects, queueMs + platformMs);
    // The platform's part is an estimate, so it counts once however often the call is sent again.
    const coldMs = queueMs + (call.attempts === 1 ? platformMs : 0);
    if (coldMs > 0) this.wakes.accounts.suffered(backend.name, coldMs, now);
    this.reads.granted(backend, endpoint, call, now, effects);
    if (call.placed.adapter) this.loads.granted(backend, call.placed.adapterWaitMs, now);
    if (endpoint.state === 'cold') {
      // The platform holds the call until the endpoint is up, so the call itself is the wake.
      const reason = 'a call was sent';
      this.wakes.begin(
        backend,
        endpoint,
        { cause: 'demand', at: now, reason, probability: 1 },
        effects,
      );
    }
  }

  /** If a check is due, wakes, keeps warm or releases the endpoints of all backends. */
  check(now: number, effects: PrewarmEffects): void {
    if (now < this.dueAt) return;
    this.#checkedAt = now;
    this.dueAt = Infinity;
    this.#checkAll(0, now, effects);
    if (this.#view.runs.size > 0 && this.#hasCandidates()) this.dueAt = now + PERIOD_MS;
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode === 'off') continue;
      for (const endpoint of backend.pool.list) {
        const at = nextCheckAt(endpoint, now);
        if (at > now) this.dueAt = Math.min(this.dueAt, at);
      }
    }
  }

  #checkAll(aheadMs: number, now: number, effects: PrewarmEffects): void {
    const lookUps = new LookUps();
    const { backends } = this.#view;
    const isForecast = (b: Backend) =>
      backends.get(b.name) === b && b.spec.prewarm.mode !== 'off' && !b.removed;
    this.#forecasts.keepOnly(isForecast);
    this.#adapters.keepOnly((b) => isForecast(b) && b.adapters.isUsed);
    for (const backend of backends.values()) {
      if (!isForecast(backend)) continue;
      if (backend.adapters.isUsed) {
        this.#adapters.check(backend, this.#ruleOf(backend), lookUps, aheadMs, now, effects);
      }
      if (!backend.canGoCold) continue;
      const forecast = this.#forecasts.of(backend, lookUps, now);
      this.#checkBackend(backend, forecast, aheadMs, now, effects);
      this.reads.check(backend, forecast, now, effects);
    }
  }

  #checkBackend(
    backend: Backend,
    forecast: ForecastOf,
    aheadMs: number,
    now: number,
    effects: PrewarmEffects,
  ): void {
    if (backend.pool.running + backend.waiting === 0) {
      const withinMs = backend.pool.coldStartMs;
      const probability = () => needProbability(forecast(withinMs));
      this.wakes.accounts.forecasts.made(backend.name, withinMs, probability, now);
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
      if (endpoint.state !== 'cold' || now < endpoint.unavailableUntil(now)) continue;
      if (endpoint.isPaused || endpoint.letGo) continue;
      const query = this.#queryFor(backend, endpoint, forecast, capacity, aheadMs, now);
      const decision = this.#ruleOf(backend).wake(query);
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
    // With few calls a forecast predicts no need for want of data, which is no reason to release.
    const hasHistory = backend.speed.calls >= MIN_CALLS_FOR_FORECAST;
    const canRelease = hasHistory && mayRelease(endpoint, now) && !this.#wasJustHeld(endpoint, now);
    // The alarm checks in time before the idle timeout ends. So the cron does not look ahead here:
    // if it did, it would ping every minute.
    const isExpiring = now >= keepWarmAt(endpoint);
    if (!canRelease && !isExpiring) return true;
    // What holding spares is a start of usual length, not one of the longest.
    const query = {
      ...this.#queryFor(backend, endpoint, forecast, others, 0, now),
      coldStartMs: endpoint.meanStartMs,
    };
    const decision = this.#ruleOf(backend).hold(query);
    if (decision.wake) {
      this.#heldAt.set(endpoint, now);
      if (!isExpiring) return true;
      return this.#wakeAhead(backend, endpoint, 'keep-warm', forecast, decision, now, effects);
    }
    if (canRelease && backend.spec.prewarm.mode === 'on') {
      this.#release(backend, endpoint, decision, now, effects);
    }
    return false;
  }

  /**
   * Releases the idle endpoints that do not go cold by themselves, whatever the mode: their GPU would
   * be held for ever.
   */
  releaseIdle(backend: Backend, now: number, effects: PrewarmEffects): void {
    for (const endpoint of backend.pool.list) {
      if (now < endpoint.releaseDueAt) continue;
      const reason = `idle=${Math.round((now - endpoint.lastActiveAt) / 1_000)} s`;
      this.#release(backend, endpoint, { reason, probability: 0 }, now, effects);
    }
  }

  #release(
    backend: Backend,
    endpoint: Endpoint,
    { reason, probability }: Pick<PrewarmDecision, 'reason' | 'probability'>,
    now: number,
    effects: PrewarmEffects,
  ): void {
    this.wakes.settle(backend.name, endpoint, 'wasted', now, effects);
    endpoint.toldToGoCold(now);
    this.wakes.accounts.released(backend.name, now);
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

  /** What a check would decide now for each backend that can go cold, and why. Changes nothing. */
  outlook(now: number): BackendOutlook[] {
    const lookUps = new LookUps();
    return [...this.#view.backends.values()]
      .filter((b) => (b.canGoCold || b.adapters.isUsed) && !b.removed)
      .map((backend) => {
        const forecast = this.#forecasts.of(backend, lookUps, now);
        const queryFor = (endpoint: Endpoint, capacity: number) =>
          this.#queryFor(backend, endpoint, forecast, capacity, 0, now);
        const rule = this.#ruleOf(backend);
        const outlook = outlookOf(backend, {
          ask: queryFor,
          rule,
          accounts: this.wakes.accounts,
          now,
        });
        if (!backend.adapters.isUsed) return outlook;
        return { ...outlook, adapters: this.#adapters.outlook(backend, rule, lookUps, now) };
      });
  }

  /**
   * P(at least one call needs the backend within `withinMs`); undefined for an unknown backend, and
   * where calls wait or run already.
   */
  needProbability(name: string, withinMs: number, now: number): number | undefined {
    const backend = this.#view.backends.get(name);
    if (!backend || backend.pool.running + backend.queue.size > 0) return undefined;
    return needProbability(this.#forecasts.of(backend, new LookUps(), now)(withinMs));
  }

  #ruleOf(backend: Backend): PrewarmRule {
    return this.#rule ?? thetaRule(backend.spec.prewarm.theta);
  }

  #queryFor(
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
      coldStartMs: endpoint.leadMs(backend.spec.prewarm.theta),
      capacity,
      aheadMs,
      hardlyKnown: backend.speed.calls < MIN_CALLS_FOR_FORECAST,
      crowd: backend.arrivals.crowd(RELEASE_AFTER_MS, endpoint.coldStartMs),
      idleMs: now - endpoint.lastServedAt,
      unusedMs: this.wakes.accounts.unusedMs(backend.name),
    };
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
    return this.wakes.wakeAhead(backend, endpoint, cause, decision, describeForecast, now, effects);
  }

  #hasCandidates(): boolean {
    for (const backend of this.#view.backends.values()) {
      const { spec, canGoCold, adapters } = backend;
      if (spec.prewarm.mode !== 'off' && (canGoCold || adapters.isUsed)) return true;
    }
    return false;
  }
}

/** Part of a call's wait since it last joined the queue in which no endpoint was warm, ms. */
export function coldWaitOf(call: LiveCall, endpoint: Endpoint): number {
  return Math.max(0, endpoint.warmSince - (call.coldSince ?? Infinity));
}
