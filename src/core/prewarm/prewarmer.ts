/**
 * Drives the endpoints' states: has them woken ahead of need and kept warm (wakes.ts), and lets those go
 * that are not needed. Whether to wake is decided in prewarm.ts; here is only when to ask (after a
 * change, once a second while runs are in flight, when an endpoint is about to go cold, and when the
 * cron says so).
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
import { forecastNeed } from './forecast.ts';
import { type Forecast, needProbability, type PrewarmDecision } from './prewarm.ts';
import type { PrewarmEffects, PrewarmEvent } from './prewarm-events.ts';
import { type BackendOutlook, groundsOf, outlookOf } from './prewarm-outlook.ts';
import { type PrewarmQuery, type PrewarmRule, thetaRule } from './prewarm-rule.ts';
import { Wakes } from './wakes.ts';

/** Between two forecasts for runs in flight, ms: needs come with time, not only with events. */
const PERIOD_MS = 1_000;
/** Between two forecasts at the least, ms, however much happens. */
const LEAST_PERIOD_MS = 250;
/** Between two looks at whether an idle endpoint is still to be held, ms for each run in flight. */
const HOLD_PERIOD_MS_PER_RUN = 10;
/** Calls of a backend before its forecasts are trusted to release an endpoint. */
const CALLS_TO_KNOW = 20;

export interface PrewarmerView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly models: ApplicationModels;
  readonly appArrivals: ApplicationArrivals;
  readonly speeds: Speeds;
}

export class Prewarmer {
  /** When `act` wants to be called next, epoch ms. */
  dueAt = Infinity;
  readonly wakes: Wakes;
  readonly #view: PrewarmerView;
  readonly #rule: PrewarmRule | undefined;
  #checkedAt = -Infinity;
  /** When an endpoint was last found worth holding, epoch ms. */
  readonly #heldAt = new WeakMap<Endpoint, number>();

  /** `rule`: instead of the configured theta. */
  constructor(view: PrewarmerView, rule?: PrewarmRule) {
    this.#view = view;
    this.#rule = rule;
    this.wakes = new Wakes(view.backends);
  }

  /** Something happened that a forecast may depend on. */
  scheduleCheck(now: number): void {
    if (!this.#hasCandidates()) return;
    this.dueAt = Math.min(this.dueAt, Math.max(now, this.#checkedAt + LEAST_PERIOD_MS));
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    this.#checkedAt = Math.min(this.#checkedAt, now);
    if (Number.isFinite(this.dueAt)) this.dueAt = Math.min(this.dueAt, now + LEAST_PERIOD_MS);
    this.wakes.clockWentBack(now);
    this.#view.appArrivals.clockWentBack(now);
  }

  /** A run's first call counts as an arrival, where it begins and of its application. */
  arrived(call: LiveCall, now: number): void {
    if (call.run.visits.length > 1) return;
    this.#view.backends.get(call.request.backend)?.arrivals.arrived(now);
    this.#view.appArrivals.arrived(call.run.app, now);
  }

  apply(event: PrewarmEvent, now: number, effects: PrewarmEffects): void {
    if (event.type === 'forecast') {
      for (const backend of this.#view.backends.values()) {
        this.#checkBackend(backend, event.aheadMs, now, effects);
      }
      return;
    }
    const endpoint = this.#view.backends.get(event.backend)?.endpoints.get(event.endpoint);
    if (!endpoint) return;
    const was = endpoint.state;
    if (event.type === 'wake-answered' && event.ok) {
      endpoint.becameWarm(now, event.tookMs);
      this.wakes.accounts.answered(event.backend, endpoint, now);
      // Calls from before the wake keep it up from here on, as long as they run; it spared them nothing.
      if (endpoint.inFlight > 0) {
        this.wakes.settle(event.backend, endpoint, 'used', now, effects, endpoint.coldStartMs);
      }
      return;
    }
    if (event.type === 'wake-answered') {
      // A call that was served meanwhile knows better than the ping.
      if (endpoint.hasServedSince(now - (event.tookMs ?? 0))) return;
      endpoint.failed(now);
    }
    endpoint.becameCold();
    this.stateChanged(event.backend, event.endpoint, was, now, effects);
  }

  /** An endpoint went cold: a wake that nobody had used by then was wasted, or had failed. */
  stateChanged(
    backend: string,
    id: string,
    was: EndpointState,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const endpoint = this.#view.backends.get(backend)?.endpoints.get(id);
    if (endpoint?.state === 'cold') {
      this.wakes.settle(backend, endpoint, was === 'warm' ? 'wasted' : 'failed', now, effects);
    }
  }

  granted(
    backend: Backend,
    endpoint: Endpoint,
    call: LiveCall,
    now: number,
    fx: PrewarmEffects,
  ): void {
    // Where calls are sent though it is cold, the platform holds them for the rest.
    const platformMs = endpoint.coldWaitMs(now);
    const lineMs = coldWaitOf(call, endpoint);
    const outcome = call.coldSince !== undefined || platformMs > 0 ? 'late' : 'used';
    this.wakes.settle(backend.name, endpoint, outcome, now, fx, lineMs + platformMs);
    // It is an estimate, so it counts once however often the platform turns the call away.
    const coldMs = lineMs + (call.attempts === 1 ? platformMs : 0);
    if (coldMs > 0) this.wakes.accounts.suffered(backend.name, coldMs, now);
    if (endpoint.state === 'cold') {
      // The platform holds the call until it is up: the call itself is the wake.
      const reason = 'a call was sent';
      this.wakes.begin(backend, endpoint, { cause: 'demand', at: now, reason, probability: 1 }, fx);
    }
  }

  /** Forecasts where it is time to, and wakes what the forecast asks for. */
  check(now: number, effects: PrewarmEffects): void {
    if (now < this.dueAt) return;
    this.#checkedAt = now;
    this.dueAt = Infinity;
    for (const backend of this.#view.backends.values())
      this.#checkBackend(backend, 0, now, effects);
    if (this.#view.runs.size > 0 && this.#hasCandidates()) this.dueAt = now + PERIOD_MS;
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode === 'off') continue;
      for (const endpoint of backend.endpoints.values()) {
        const at = nextCheckAt(endpoint, now);
        if (at > now) this.dueAt = Math.min(this.dueAt, at);
      }
    }
  }

  #checkBackend(backend: Backend, aheadMs: number, now: number, effects: PrewarmEffects): void {
    if (backend.spec.prewarm.mode === 'off' || !backend.canGoCold || backend.removed) return;
    // Slots may be without limit, so those that leave are left out and not subtracted.
    const leaving = new Set<Endpoint>();
    for (const endpoint of backend.endpoints.values()) {
      if (endpoint.state !== 'warm' || !endpoint.spec.coldStart || endpoint.inFlight > 0) continue;
      const others = backend.upSlots(now, leaving.add(endpoint));
      if (this.#keepsWarm(backend, endpoint, others, now, effects)) leaving.delete(endpoint);
    }
    let capacity = backend.upSlots(now, leaving);
    for (const endpoint of backend.endpoints.values()) {
      if (endpoint.state !== 'cold' || now < endpoint.unavailableUntil) continue;
      const ask = this.#queryFor(backend, endpoint, capacity, aheadMs, now);
      const decision = this.#ruleOf(backend).wake(ask);
      // The next one would be needed still less.
      if (!decision.wake || !this.#wakeAhead(backend, endpoint, 'prewarm', decision, now, effects))
        return;
      capacity += endpoint.spec.slots;
    }
  }

  /** Of a warm endpoint that is idle: whether it stays warm, and what is done about it. */
  #keepsWarm(
    backend: Backend,
    endpoint: Endpoint,
    others: number,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    // Of a backend that is hardly known no need is foreseen: that is ignorance, not a forecast.
    const known = backend.speed.calls >= CALLS_TO_KNOW;
    const releases = known && mayRelease(endpoint, now) && !this.#wasJustHeld(endpoint, now);
    // Asked by the alarm in time, so the cron need not look ahead here: that would ping each minute.
    const ends = now >= keepWarmAt(endpoint);
    if (!releases && !ends) return true;
    const decision = this.#ruleOf(backend).hold(this.#queryFor(backend, endpoint, others, 0, now));
    if (decision.wake) {
      this.#heldAt.set(endpoint, now);
      return !ends || this.#wakeAhead(backend, endpoint, 'keep-warm', decision, now, effects);
    }
    if (releases && backend.spec.prewarm.mode === 'on') {
      this.wakes.settle(backend.name, endpoint, 'wasted', now, effects);
      endpoint.becameCold();
      this.wakes.accounts.released(backend.name, now);
      const { reason, probability } = decision;
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
    return false;
  }

  /** A forecast takes time for each run in flight: the more there are, the rarer it is asked again. */
  #wasJustHeld(endpoint: Endpoint, now: number): boolean {
    const since = now - (this.#heldAt.get(endpoint) ?? -Infinity);
    return since >= 0 && since < HOLD_PERIOD_MS_PER_RUN * this.#view.runs.size;
  }

  /** What would be decided for each backend that can go cold, and why; nothing is done. */
  outlook(now: number): BackendOutlook[] {
    return [...this.#view.backends.values()]
      .filter((backend) => backend.canGoCold && !backend.removed)
      .map((backend) => {
        const ask = (endpoint: Endpoint, capacity: number) =>
          this.#queryFor(backend, endpoint, capacity, 0, now);
        const rule = this.#ruleOf(backend);
        return outlookOf(backend, { ask, rule, accounts: this.wakes.accounts, now });
      });
  }

  needProbability(name: string, withinMs: number, now: number): number | undefined {
    const backend = this.#view.backends.get(name);
    if (!backend || backend.running + backend.queue.size > 0) return undefined;
    return needProbability(this.#forecast(backend, withinMs, now));
  }

  #forecast(backend: Backend, withinMs: number, now: number): Forecast {
    const { runs, ...known } = this.#view;
    const inFlight = runs.values();
    return forecastNeed({ ...known, backend, runs: inFlight, now, withinMs });
  }

  #ruleOf(backend: Backend): PrewarmRule {
    return this.#rule ?? thetaRule(backend.spec.prewarm.theta);
  }

  #queryFor(
    backend: Backend,
    endpoint: Endpoint,
    capacity: number,
    aheadMs: number,
    now: number,
  ): PrewarmQuery {
    return {
      backend: backend.name,
      now,
      forecast: (withinMs) => this.#forecast(backend, withinMs, now),
      coldStartMs: endpoint.coldStartMs,
      capacity,
      aheadMs,
      hardlyKnown: backend.speed.calls < CALLS_TO_KNOW,
      crowd: backend.arrivals.crowd(RELEASE_AFTER_MS, endpoint.coldStartMs),
      idleMs: now - endpoint.lastServedAt,
    };
  }

  #wakeAhead(
    backend: Backend,
    endpoint: Endpoint,
    cause: 'prewarm' | 'keep-warm',
    decision: PrewarmDecision,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    const grounds = () => {
      const forecast = this.#forecast(backend, endpoint.coldStartMs, now);
      return groundsOf(forecast, backend.arrivals.ratePerSec(now));
    };
    return this.wakes.wakeAhead(backend, endpoint, cause, decision, grounds, now, effects);
  }

  #hasCandidates(): boolean {
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode !== 'off' && backend.canGoCold) return true;
    }
    return false;
  }
}

/** Part of a call's wait in the line, since it came there last, in which no endpoint was warm, ms. */
export function coldWaitOf(call: LiveCall, endpoint: Endpoint): number {
  return Math.max(0, endpoint.warmSince - (call.coldSince ?? Infinity));
}
