/**
 * The driver of prewarming: it takes what happens to calls and endpoints, and has the endpoints checked
 * (prewarm-checks.ts) when that is due (check-schedule.ts), and on each forecast event of the cron.
 * Starting and settling a wake is in wakes.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { AdapterForecasts } from './adapter-forecasts.ts';
import { AdapterLoads } from './adapter-loads.ts';
import { CheckSchedule } from './check-schedule.ts';
import { EndpointChanges } from './endpoint-changes.ts';
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
  /** What follows where an endpoint turns out to be up or cold. */
  readonly changes: EndpointChanges;
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
    const { wakes, reads, schedule } = this;
    this.changes = new EndpointChanges(view.backends, { wakes, reads, schedule });
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
    const backend = this.#view.backends.get(event.backend);
    const endpoint = backend?.endpoints.get(event.endpoint);
    if (!backend || !endpoint) return;
    if (event.type === 'release-answered') {
      endpoint.release.answered(event.ok, event.reason, now);
      return this.schedule.soon(now);
    }
    if (event.type === 'gone-cold') return this.changes.wentCold(backend, endpoint, now, effects);
    this.changes.wakeAnswered(event, backend, endpoint, now, effects);
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
