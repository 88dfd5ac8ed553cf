/**
 * The slots that calls hold, each with a lease: the only place that grants and takes back slots, each
 * exactly once. Which call gets one is in grant-round.ts, what becomes of a call before and after it in
 * calls-in-flight.ts; the counts of slots are in held-slots.ts, when a lease expires in call-timers.ts.
 *
 * Invariants: an endpoint never has calls for more sequences than it has slots, but for one call that
 * asks for more and is alone there; a call has at most one lease at a time.
 */
import type { Backend } from '../backends/backend.ts';
import type { BackendRoster } from '../backends/backend-roster.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { NextCall } from '../order/waiting-queue.ts';
import { coldWaitOf, type Prewarmer } from '../prewarm/prewarmer.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { Begun, CallTimers } from './call-timers.ts';
import type { Effect } from './dispatch-events.ts';
import { grantEffect } from './grant-effect.ts';
import { giveBackSlots, keyOf, retakeSlots, takeSlots } from './held-slots.ts';
import type { OnLoan } from './loan-events.ts';
import type { Loans } from './loans.ts';
import { withHold } from './queue-rank.ts';
import type { Ranking } from './ranking.ts';

/** The parts of the dispatcher that leases work with. */
export interface LeasesContext {
  readonly roster: BackendRoster;
  readonly ranking: Ranking;
  readonly prewarmer: Prewarmer;
  readonly loans: Loans;
}

export class Leases {
  readonly #context: LeasesContext;
  readonly #timers: CallTimers;

  constructor(context: LeasesContext, timers: CallTimers) {
    this.#context = context;
    this.#timers = timers;
  }

  /** Gives a call that was taken from the queue a slot and a lease, and says so. */
  grant(
    { call, key, promisedKey, urgent }: NextCall,
    backend: Backend,
    endpoint: Endpoint,
    now: number,
    effects: Effect[],
  ): void {
    const { ranking } = this.#context;
    call.urgent = urgent;
    const begun = { at: now, loanId: undefined };
    const lease = this.#begin(call, backend, endpoint, begun, now, effects);
    const rank = ranking.queueRank(call.run, key, promisedKey);
    const order = withHold(rank, call.run, call.placed.heldTo);
    // Excludes the cold start of an endpoint that gets calls while cold: that wait follows the grant.
    const { coldMs } = call;
    const endpointState = endpoint.state;
    effects.push(grantEffect(call, lease, { ...order, coldMs, endpointState }));
  }

  /** The same for a call that has begun on a slot which was lent to its Worker, without a wait. */
  began(
    call: LiveCall,
    backend: Backend,
    endpoint: Endpoint,
    { loanId, at }: OnLoan,
    now: number,
    effects: Effect[],
  ): void {
    const begun = { at, loanId: this.#context.loans.use(loanId) ? loanId : undefined };
    const lease = this.#begin(call, backend, endpoint, begun, now, effects);
    const known = { waitedMs: 0, rankMs: 0, boundMs: 0, coldMs: 0 };
    const found = { lent: true, ...known, endpointState: endpoint.state };
    effects.push(grantEffect(call, lease, found));
  }

  /** The only place in which a call gets a slot and a lease. */
  #begin(
    call: LiveCall,
    backend: Backend,
    endpoint: Endpoint,
    begun: Begun,
    now: number,
    effects: Effect[],
  ): Lease {
    const { ranking, prewarmer } = this.#context;
    call.placed.expected = ranking.expectedService(call, backend, endpoint);
    takeSlots(call, backend, endpoint, now, begun.at);
    call.attempts += 1;
    prewarmer.granted(backend, endpoint, call, now, effects);
    call.coldMs += coldWaitOf(call, endpoint);
    call.coldSince = undefined;
    const lease = this.#timers.beginLease(call, endpoint.spec.id, begun, now);
    call.lease = lease;
    call.concurrency = endpoint.slots.concurrency;
    if (call.visit.servingSince === undefined) call.run.serve(call, begun.at);
    ranking.served(call, backend, {
      input: call.request.inputTokens - (call.placed.expected?.hitTokens ?? 0),
      output: 0,
    });
    return lease;
  }

  /** Restores the lease of a call that held a slot when the tenant's object stopped. */
  restore(call: LiveCall, lease: Lease, now: number): void {
    const { roster, ranking } = this.#context;
    const { backend: name } = call.request;
    call.lease = lease;
    const holder = roster.all.get(name);
    if (holder) call.expectedMs = ranking.expectedMs(call, holder);
    if (call.visit.servingSince === undefined) call.run.serve(call, lease.grantedAt);
    this.#timers.setLease(call, lease);
    const endpoint = roster.holder(name, lease.endpoint, now);
    // Where the backend is not configured any more, it is there since its endpoint was asked for.
    retakeSlots(call, roster.all.get(name), endpoint, lease.grantedAt, now);
  }

  /**
   * Takes the call's slot back; the only place that does. `at`: when it ended, where that is reported
   * late. Undefined if its endpoint is gone.
   */
  release(
    call: LiveCall,
    cause: 'ended' | 'cancelled' | 'expired',
    now: number,
    effects: Effect[],
    at = now,
  ): Endpoint | undefined {
    const { roster, loans } = this.#context;
    const { callId, backend: name } = call.request;
    const { endpoint: id = '', loanId } = call.lease ?? {};
    const backend = roster.all.get(name);
    const endpoint = giveBackSlots(call, backend, now, at);
    if (loanId !== undefined) loans.giveBack(loanId);
    if (backend) roster.forgetIfDrained(backend, id);
    const held = { backend: name, endpoint: id, app: call.run.app, keyId: keyOf(call) };
    const released = { type: 'released', callId, cause, ...held } as const;
    effects.push(at < now ? { ...released, at } : released);
    return endpoint;
  }
}
