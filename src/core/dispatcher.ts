/**
 * The heart: a state machine, (state, events, now) -> effects. It admits calls in the policy's
 * order, takes back every slot exactly once, learns from finished runs and says which endpoints to
 * wake. It has no clock, no randomness and no I/O; the tenant's object and the simulator drive it.
 *
 * Invariants: an endpoint never has more leases than slots; a call is granted at most once at a
 * time; every submitted call is granted, refused or cancelled; every lease ends.
 */
import { Backend } from './backend.ts';
import { type CallResult, recordOf } from './call-result.ts';
import { demandOf, NO_DEMAND, SERVICE_SPEED, type Speeds } from './demand.ts';
import type { DispatchEvent, Effect, Granted, RefusalCode } from './dispatch-events.ts';
import type { BackendSpec, DispatcherConfig } from './dispatcher-config.ts';
import type { Endpoint } from './endpoint.ts';
import { Knowledge } from './knowledge.ts';
import type { CallRequest, Lease, LiveCall, LiveRun } from './live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';
import type { Standing } from './overtaking.ts';
import type { Policy } from './policy.ts';
import type { PrewarmAccounts } from './prewarm-accounts.ts';
import type { BackendOutlook } from './prewarm-outlook.ts';
import type { PrewarmRule } from './prewarm-rule.ts';
import { coldWaitOf, Prewarmer } from './prewarmer.ts';
import type { Random } from './random.ts';
import { Ranking } from './ranking.ts';
import type { CallRecord } from './recorded-run.ts';
import { goesOn } from './retry.ts';
import { RunRegister } from './run-register.ts';
import type { Taken } from './waiting-line.ts';

/**
 * Of a lease's length: it is doubted so long before its end, when its Worker should have renewed it
 * for the second time, and from then on lasts so long. By then a Worker that lives has renewed it,
 * also where only the clock leapt or the object was away.
 */
const DOUBTED_BEFORE = 1 / 3;
const DOUBT_LASTS = 1 / 2;

/** Of a backend that only calls from before a restart are at. */
const NO_ENDPOINTS: BackendSpec = {
  endpoints: [],
  queueDepth: 0,
  maxWaitMs: 0,
  maxWaitColdMs: 0,
  whileCold: 'hold',
  speed: SERVICE_SPEED,
  prewarm: { mode: 'off', theta: 1 },
};

export interface DispatcherOptions {
  readonly random: Random;
  /** A policy instead of the configured one: clairvoyant ones need what only a simulator knows. */
  readonly policy?: Policy;
  /** A rule instead of the configured theta, to compare with. */
  readonly prewarmRule?: PrewarmRule;
}

export class Dispatcher {
  readonly backends = new Map<string, Backend>();
  readonly knowledge: Knowledge;
  readonly register: RunRegister;
  readonly #calls = new Map<string, LiveCall>();
  /** Every call by the time at which something must happen to it: its wait or its lease ends. */
  readonly #limits = new OrderedQueue<LiveCall>();
  readonly #prewarmer: Prewarmer;
  readonly #ranking: Ranking;
  #config: DispatcherConfig;
  #effects: Effect[] = [];
  /** The latest that the clock has shown. */
  #now: number;

  constructor(config: DispatcherConfig, options: DispatcherOptions, now: number) {
    this.#config = config;
    this.#now = now;
    this.knowledge = new Knowledge(options.random);
    this.register = new RunRegister(this.knowledge, this.speeds);
    this.#ranking = new Ranking(this, config, options.policy);
    this.#prewarmer = new Prewarmer(
      {
        backends: this.backends,
        runs: this.register.runs,
        knowledge: this.knowledge,
        speeds: this.speeds,
      },
      options.prewarmRule,
    );
    this.#configure(config, now);
  }

  /** Speed of each backend, in ms a token. */
  readonly speeds: Speeds = (name) => this.backends.get(name)?.speed.value ?? SERVICE_SPEED;

  /** Applies events that happen at one instant, lets time act, then grants what can be granted. */
  step(events: readonly DispatchEvent[], now: number): Effect[] {
    const effects: Effect[] = [];
    this.#effects = effects;
    if (now < this.#now) this.#turnBack(now);
    this.#now = now;
    this.accounts.elapse(now);
    for (const event of events) this.#apply(event, now);
    const overdue = this.#pass(now);
    for (const backend of this.backends.values()) this.#dispatch(backend, now);
    // A free slot comes before a limit: only who still waits now has waited too long.
    for (const call of overdue) if (!call.lease) this.#giveUp(call, now);
    this.#prewarmer.act(now, effects);
    return effects;
  }

  /** When `step` must be called again though nothing happens, epoch ms; Infinity for never. */
  dueAt(now: number): number {
    let due = Math.min(this.#limits.peekKey(), this.register.dueAt, this.#prewarmer.dueAt);
    for (const backend of this.backends.values()) due = Math.min(due, backend.dueAt(now));
    return due;
  }

  /** What prewarming costs and brings. */
  get accounts(): PrewarmAccounts {
    return this.#prewarmer.accounts;
  }

  /** What would be decided for each backend now, and why. */
  prewarmOutlook(now: number): BackendOutlook[] {
    return this.#prewarmer.outlook(now);
  }

  /** P(a call needs a backend within a time), of one at which none waits or runs now. */
  needProbability(backend: string, withinMs: number, now: number): number | undefined {
    return this.#prewarmer.needProbability(backend, withinMs, now);
  }

  call(callId: string): LiveCall | undefined {
    return this.#calls.get(callId);
  }

  /** A waiting call's place in the order; undefined where it does not wait. */
  standing(call: LiveCall): Standing | undefined {
    const key = this.backends.get(call.request.backend)?.line.keyOf(call.run);
    return key === undefined ? undefined : this.#ranking.standing(call.run, key);
  }

  /** Puts back what was durable; to be called before anything is submitted. */
  restore(runs: Iterable<LiveRun>, leases: Iterable<{ request: CallRequest; lease: Lease }>): void {
    for (const run of runs) this.register.restore(run);
    for (const { request, lease } of leases) {
      const call = this.register.submit(request, lease.grantedAt, false);
      call.lease = lease;
      call.visit.servingSince ??= lease.grantedAt;
      this.#calls.set(request.callId, call);
      this.#limits.set(call, doubtedAt(lease), call.seq);
      this.#holder(request.backend, lease.endpoint).inFlight += 1;
    }
    // What was written may be of a clock that ran before this one.
    this.#turnBack(this.#now);
  }

  /** An endpoint that calls are at; one that is configured no more drains, and counts on. */
  #holder(backendName: string, endpointId: string): Endpoint {
    let backend = this.backends.get(backendName);
    if (!backend) {
      backend = new Backend(backendName, NO_ENDPOINTS, this.#ranking.newLine(), this.#now);
      backend.removed = true;
      this.backends.set(backendName, backend);
    }
    return backend.endpoints.get(endpointId) ?? backend.addDraining(endpointId, this.#now);
  }

  /** The clock went back: what is due by it must not be late by as much, and no age is below 0. */
  #turnBack(now: number): void {
    for (const call of this.#calls.values()) {
      const { lease, request } = call;
      const longestMs = this.backends.get(request.backend)?.maxWaitMs(request) ?? 0;
      const limit = Math.min(
        this.#limits.keyOf(call) ?? Infinity,
        now + (lease ? lease.lengthMs : longestMs),
      );
      if (lease) lease.expiresAt = Math.min(lease.expiresAt, now + lease.lengthMs);
      this.#limits.set(call, limit, call.seq);
    }
    for (const backend of this.backends.values()) backend.turnBack(now);
    this.register.turnBack(now);
    this.#prewarmer.turnBack(now);
  }

  #apply(event: DispatchEvent, now: number): void {
    switch (event.type) {
      case 'submitted':
        return this.#submit(event.call, now);
      case 'ended':
        return this.#end(event.callId, event.result, event.again ?? false, now);
      case 'cancelled':
        return this.#cancel(event.callId, now);
      case 'renewed':
        return this.#renew(event.callId, now);
      case 'unit-began':
        this.register.beginOwnUnit(event.runId, event.app, event.unit, now);
        return this.#prewarmer.askSoon(now);
      case 'unit-ended':
        return this.register.endOwnUnit(event.runId, event.unit, now);
      case 'run-finished':
        return this.#emit(this.register.finish(event.runId, now));
      case 'configured':
        return this.#configure(event.config, now);
      case 'woken':
      case 'gone-cold':
      case 'forecast':
        return this.#prewarmer.apply(event, now, this.#effects);
      case 'tick':
        return;
      default:
        return event satisfies never;
    }
  }

  #submit(request: CallRequest, now: number): void {
    const { callId } = request;
    const known = this.#calls.get(callId);
    if (known) {
      if (!known.lease) return;
      const { endpoints } = this.backends.get(known.request.backend) ?? {};
      const at = endpoints?.get(known.lease.endpoint);
      if (at && at.state !== 'draining') {
        // The caller lost its answer and asks again: what was granted stays granted.
        return this.#emit(
          grantEffect(known, known.lease, { repeated: true, rankMs: 0, coldMs: 0 }),
        );
      }
      // It never went to its endpoint, and cannot any more: it stands in line again.
      this.#cancel(callId, now);
    }
    const backend = this.backends.get(request.backend);
    if (!backend || backend.removed) return this.#refuse(callId, 'backend_removed', 0);
    if (backend.spec.failover && backend.isDown(now)) {
      return this.#refuse(callId, 'backend_down', 1_000);
    }
    const goesAtOnce = backend.line.size === 0 && backend.pick(now) !== undefined;
    if (!goesAtOnce && backend.isFullFor(request)) {
      return this.#refuse(callId, 'queue_full', backend.expectedWaitMs());
    }
    const outstanding = this.register.find(request)?.outstanding ?? 0;
    if (outstanding >= (this.#config.runCalls ?? Infinity)) {
      return this.#refuse(callId, 'run_calls_exceeded', backend.speed.meanServiceMs);
    }
    const call = this.register.submit(request, now, !backend.isWarm);
    this.#calls.set(callId, call);
    if (request.refuseIfLate) call.lostAt = this.#ranking.lostAt(call);
    if (call.lostAt <= now) return this.#giveUp(call, now);
    if (call.visit.fanOut === 1) this.#prewarmer.needed(call, now);
    this.#ranking.arriving(request.app, backend);
    backend.retries.earn();
    this.#wait(call, backend, now);
  }

  #wait(call: LiveCall, backend: Backend, now: number): void {
    const { request } = call;
    backend.line.add(call);
    // The wait counts from the first submission, so asking again does not prolong it.
    const arrivedAt = Math.min(request.arrivedAt, now);
    const until = Math.min(call.lostAt, arrivedAt + backend.maxWaitMs(request));
    this.#limits.set(call, until, call.seq);
    this.#prewarmer.askSoon(now);
  }

  #end(callId: string, result: CallResult, again: boolean, now: number): void {
    const call = this.#calls.get(callId);
    if (!call?.lease) return;
    const { endpoint: id } = call.lease;
    const endpoint = this.#release(call, 'ended', now);
    endpoint?.heard(result, call.lease.grantedAt, now);
    const backend = this.backends.get(call.request.backend);
    if (again && backend && goesOn(call, backend, result, id)) {
      call.lease = undefined;
      if (call.visit.outstanding === 1) call.visit.servingSince = undefined;
      return this.#wait(call, backend, now);
    }
    // Its slot is free again, and counted for it.
    const atEnd = (endpoint?.inFlight ?? 0) + 1;
    backend?.observe(result, call, id, (call.concurrency + atEnd) / 2);
    const record = recordOf(call.request, result);
    if (backend && record) {
      const { output } = demandOf(record, backend.speed.value);
      this.#ranking.served(call.run.app, backend, { input: 0, output });
    }
    this.#settle(call, record, now);
  }

  #cancel(callId: string, now: number): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    if (call.lease) this.#release(call, 'cancelled', now);
    else this.backends.get(call.request.backend)?.line.remove(call);
    this.#settle(call, undefined, now);
  }

  #renew(callId: string, now: number): void {
    const call = this.#calls.get(callId);
    if (!call?.lease) return;
    const { lease } = call;
    lease.doubted = false;
    lease.expiresAt = now + lease.lengthMs;
    this.#limits.set(call, doubtedAt(lease), call.seq);
  }

  /** Gives the slot back; the only place that does. */
  #release(
    call: LiveCall,
    cause: 'ended' | 'cancelled' | 'expired',
    now: number,
  ): Endpoint | undefined {
    const id = call.lease?.endpoint ?? '';
    const backend = this.backends.get(call.request.backend);
    const endpoint = backend?.endpoints.get(id);
    endpoint?.released(now);
    if (backend && call.urgent) backend.urgentRunning -= 1;
    backend?.settle(id);
    if (backend?.removed && backend.endpoints.size === 0) this.backends.delete(backend.name);
    this.#emit({ type: 'released', callId: call.request.callId, cause });
    return endpoint;
  }

  /** A call is over, whatever the way: its run is keyed anew, or has ended. */
  #settle(call: LiveCall, record: CallRecord | undefined, now: number): void {
    const { run } = call;
    this.#calls.delete(call.request.callId);
    this.#limits.delete(call);
    run.settle(
      call,
      record,
      record ? demandOf(record, this.speeds(call.request.backend)) : NO_DEMAND,
      now,
    );
    for (const backend of this.backends.values()) backend.line.rekey(run);
    this.#emit(this.register.settled(call, now));
    this.#prewarmer.askSoon(now);
  }

  /**
   * What time alone does: leases run out, silent runs end, endpoints change state. Returns the calls
   * that wait beyond their limit.
   */
  #pass(now: number): LiveCall[] {
    for (const backend of this.backends.values()) {
      for (const [id, endpoint] of backend.endpoints) {
        const was = endpoint.state;
        endpoint.pass(now);
        if (endpoint.state !== was) {
          this.#prewarmer.changed(backend.name, id, was, now, this.#effects);
        }
      }
    }
    const overdue: LiveCall[] = [];
    while (this.#limits.peekKey() <= now) {
      const call = this.#limits.pop();
      if (!call?.lease) {
        if (call) overdue.push(call);
        continue;
      }
      if (!call.lease.doubted) {
        call.lease.doubted = true;
        this.#limits.set(call, now + call.lease.lengthMs * DOUBT_LASTS, call.seq);
        continue;
      }
      this.#release(call, 'expired', now);
      this.#settle(call, undefined, now);
    }
    for (const effect of this.register.pass(now)) this.#emit(effect);
    return overdue;
  }

  /** The call has waited for as long as it may, or as it makes sense. */
  #giveUp(call: LiveCall, now: number): void {
    const backend = this.backends.get(call.request.backend);
    backend?.line.remove(call);
    const waited = backend && !backend.isWarm ? 'backend_warming' : 'queue_timeout';
    const code = call.lostAt <= now ? 'deadline_unmeetable' : waited;
    this.#refuse(call.request.callId, code, backend?.expectedWaitMs() ?? 0);
    this.#settle(call, undefined, now);
  }

  #dispatch(backend: Backend, now: number): void {
    while (backend.line.size > 0) {
      const endpoint = backend.pick(now);
      const { slots, urgentRunning } = backend;
      const next = endpoint && backend.line.take({ now, slots, urgentRunning });
      if (!endpoint || !next) break;
      const { avoid } = next.call;
      this.#grant(next, backend, (avoid && backend.pick(now, avoid)) ?? endpoint, now);
    }
    if (backend.spec.failover && backend.line.size > 0 && backend.isDown(now)) {
      this.#refuseAll(backend, 'backend_down', now);
    }
    this.#prewarmer.wakeForDemand(backend, now, this.#effects);
  }

  #grant({ call, key, urgent }: Taken, backend: Backend, endpoint: Endpoint, now: number): void {
    endpoint.granted(now);
    call.urgent = urgent;
    call.attempts += 1;
    if (urgent) backend.urgentRunning += 1;
    this.#prewarmer.granted(backend, endpoint, call, now, this.#effects);
    const { leaseMs: lengthMs } = this.#config;
    const lease: Lease = {
      endpoint: endpoint.spec.id,
      grantedAt: now,
      lengthMs,
      expiresAt: now + lengthMs,
    };
    call.lease = lease;
    call.concurrency = endpoint.inFlight;
    call.visit.servingSince ??= now;
    this.#limits.set(call, doubtedAt(lease), call.seq);
    this.#ranking.served(call.run.app, backend, { input: call.request.inputTokens, output: 0 });
    const standing = this.#ranking.standing(call.run, key);
    // An endpoint that is sent calls while it is cold is waited for beyond the grant, unseen.
    const coldMs = coldWaitOf(call, endpoint);
    const endpointState = endpoint.state;
    this.#emit(grantEffect(call, lease, { ...standing, coldMs, endpointState }));
  }

  /** Whoever waits for the backend is told that it is in vain. */
  #refuseAll(backend: Backend, code: RefusalCode, now: number): void {
    for (const call of [...backend.line.calls()]) {
      backend.line.remove(call);
      this.#refuse(call.request.callId, code, code === 'backend_down' ? 1_000 : 0);
      this.#settle(call, undefined, now);
    }
  }

  #refuse(callId: string, code: RefusalCode, retryAfterMs: number): void {
    this.#emit({ type: 'refused', callId, code, retryAfterMs });
  }

  #emit(effect: Effect | undefined): void {
    if (effect) this.#effects.push(effect);
  }

  #configure(config: DispatcherConfig, now: number): void {
    this.#config = config;
    this.#ranking.configure(config);
    const { runSilenceMs, leastSilenceMs = runSilenceMs } = config;
    this.register.silence = { assumedMs: runSilenceMs, leastMs: leastSilenceMs };
    for (const [name, backend] of this.backends) {
      if (!Object.hasOwn(config.backends, name)) this.#retire(backend, now);
    }
    for (const [name, spec] of Object.entries(config.backends)) this.#adopt(name, spec, now);
    this.accounts.configure(config.prewarmBudget ?? {}, now);
  }

  #adopt(name: string, spec: BackendSpec, now: number): void {
    const line = this.#ranking.newLine();
    const known = this.backends.get(name);
    if (!known) {
      this.backends.set(name, new Backend(name, spec, line, now));
      return;
    }
    known.configure(spec, now);
    // The order may be another policy's now: everybody who waits joins a new line.
    const waiting = [...known.line.calls()].sort((a, b) => a.seq - b.seq);
    known.line = line;
    for (const call of waiting) line.add(call);
  }

  /** A backend that is configured no more: its waiting calls are refused, its running ones end. */
  #retire(backend: Backend, now: number): void {
    this.#refuseAll(backend, 'backend_removed', now);
    backend.remove();
    if (backend.endpoints.size === 0) this.backends.delete(backend.name);
  }
}

function doubtedAt({ expiresAt, lengthMs }: Lease): number {
  return expiresAt === Infinity ? Infinity : expiresAt - lengthMs * DOUBTED_BEFORE;
}

function grantEffect(
  call: LiveCall,
  lease: Lease,
  found: Pick<Granted, 'repeated' | 'rankMs' | 'boundMs' | 'coldMs' | 'endpointState'>,
): Granted {
  const { callId, backend, unit, arrivedAt } = call.request;
  return {
    type: 'granted',
    callId,
    backend,
    // The run's own, whatever this call was taken for.
    runId: call.run.id,
    app: call.run.app,
    unit,
    endpoint: lease.endpoint,
    grantedAt: lease.grantedAt,
    expiresAt: lease.expiresAt,
    leaseMs: lease.lengthMs,
    waitedMs: Math.max(0, lease.grantedAt - arrivedAt),
    ...found,
  };
}
