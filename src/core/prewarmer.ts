/**
 * Drives the endpoints' states: wakes them for those that wait, wakes them ahead of need, keeps
 * them warm, and settles how each wake turned out. When to wake is decided in prewarm.ts; here is
 * only when to ask (after a change, once a second while runs are in flight, when an endpoint is
 * about to go cold, and when the cron says so).
 */
import type { Backend } from './backend.ts';
import type { Speeds } from './demand.ts';
import type { DispatchEvent, Effect } from './dispatch-events.ts';
import type { Endpoint, EndpointState, WakeOutcome } from './endpoint.ts';
import { forecastNeed } from './forecast.ts';
import type { Knowledge } from './knowledge.ts';
import type { LiveCall, LiveRun } from './live-run.ts';
import type { PrewarmDecision } from './prewarm.ts';
import { type PrewarmAsk, type PrewarmRule, thetaRule } from './prewarm-rule.ts';

/** Between two forecasts for runs in flight, ms: needs come with time, not only with events. */
const PERIOD_MS = 1_000;
/** Between two forecasts at the least, ms, however much happens. */
const LEAST_PERIOD_MS = 250;
/** An endpoint that can be released is asked about when it was idle for so long, ms. */
const RELEASE_AFTER_MS = 15_000;
/** Calls of a backend before its forecasts are trusted to release an endpoint. */
const CALLS_TO_KNOW = 20;
/** And then again in this time, while it is held. */
const HOLD_PERIOD_MS = 5_000;
/** An endpoint that goes cold within this share of its idle timeout is asked about. */
const KEEP_WARM_SHARE = 0.2;

export interface PrewarmerView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly knowledge: Knowledge;
  readonly speeds: Speeds;
}

type EndpointEvent = Extract<DispatchEvent, { type: 'woken' | 'gone-cold' | 'forecast' }>;

export class Prewarmer {
  /** When `act` wants to be called next, epoch ms. */
  dueAt = Infinity;
  readonly #view: PrewarmerView;
  readonly #rule: PrewarmRule | undefined;
  readonly #dryRunAt = new Map<string, number>();
  #actedAt = -Infinity;

  /** `rule`: instead of the configured theta. */
  constructor(view: PrewarmerView, rule?: PrewarmRule) {
    this.#view = view;
    this.#rule = rule;
  }

  /** Something happened that a forecast may depend on. */
  askSoon(now: number): void {
    if (!this.#hasCandidates()) return;
    this.dueAt = Math.min(this.dueAt, Math.max(now, this.#actedAt + LEAST_PERIOD_MS));
  }

  /** The clock went back. */
  turnBack(now: number): void {
    this.#actedAt = Math.min(this.#actedAt, now);
    if (Number.isFinite(this.dueAt)) this.dueAt = Math.min(this.dueAt, now + LEAST_PERIOD_MS);
    this.#dryRunAt.clear();
  }

  /** A run's first call counts as an arrival, where it begins and of its application. */
  needed(call: LiveCall, now: number): void {
    if (call.run.visits.length > 1) return;
    this.#view.backends.get(call.request.backend)?.arrivals.need(now);
    this.#view.knowledge.arrived(call.run.app, now);
  }

  apply(event: EndpointEvent, now: number, effects: Effect[]): void {
    if (event.type === 'forecast') {
      for (const backend of this.#view.backends.values()) {
        this.#ask(backend, event.aheadMs, now, effects);
      }
      return;
    }
    const endpoint = this.#view.backends.get(event.backend)?.endpoints.get(event.endpoint);
    if (!endpoint) return;
    const was = endpoint.state;
    if (event.type === 'woken' && event.ok) {
      endpoint.becameWarm(now, event.tookMs);
      return;
    }
    if (event.type === 'woken') endpoint.failed(now);
    endpoint.becameCold();
    this.changed(event.backend, event.endpoint, was, effects);
  }

  /** An endpoint went cold: a wake that nobody had used by then was wasted, or had failed. */
  changed(backend: string, id: string, was: EndpointState, effects: Effect[]): void {
    const endpoint = this.#view.backends.get(backend)?.endpoints.get(id);
    if (endpoint?.state === 'cold') {
      settleWake(backend, endpoint, was === 'warming' ? 'failed' : 'wasted', effects);
    }
  }

  granted(backend: Backend, endpoint: Endpoint, call: LiveCall, now: number, fx: Effect[]): void {
    settleWake(backend.name, endpoint, call.metCold ? 'late' : 'used', fx);
    if (endpoint.state === 'cold') {
      // The platform holds the call until it is up: the call itself is the wake.
      endpoint.beginWake({ cause: 'demand', at: now, reason: 'a call was sent', probability: 1 });
    }
  }

  /** Wakes an endpoint for those that wait now; one wake at a time for an endpoint. */
  wakeForDemand(backend: Backend, now: number, effects: Effect[]): void {
    if (backend.spec.whileCold === 'send') return;
    const endpoint = backend.endpointToWake(now);
    if (!endpoint) return;
    const wake = {
      cause: 'demand' as const,
      at: now,
      reason: `waiting=${backend.line.size}`,
      probability: 1,
    };
    endpoint.beginWake(wake);
    effects.push({
      type: 'wake',
      backend: backend.name,
      endpoint: endpoint.spec.id,
      wake,
      dryRun: false,
    });
  }

  /** Forecasts where it is time to, and wakes what the forecast asks for. */
  act(now: number, effects: Effect[]): void {
    if (now < this.dueAt) return;
    this.#actedAt = now;
    this.dueAt = Infinity;
    for (const backend of this.#view.backends.values()) this.#ask(backend, 0, now, effects);
    if (this.#view.runs.size > 0 && this.#hasCandidates()) this.dueAt = now + PERIOD_MS;
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode === 'off') continue;
      for (const endpoint of backend.endpoints.values()) {
        const at = askAgainAt(endpoint, now);
        if (at > now) this.dueAt = Math.min(this.dueAt, at);
      }
    }
  }

  #ask(backend: Backend, aheadMs: number, now: number, effects: Effect[]): void {
    if (backend.spec.prewarm.mode === 'off' || !backend.canGoCold || backend.removed) return;
    let capacity = 0;
    for (const { state, spec } of backend.endpoints.values()) {
      if (state === 'warm' || state === 'warming') capacity += spec.slots;
    }
    for (const endpoint of backend.endpoints.values()) {
      if (endpoint.state !== 'warm' || !endpoint.spec.coldStart || endpoint.inFlight > 0) continue;
      const others = capacity - endpoint.spec.slots;
      if (!this.#stays(backend, endpoint, others, aheadMs, now, effects)) capacity = others;
    }
    for (const endpoint of backend.endpoints.values()) {
      if (endpoint.state !== 'cold' || now < endpoint.restsUntil) continue;
      const ask = this.#askOf(backend, endpoint, capacity, aheadMs, now);
      const decision = this.#ruleOf(backend).wake(ask);
      // The next one would be needed still less.
      if (!decision.wake) return;
      this.#wake(backend, endpoint, 'prewarm', decision, now, effects);
      capacity += endpoint.spec.slots;
    }
  }

  /** Of a warm endpoint that is idle: whether it stays warm, and what is done about it. */
  #stays(
    backend: Backend,
    endpoint: Endpoint,
    others: number,
    aheadMs: number,
    now: number,
    effects: Effect[],
  ): boolean {
    // Of a backend that is hardly known no need is foreseen: that is ignorance, not a forecast.
    const releases = backend.speed.calls >= CALLS_TO_KNOW && mayRelease(endpoint, now);
    const ends = now + aheadMs >= keepWarmAt(endpoint);
    if (!releases && !ends) return true;
    const decision = this.#ruleOf(backend).hold(this.#askOf(backend, endpoint, others, 0, now));
    if (decision.wake) {
      if (ends) this.#wake(backend, endpoint, 'keep-warm', decision, now, effects);
      return true;
    }
    if (releases && backend.spec.prewarm.mode === 'on') {
      settleWake(backend.name, endpoint, 'wasted', effects);
      endpoint.becameCold();
      effects.push({ type: 'release', backend: backend.name, endpoint: endpoint.spec.id });
    }
    return false;
  }

  #ruleOf(backend: Backend): PrewarmRule {
    return this.#rule ?? thetaRule(backend.spec.prewarm.theta);
  }

  #askOf(
    backend: Backend,
    endpoint: Endpoint,
    capacity: number,
    aheadMs: number,
    now: number,
  ): PrewarmAsk {
    const { backends, runs, knowledge, speeds } = this.#view;
    return {
      forecast: (withinMs) =>
        forecastNeed({ backend, backends, runs: runs.values(), knowledge, speeds, now, withinMs }),
      coldStartMs: endpoint.coldStartMs,
      capacity,
      aheadMs,
      crowd: backend.arrivals.crowd(RELEASE_AFTER_MS, endpoint.coldStartMs),
      idleMs: now - endpoint.lastServedAt,
    };
  }

  #wake(
    backend: Backend,
    endpoint: Endpoint,
    cause: 'prewarm' | 'keep-warm',
    decision: PrewarmDecision,
    now: number,
    effects: Effect[],
  ): void {
    const { reason, probability } = decision;
    const wake = { cause, at: now, reason, probability };
    const dryRun = backend.spec.prewarm.mode === 'dry-run';
    if (dryRun) {
      // The endpoint stays cold, so the same decision would come each second.
      const last = this.#dryRunAt.get(backend.name) ?? -Infinity;
      if (now - last < endpoint.coldStartMs) return;
      this.#dryRunAt.set(backend.name, now);
    } else {
      settleWake(backend.name, endpoint, 'wasted', effects);
      endpoint.beginWake(wake);
    }
    effects.push({ type: 'wake', backend: backend.name, endpoint: endpoint.spec.id, wake, dryRun });
  }

  #hasCandidates(): boolean {
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode !== 'off' && backend.canGoCold) return true;
    }
    return false;
  }
}

function settleWake(backend: string, endpoint: Endpoint, outcome: WakeOutcome, fx: Effect[]): void {
  const { wake } = endpoint;
  if (!wake) return;
  endpoint.wake = undefined;
  fx.push({ type: 'wake-ended', backend, endpoint: endpoint.spec.id, wake, outcome });
}

/** True where an endpoint has been idle for long enough, and can be told to go cold. */
function mayRelease(endpoint: Endpoint, now: number): boolean {
  if (!endpoint.spec.coldStart?.releasable) return false;
  return now >= Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
}

/** When to look at an idle warm endpoint next, epoch ms. */
function askAgainAt(endpoint: Endpoint, now: number): number {
  const keepAt = keepWarmAt(endpoint);
  if (!endpoint.spec.coldStart?.releasable || !Number.isFinite(keepAt)) return keepAt;
  const releaseAt = Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
  return Math.min(keepAt, releaseAt > now ? releaseAt : now + HOLD_PERIOD_MS);
}

/** When to ask whether an idle warm endpoint should stay warm, epoch ms. */
function keepWarmAt(endpoint: Endpoint): number {
  const idleMs = endpoint.spec.coldStart?.idleTimeoutMs;
  if (idleMs === undefined || endpoint.state !== 'warm' || endpoint.inFlight > 0) return Infinity;
  return endpoint.lastActiveAt + idleMs * (1 - KEEP_WARM_SHARE);
}
