/**
 * The calls that wait or hold a slot, from submission to end: the only place that grants and takes
 * back slots, each exactly once. Reports what it does with a call as effects. Which waiting call gets
 * a free slot is in grant-round.ts, the counts of slots in held-slots.ts, what the end of an attempt
 * teaches in ended-attempt.ts; timers are in call-timers.ts, the order of waiting calls in ranking.ts.
 *
 * Invariants: an endpoint never has calls for more sequences than it has slots, but for one call that
 * asks for more and is alone there; a call has at most one lease at a time; every call is granted,
 * refused or cancelled; every lease ends.
 */

import type { Backend } from '../backends/backend.ts';
import type { BackendRoster } from '../backends/backend-roster.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { coldWaitOf, type Prewarmer } from '../prewarm/prewarmer.ts';
import type { CallRequest } from '../runs/call-request.ts';
import { type CallResult, recordOf } from '../runs/call-result.ts';
import { demandOf, NO_DEMAND, type Speeds } from '../runs/demand.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { CallRecord } from '../runs/recorded-run.ts';
import { CallTimers } from './call-timers.ts';
import type { Effect, RefusalCode } from './dispatch-events.ts';
import { seenByBackend, seenByEndpoint } from './ended-attempt.ts';
import { grantEffect } from './grant-effect.ts';
import { type Grant, GrantRound } from './grant-round.ts';
import { giveBackSlots, keyOf, retakeSlots, takeSlots } from './held-slots.ts';
import type { OnLoan } from './loan-events.ts';
import type { Loans } from './loans.ts';
import { withHold } from './queue-rank.ts';
import type { Ranking } from './ranking.ts';
import { isSentAgain, retryOf } from './retry.ts';
import type { RunRegister } from './run-register.ts';

/** The parts of the dispatcher that calls in flight work with. */
export interface CallsContext {
  readonly roster: BackendRoster;
  readonly register: RunRegister;
  readonly ranking: Ranking;
  readonly prewarmer: Prewarmer;
  readonly speeds: Speeds;
  readonly loans: Loans;
}

/** What a call got and since when. */
interface Begun {
  readonly endpoint: Endpoint;
  /** Epoch ms: before now where the call runs on a lent slot and is reported late. */
  readonly at: number;
  readonly loanId?: string;
}

export class CallsInFlight {
  /** Receives the effects; the dispatcher replaces it at each step. */
  effects: Effect[] = [];
  readonly #context: CallsContext;
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #calls = new Map<string, LiveCall>();
  readonly #timers: CallTimers;
  readonly #round: GrantRound;

  constructor(context: CallsContext, leaseMs: number) {
    this.#context = context;
    this.#backends = context.roster.all;
    this.#timers = new CallTimers(leaseMs);
    this.#round = new GrantRound(context.ranking, this.#grant);
  }

  get(callId: string): LiveCall | undefined {
    return this.#calls.get(callId);
  }

  /** Length of the leases that are granted from now on, ms. */
  set leaseMs(leaseMs: number) {
    this.#timers.leaseMs = leaseMs;
  }

  /** When the next wait or lease is due, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#timers.dueAt;
  }

  /** Admits a call to its backend's queue, or refuses it where its deadline cannot be met. */
  admit(request: CallRequest, backend: Backend, now: number): void {
    const call = this.#submitted(request, now);
    if (request.refuseIfLate) call.lostAt = this.#context.ranking.lostAt(call);
    if (call.lostAt <= now) return this.giveUp(call, now);
    this.#admitted(call, backend, now);
    this.#wait(call, backend, now);
  }

  /** Takes a call that began at `at` on a slot that was lent to its Worker, without a wait. */
  began(request: CallRequest, { loanId, endpoint: id, at }: OnLoan, now: number): void {
    const { roster, loans, ranking } = this.#context;
    const endpoint = roster.holder(request.backend, id, now);
    const backend = this.#backends.get(request.backend);
    if (!backend) return;
    const call = this.#submitted(request, at);
    this.#admitted(call, backend, at);
    call.expectedMs = ranking.expectedMs(call, backend);
    const begun = { endpoint, at, ...(loans.use(loanId) ? { loanId } : {}) };
    const lease = this.#begin(call, backend, begun, now);
    const known = { waitedMs: 0, rankMs: 0, boundMs: 0, coldMs: 0 };
    const found = { lent: true, ...known, endpointState: endpoint.state };
    this.effects.push(grantEffect(call, lease, found));
  }

  /** Restores a call that held a slot when the tenant's object stopped. */
  restore(request: CallRequest, lease: Lease, now: number): void {
    const call = this.#context.register.submit(request, lease.grantedAt);
    call.lease = lease;
    const holder = this.#backends.get(request.backend);
    if (holder) call.expectedMs = this.#context.ranking.expectedMs(call, holder);
    if (call.visit.servingSince === undefined) call.run.serve(call, lease.grantedAt);
    this.#calls.set(request.callId, call);
    this.#timers.setLease(call, lease);
    const endpoint = this.#context.roster.holder(request.backend, lease.endpoint, now);
    // Where the backend is not configured any more, it is there since its endpoint was asked for.
    const backend = this.#backends.get(request.backend);
    retakeSlots(call, backend, endpoint, lease.grantedAt, now);
  }

  /**
   * Ends an attempt; `again`: the call may return to the queue for another attempt. `at`: when it
   * ended, where that is reported late.
   */
  end(callId: string, result: CallResult, again: boolean, now: number, at = now): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    // The call is queued for a retry. A caller that does not ask for one never heard of it and
    // would not use its grant.
    if (!call.lease) return again ? undefined : this.cancel(callId, now);
    const endpoint = this.#release(call, 'ended', now, at);
    const backend = this.#backends.get(call.request.backend);
    const isMissed = endpoint && backend?.adapters.isMissed(call, endpoint, result, now);
    if (again && backend && (isMissed || isSentAgain(call, backend, result, now))) {
      return this.#waitAgain(call, backend, now, 0);
    }
    const after = seenByEndpoint(call, endpoint, result, now, this.effects);
    const retry = again && backend ? retryOf(call, backend, result, after, now) : undefined;
    if (retry && backend) return this.#waitAgain(call, backend, now, retry.pauseMs);
    const record = recordOf(call.request, result);
    if (backend) seenByBackend(call, backend, endpoint, result, record, this.#context.ranking);
    if (record) this.#context.register.answered(call, result);
    this.#settle(call, record, at);
  }

  /** `at`: when its client left, where that is reported late. */
  cancel(callId: string, now: number, at = now): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    if (call.lease) this.#release(call, 'cancelled', now, at);
    else this.#backends.get(call.request.backend)?.dequeue(call, now);
    this.#settle(call, undefined, at);
  }

  renew(callId: string, now: number): void {
    const call = this.#calls.get(callId);
    if (call?.lease) this.#timers.renewLease(call, call.lease, now);
  }

  /** Takes back the slots of expired leases. Returns the calls whose longest wait is over. */
  expire(now: number): LiveCall[] {
    const overdue: LiveCall[] = [];
    for (let call = this.#timers.nextExpired(now); call; call = this.#timers.nextExpired(now)) {
      if (!call.lease) {
        overdue.push(call);
        continue;
      }
      this.#release(call, 'expired', now);
      this.#settle(call, undefined, now);
    }
    return overdue;
  }

  /**
   * Grants the backend's free slots. If the backend is down and has a fallback, refuses all its
   * waiting calls so that they go there. Returns true where a call waits beside a free slot,
   * because the endpoints that have one failed it.
   */
  dispatch(backend: Backend, now: number): boolean {
    const isLeft = this.#round.grantFree(backend, now);
    this.#context.prewarmer.loads.forWaiting(backend, now, this.effects);
    if (backend.spec.failover) this.#refuseWhereDown(backend, now);
    return isLeft;
  }

  /** Where the backend is down for a key, its calls go to the fallback. */
  #refuseWhereDown(backend: Backend, now: number): void {
    const keys = [...backend.queue.keys].filter((key) => backend.choice.isDown(now, key));
    if (keys.length === 0) return;
    for (const call of [...backend.queue.calls()]) {
      if (!keys.includes(keyOf(call))) continue;
      backend.dequeue(call, now);
      this.refuse(call, 'backend_down', 1_000, now);
    }
  }

  /** Refuses a call whose longest wait is over or whose deadline cannot be met any more. */
  giveUp(call: LiveCall, now: number): void {
    // The same step may have refused the call already.
    if (this.#calls.get(call.request.callId) !== call) return;
    const backend = this.#backends.get(call.request.backend);
    backend?.dequeue(call, now);
    const waitEndCode = backend?.pool.isComing ? 'backend_warming' : 'queue_timeout';
    const code = call.lostAt <= now ? 'deadline_unmeetable' : waitEndCode;
    this.refuse(call, code, backend?.waits.lastMs(now) ?? 0, now);
  }

  /** Refuses a call; the caller must have removed it from its queue. */
  refuse(call: LiveCall, code: RefusalCode, retryAfterMs: number, now: number): void {
    const { callId, backend } = call.request;
    const asked = { backend, app: call.run.app, keyId: keyOf(call) };
    this.effects.push({ type: 'refused', callId, code, retryAfterMs, ...asked });
    this.#settle(call, undefined, now);
  }

  /** Handles a clock that jumps back: timers must not fire late by the size of the jump. */
  clockWentBack(now: number): void {
    for (const call of this.#calls.values()) {
      const longestMs = this.#backends.get(call.request.backend)?.maxWaitMs(call.request) ?? 0;
      this.#timers.clockWentBack(call, longestMs, now);
    }
  }

  /** A call that had a slot returns to the queue. */
  #waitAgain(call: LiveCall, backend: Backend, now: number, pauseMs: number): void {
    call.lease = undefined;
    if (call.visit.outstanding === 1) call.run.serve(call, undefined);
    this.#wait(call, backend, now, pauseMs);
  }

  #wait(call: LiveCall, backend: Backend, now: number, pauseMs = 0): void {
    const { request } = call;
    call.expectedMs = this.#context.ranking.expectedMs(call, backend);
    call.told = undefined;
    backend.enqueue(call, now, now + pauseMs);
    // The wait counts from the first submission, so submitting again does not prolong it.
    const arrivedAt = Math.min(request.arrivedAt, now);
    if (backend.pool.isComing) call.coldSince = call.attempts === 0 ? arrivedAt : now;
    this.#timers.setWait(call, Math.min(call.lostAt, arrivedAt + backend.maxWaitMs(request)));
    this.#context.prewarmer.scheduleCheck(now);
  }

  /** Gives the call a slot and a lease, and says so. */
  readonly #grant: Grant = ({ call, key, promisedKey, urgent }, backend, endpoint, now) => {
    const { ranking } = this.#context;
    call.urgent = urgent;
    const lease = this.#begin(call, backend, { endpoint, at: now }, now);
    const rank = ranking.queueRank(call.run, key, promisedKey);
    const order = withHold(rank, call.run, call.placed.heldTo);
    // Excludes the cold start of an endpoint that gets calls while cold: that wait follows the grant.
    const { coldMs } = call;
    const endpointState = endpoint.state;
    this.effects.push(grantEffect(call, lease, { ...order, coldMs, endpointState }));
  };

  /** The only place in which a call gets a slot and a lease. */
  #begin(call: LiveCall, backend: Backend, { endpoint, at, loanId }: Begun, now: number): Lease {
    const { ranking, prewarmer } = this.#context;
    call.placed.expected = ranking.expectedService(call, backend, endpoint);
    takeSlots(call, backend, endpoint, now, at);
    call.attempts += 1;
    prewarmer.granted(backend, endpoint, call, now, this.effects);
    call.coldMs += coldWaitOf(call, endpoint);
    call.coldSince = undefined;
    const lease = this.#timers.beginLease(call, endpoint.spec.id, now, { at, loanId });
    call.lease = lease;
    call.concurrency = endpoint.slots.concurrency;
    if (call.visit.servingSince === undefined) call.run.serve(call, at);
    ranking.served(call, backend, {
      input: call.request.inputTokens - (call.placed.expected?.hitTokens ?? 0),
      output: 0,
    });
    return lease;
  }

  /** Takes the call's slot back; the only place that does. Undefined if its endpoint is gone. */
  #release(
    call: LiveCall,
    cause: 'ended' | 'cancelled' | 'expired',
    now: number,
    at = now,
  ): Endpoint | undefined {
    const { endpoint: id = '', loanId } = call.lease ?? {};
    const backend = this.#backends.get(call.request.backend);
    const endpoint = giveBackSlots(call, backend, now, at);
    if (loanId !== undefined) this.#context.loans.giveBack(loanId);
    if (backend) this.#context.roster.forgetIfDrained(backend, id);
    const { callId } = call.request;
    const held = { backend: call.request.backend, endpoint: id, app: call.run.app };
    const late = at < now ? { at } : {};
    this.effects.push({ type: 'released', callId, cause, ...held, ...late, keyId: keyOf(call) });
    return endpoint;
  }

  #submitted(request: CallRequest, at: number): LiveCall {
    const { register } = this.#context;
    const appBefore = register.find(request)?.app;
    const call = register.submit(request, at);
    this.#calls.set(request.callId, call);
    if (appBefore !== undefined && appBefore !== call.run.app) this.#rekey(call.run);
    return call;
  }

  #admitted(call: LiveCall, backend: Backend, at: number): void {
    const { ranking, prewarmer } = this.#context;
    prewarmer.submitted(call, at);
    ranking.callArriving(call.run.app, backend);
    backend.retries.earn();
  }

  #rekey(run: LiveRun): void {
    for (const backend of this.#backends.values()) backend.queue.rekey(run);
  }

  /** Completes a call, however it ended: its run is re-keyed in all queues, or ends. */
  #settle(call: LiveCall, record: CallRecord | undefined, now: number): void {
    const { register, prewarmer, speeds } = this.#context;
    const { run } = call;
    this.#calls.delete(call.request.callId);
    this.#timers.clear(call);
    const demand = record ? demandOf(record, speeds(call.request.backend)) : NO_DEMAND;
    run.settle(call, record, demand, now);
    this.#rekey(run);
    const ended = register.settled(call, now);
    if (ended) this.effects.push(ended);
    prewarmer.scheduleCheck(now);
  }
}
