/**
 * The driver of prewarming: it takes what happens to calls and endpoints, and has the endpoints checked
 * (prewarm-checks.ts) when that is due (check-schedule.ts), and on each forecast event of the cron.
 * Starting and settling a wake is in wakes.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { EndpointState } from '../backends/endpoint-state.ts';
import { nextCheckAt } from '../backends/holding-times.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { AdapterForecasts } from './adapter-forecasts.ts';
import { AdapterLoads } from './adapter-loads.ts';
import { CheckSchedule } from './check-schedule.ts';
import { carryOut, type OrderOutcome } from './endpoint-orders.ts';
import { NeedForecasts } from './forecast.ts';
import { PrefixReads } from './prefix-reads.ts';
import { PrewarmChecks } from './prewarm-checks.ts';
import type { PrewarmEffects, PrewarmEvent } from './prewarm-events.ts';
import { type PrewarmerView, PrewarmQueries } from './prewarm-queries.ts';
import type { PrewarmRule } from './prewarm-rule.ts';
import { Wakes } from './wakes.ts';

export class Prewarmer {
  /** When `check` is due. */
  readonly schedule: CheckSchedule;
  readonly wakes: Wakes;
  readonly loads: AdapterLoads;
  readonly reads: PrefixReads;
  readonly #view: PrewarmerView;
  /** What the checks would decide, for those who only look. */
  readonly queries: PrewarmQueries;
  /** What is decided by the checks, and what is released. */
  readonly checks: PrewarmChecks;
  readonly #forecasts: NeedForecasts;
  readonly #adapters: AdapterForecasts;

  /** `rule` replaces the theta rule that each backend's configuration gives. */
  constructor(view: PrewarmerView, rule?: PrewarmRule) {
    this.#view = view;
    this.schedule = new CheckSchedule(view);
    this.#forecasts = new NeedForecasts(view);
    this.wakes = new Wakes(view.backends);
    this.loads = new AdapterLoads(this.wakes.accounts.daily);
    this.reads = new PrefixReads(view, this.wakes.accounts.daily);
    this.#adapters = new AdapterForecasts(view, this.loads);
    const { wakes, reads } = this;
    const parts = { forecasts: this.#forecasts, adapters: this.#adapters };
    this.queries = new PrewarmQueries(view, { ...parts, accounts: wakes.accounts }, rule);
    const { queries } = this;
    this.checks = new PrewarmChecks(view, { ...parts, queries, wakes, reads });
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    this.schedule.clockWentBack(now);
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
      this.checks.run(event.aheadMs, now, effects);
      return;
    }
    if (event.type === 'adapter-answered') {
      const backend = this.#view.backends.get(event.backend);
      if (backend) this.loads.answered(backend, event, now, effects);
      return this.schedule.soon(now);
    }
    if (event.type === 'endpoint-ordered') {
      const { type: _, ...order } = event;
      const outcome = this.#ordered(event, now, effects);
      effects.push({ type: 'order-answered', ...order, outcome });
      return;
    }
    if (event.type === 'prefixes-kept' || event.type === 'prefix-answered') {
      this.reads.apply(event, this.#view.backends, now, effects);
      return this.schedule.soon(now);
    }
    const endpoint = this.#view.backends.get(event.backend)?.endpoints.get(event.endpoint);
    if (!endpoint) return;
    const previous = endpoint.state;
    if (event.type === 'release-answered') {
      endpoint.release.answered(event.ok, event.reason, now);
      return this.schedule.soon(now);
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
      if (endpoint.wakes.isLast(event.wakeAt)) {
        endpoint.wakes.answered(now, event);
      } else endpoint.wakes.earlierAnswered(now);
      this.wakes.accounts.answered(event.backend, endpoint, now);
      // Without a run in flight nothing else would have it checked before it goes cold.
      if (this.#view.backends.get(event.backend)?.spec.prewarm.mode !== 'off') {
        this.schedule.by(nextCheckAt(endpoint, now));
      }
      const backend = this.#view.backends.get(event.backend);
      if (backend?.adapters.isUsed) this.schedule.soon(now);
      if (backend && !wasWarm && this.reads.woke(backend, endpoint, now, effects)) {
        this.schedule.by(now);
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
    if (!endpoint.wakes.isLast(event.wakeAt)) return;
    if (endpoint.evidence.hasServedSince(now - (event.tookMs ?? 0))) return;
    endpoint.wakes.failed(now, event.reason, event);
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
        this.checks.release(
          backend,
          endpoint,
          { reason: 'by the operator', probability: 0 },
          now,
          effects,
        ),
    };
    const outcome = carryOut(order, { backend, endpoint }, actions, now);
    this.schedule.soon(now);
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
    if (!endpoint.evidence.answeredCold(sentAt, now, key) || endpoint.state !== 'cold') return;
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

  /** Applies what changes by time alone at endpoints. */
  elapse(now: number, effects: PrewarmEffects): void {
    for (const backend of this.#view.backends.values()) {
      for (const endpoint of backend.pool.list) {
        const before = endpoint.state;
        endpoint.elapse(now);
        if (endpoint.state !== before) {
          this.stateChanged(backend.name, endpoint.spec.id, before, now, effects);
        }
      }
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
    if (now < this.schedule.dueAt) return;
    this.checks.run(0, now, effects);
    this.schedule.checked(now);
  }
}

/** Part of a call's wait since it last joined the queue in which no endpoint was warm, ms. */
export function coldWaitOf(call: LiveCall, endpoint: Endpoint): number {
  return Math.max(0, endpoint.warmSince - (call.coldSince ?? Infinity));
}
