/**
 * The calls that wait or hold a slot, from submission to end: the only place that grants and takes
 * back slots, each exactly once. Reports what it does with a call as effects. Timers are in
 * call-timers.ts, the order of waiting calls in ranking.ts.
 *
 * Invariants: an endpoint never has calls for more sequences than it has slots, but for one call that
 * asks for more and is alone there; a call has at most one lease at a time; every call is granted,
 * refused or cancelled; every lease ends.
 */

import type { Backend } from '../backends/backend.ts';
import type { BackendRoster } from '../backends/backend-roster.ts';
import type { AfterRefusal, Endpoint } from '../backends/endpoint.ts';
import type { NextCall, QueueState } from '../order/waiting-queue.ts';
import { coldWaitOf, type Prewarmer } from '../prewarm/prewarmer.ts';
import { type CallRequest, sequencesOf } from '../runs/call-request.ts';
import { type CallResult, recordOf } from '../runs/call-result.ts';
import { demandOf, NO_DEMAND, type Speeds } from '../runs/demand.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { CallRecord } from '../runs/recorded-run.ts';
import { CallTimers } from './call-timers.ts';
import type { Effect, RefusalCode } from './dispatch-events.ts';
import { grantEffect } from './grant-effect.ts';
import { withHold } from './queue-rank.ts';
import type { Ranking } from './ranking.ts';
import { isSentAgain, retryOf } from './retry.ts';
import type { RunRegister } from './run-register.ts';
import { slotEffects } from './slots-limited.ts';
import { WideCalls } from './wide-calls.ts';

/** The parts of the dispatcher that calls in flight work with. */
export interface CallsContext {
  readonly roster: BackendRoster;
  readonly register: RunRegister;
  readonly ranking: Ranking;
  readonly prewarmer: Prewarmer;
  readonly speeds: Speeds;
}

type Caller = Parameters<Endpoint['observe']>[3];

export class CallsInFlight {
  /** Receives the effects; the dispatcher replaces it at each step. */
  effects: Effect[] = [];
  /** Length of the leases that are granted from now on, ms. */
  leaseMs: number;
  readonly #context: CallsContext;
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #calls = new Map<string, LiveCall>();
  readonly #timers = new CallTimers();

  constructor(context: CallsContext, leaseMs: number) {
    this.#context = context;
    this.#backends = context.roster.all;
    this.leaseMs = leaseMs;
  }

  get(callId: string): LiveCall | undefined {
    return this.#calls.get(callId);
  }

  /** When the next wait or lease is due, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#timers.dueAt;
  }

  /** Admits a call to its backend's queue, or refuses it where its deadline cannot be met. */
  admit(request: CallRequest, backend: Backend, now: number): void {
    const { register, ranking, prewarmer } = this.#context;
    const appBefore = register.find(request)?.app;
    const call = register.submit(request, now);
    this.#calls.set(request.callId, call);
    if (appBefore !== undefined && appBefore !== call.run.app) this.#rekey(call.run);
    if (request.refuseIfLate) call.lostAt = ranking.lostAt(call);
    if (call.lostAt <= now) return this.giveUp(call, now);
    prewarmer.submitted(call, now);
    ranking.callArriving(call.run.app, backend);
    backend.retries.earn();
    this.#wait(call, backend, now);
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
    endpoint.slots.take(sequencesOf(request));
    call.slots = slotsOf(call, endpoint);
    const backend = this.#backends.get(request.backend);
    backend?.granted(call, endpoint, now);
    backend?.shares.granted(keyOf(call), lease.grantedAt, call.slots);
  }

  /** Ends an attempt; `again`: the call may return to the queue for another attempt. */
  end(callId: string, result: CallResult, again: boolean, now: number): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    // The call is queued for a retry. A caller that does not ask for one never heard of it and
    // would not use its grant.
    if (!call.lease) return again ? undefined : this.cancel(callId, now);
    const { endpoint: id, grantedAt } = call.lease;
    const endpoint = this.#release(call, 'ended', now);
    const caller = { key: keyOf(call), callId, sequences: sequencesOf(call.request) };
    const backend = this.#backends.get(call.request.backend);
    const isMissed = endpoint && backend?.adapters.isMissed(call, endpoint, result, now);
    if (again && backend && (isMissed || isSentAgain(call, backend, result, now))) {
      return this.#waitAgain(call, backend, now, 0);
    }
    const after = endpoint
      ? this.#observed(call, endpoint, result, { ...caller, grantedAt, id }, now)
      : refusalAtGoneEndpoint(result);
    const retry = again && backend ? retryOf(call, backend, result, after, now) : undefined;
    if (retry && backend) return this.#waitAgain(call, backend, now, retry.pauseMs);
    // The slot is already free, but this call still counts for the concurrency at its end.
    const loadAtEnd = (endpoint?.slots.concurrency ?? 0) + call.slots;
    backend?.observe(result, call, id, (call.concurrency + loadAtEnd) / 2);
    const record = recordOf(call.request, result);
    if (backend && record) {
      const { output } = demandOf(record, backend.speed.value);
      this.#context.ranking.served(call, backend, { input: 0, output });
    }
    if (record) this.#context.register.answered(call, result);
    this.#settle(call, record, now);
  }

  /** Lets the endpoint learn from an attempt; answers what a refusal means. */
  #observed(
    call: LiveCall,
    endpoint: Endpoint,
    result: CallResult,
    { grantedAt, id, ...caller }: Caller & { readonly grantedAt: number; readonly id: string },
    now: number,
  ): AfterRefusal | undefined {
    const { backend } = call.request;
    const { usable } = endpoint.slots;
    const after = endpoint.observe(seenBy(call, result), grantedAt, now, caller);
    this.effects.push(...slotEffects(backend, endpoint, usable));
    if (result.outcome === 'ok' && endpoint.slots.isLoadDue(now)) {
      this.effects.push({ type: 'ask-load', backend, endpoint: id });
    }
    return after;
  }

  cancel(callId: string, now: number): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    if (call.lease) this.#release(call, 'cancelled', now);
    else this.#backends.get(call.request.backend)?.dequeue(call, now);
    this.#settle(call, undefined, now);
  }

  renew(callId: string, now: number): void {
    const call = this.#calls.get(callId);
    if (!call?.lease) return;
    call.lease.expiresAt = now + call.lease.lengthMs;
    this.#timers.setLease(call, call.lease);
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
    const left: LiveCall[] = [];
    backend.endPauses(now);
    for (const call of backend.adapters.review(now)) backend.enqueue(call, now);
    backend.choice.beginRound(now);
    const wide = new WideCalls();
    const { heldBack } = backend;
    for (let call = heldBack.expired(now); call; call = heldBack.expired(now)) {
      backend.unhold(call, now);
    }
    this.#grantFree(backend, left, wide, now);
    if (heldBack.size > 0 && backend.choice.hasFree(now)) {
      // No other call wants the slots that are free: those that are held back are placed anew.
      for (const call of backend.queue.heldCalls()) backend.unhold(call, now);
      this.#grantFree(backend, left, wide, now);
    }
    if (heldBack.size > 0) heldBack.slotIsFree(backend.choice.hasFree(now), now);
    for (const call of left) backend.queue.add(call);
    wide.putBack(backend.queue);
    backend.choice.endRound((key, slotMs) => backend.shares.charge(key, slotMs));
    this.#context.prewarmer.loads.forWaiting(backend, now, this.effects);
    if (backend.spec.failover) this.#refuseWhereDown(backend, now);
    return left.length > 0;
  }

  /** Grants free slots in the queue's order; `left`: calls that no endpoint takes now. */
  #grantFree(backend: Backend, left: LiveCall[], wide: WideCalls, now: number): void {
    while (backend.queue.size > 0) {
      const { slots, urgentRunning } = backend;
      const isOpen = (endpoint: string) => backend.choice.isOpen(endpoint, now);
      const turns = turnsOf(backend, isOpen, now);
      const isFull = !backend.choice.hasRoom;
      const next = backend.queue.take({ now, slots, urgentRunning, ...turns, isOpen, isFull });
      if (!next) return;
      if (!wide.letsPass(next)) return backend.queue.addBack(next);
      const { call } = next;
      backend.heldBack.release(call, now);
      if (this.#isTooWide(next, backend, wide, now)) continue;
      this.#place(next, backend, left, now);
    }
  }

  /** Grants a call that was taken from the queue, holds it back, or leaves it. */
  #place(next: NextCall, backend: Backend, left: LiveCall[], now: number): void {
    const { call, key } = next;
    const mayHold = !next.urgent && call.attempts === 0 && call.placed.heldUntil > now;
    const placed = backend.placement.place(call, key, mayHold, now);
    if (placed?.type === 'hold') {
      call.placed.heldUntil = Math.min(call.placed.heldUntil, placed.until);
      return backend.hold(next, placed.endpoint.spec.id, now);
    }
    if (placed?.type === 'load') return backend.adapters.park(call, now);
    const best = placed?.endpoint;
    const isAvoided = best && call.avoid?.has(best.spec.id);
    const hasOther = isAvoided && backend.choice.hasOther(call.avoid ?? NONE, now, keyOf(call));
    if (!best || hasOther) left.push(call);
    else this.#grant(next, backend, best, now);
  }

  /** Holds a call that no endpoint has room for although one has a free slot. */
  #isTooWide(next: NextCall, backend: Backend, wide: WideCalls, now: number): boolean {
    const { call, key, promisedKey } = next;
    const sequences = sequencesOf(call.request);
    if (sequences === 1 || backend.choice.pick(now, call.avoid, keyOf(call), sequences))
      return false;
    const narrow = backend.choice.pick(now, call.avoid, keyOf(call));
    if (!narrow || call.avoid?.has(narrow.spec.id)) return false;
    backend.choice.keepFor(call, now);
    wide.hold(next, this.#context.ranking.queueRank(call.run, key, promisedKey).boundMs);
    return true;
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

  #grant(
    { call, key, promisedKey, urgent }: NextCall,
    backend: Backend,
    endpoint: Endpoint,
    now: number,
  ): void {
    const { ranking, prewarmer } = this.#context;
    endpoint.granted(now, keyOf(call), sequencesOf(call.request));
    call.slots = slotsOf(call, endpoint);
    call.placed.expected = ranking.expectedService(call, backend, endpoint);
    backend.granted(call, endpoint, now);
    backend.shares.granted(keyOf(call), now, call.slots);
    call.urgent = urgent;
    call.attempts += 1;
    if (urgent) backend.urgentRunning += call.slots;
    prewarmer.granted(backend, endpoint, call, now, this.effects);
    call.coldMs += coldWaitOf(call, endpoint);
    call.coldSince = undefined;
    const lengthMs = this.leaseMs;
    const id = endpoint.spec.id;
    const lease: Lease = { endpoint: id, grantedAt: now, lengthMs, expiresAt: now + lengthMs };
    call.lease = lease;
    call.concurrency = endpoint.slots.concurrency;
    if (call.visit.servingSince === undefined) call.run.serve(call, now);
    this.#timers.setLease(call, lease);
    ranking.served(call, backend, {
      input: call.request.inputTokens - (call.placed.expected?.hitTokens ?? 0),
      output: 0,
    });
    const rank = ranking.queueRank(call.run, key, promisedKey);
    const order = withHold(rank, call.run, call.placed.heldTo);
    // Excludes the cold start of an endpoint that gets calls while cold: that wait follows the
    // grant.
    const { coldMs } = call;
    const endpointState = endpoint.state;
    this.effects.push(grantEffect(call, lease, { ...order, coldMs, endpointState }));
  }

  /** Takes the call's slot back; the only place that does. Undefined if its endpoint is gone. */
  #release(
    call: LiveCall,
    cause: 'ended' | 'cancelled' | 'expired',
    now: number,
  ): Endpoint | undefined {
    const id = call.lease?.endpoint ?? '';
    const backend = this.#backends.get(call.request.backend);
    const endpoint = backend?.endpoints.get(id);
    const grantedAt = call.lease?.grantedAt ?? now;
    endpoint?.released(now, grantedAt, keyOf(call), sequencesOf(call.request));
    backend?.released(call);
    backend?.shares.released(keyOf(call), grantedAt, now, call.slots);
    if (backend && call.urgent) backend.urgentRunning -= call.slots;
    if (backend) this.#context.roster.forgetIfDrained(backend, id);
    const { callId } = call.request;
    const held = { backend: call.request.backend, endpoint: id, app: call.run.app };
    this.effects.push({ type: 'released', callId, cause, ...held, keyId: keyOf(call) });
    return endpoint;
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

const NONE: ReadonlySet<string> = new Set();

/** The result as far as it concerns the endpoint: one that does not know an adapter is up. */
function seenBy({ placed }: LiveCall, result: CallResult): CallResult {
  return placed.adapter === undefined ? result : { ...result, mayBeCold: false };
}

function refusalAtGoneEndpoint({ cold, busy }: CallResult): AfterRefusal | undefined {
  return cold || busy ? 'pause' : undefined;
}

function keyOf(call: LiveCall): string {
  return call.request.keyId ?? '';
}

/** Slots of an endpoint that a call takes there. */
function slotsOf({ request }: LiveCall, { spec }: Endpoint): number {
  return Math.max(1, Math.min(sequencesOf(request), spec.slots));
}

/** Which keys may take a free slot: those that some endpoint accepts, within their fair share. */
function turnsOf(
  backend: Backend,
  isOpen: (endpoint: string) => boolean,
  now: number,
): Pick<QueueState, 'mayTake' | 'turns'> {
  const { shares } = backend;
  const isShared = shares.isShared(now, backend.choice.barredKeys(now));
  const slots = isShared ? backend.pool.upSlots(now) : Infinity;
  const accepts = (key: string) =>
    backend.queue.wantsSlot(key, isOpen) && backend.choice.pick(now, undefined, key) !== undefined;
  if (slots === Infinity) return { mayTake: accepts };
  return {
    mayTake: (key) => {
      if (!accepts(key)) return false;
      const free = () => backend.freeSlots(now, key);
      return shares.mayTake(key, now, { slots, free, accepts });
    },
    turns: {
      mostUsedMs: () => shares.mostUsedMs(now, accepts),
      usedMs: (key) => shares.usedMs(key, now),
    },
  };
}
