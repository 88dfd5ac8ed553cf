/**
 * Where a Worker asks for a slot for its call, waits for it, and reports how the call went: each request
 * becomes an event of the dispatcher, and each is idempotent by the call's id. It is the host of the
 * tickets; the callers that wait are in waiters.ts.
 */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type {
  Admission,
  CallResult,
  EnqueueRequest,
  Grant,
  Refusal,
} from '../../src/protocol/admission.ts';
import type { LoanTurn } from '../../src/protocol/loans.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { DispatchLoop } from './dispatch-loop.ts';
import type { Forecasts } from './forecasts.ts';
import type { LeaseWrites } from './lease-writes.ts';
import type { LentSlots } from './lent-slots.ts';
import { permitted } from './permitted-call.ts';
import { refusal } from './refusal.ts';
import type { TenantMetrics } from './tenant-metrics.ts';
import type { TenantSettings } from './tenant-settings.ts';
import type { TenantStore } from './tenant-store.ts';
import { Ticket, type TicketHost } from './ticket.ts';
import type { Waiters } from './waiters.ts';

/**
 * Time that a cancellation takes to reach the endpoint, ms. The slot is kept for so long, because a
 * new call must not reach the endpoint first.
 */
const CANCEL_GRACE_MS = 20;

/** The parts of the tenant's object that calls go through. */
export interface DeskContext {
  readonly settings: TenantSettings;
  readonly loop: DispatchLoop;
  readonly store: TenantStore;
  readonly waiters: Waiters;
  readonly leases: LeaseWrites;
  readonly accounting: CallAccounting;
  readonly metrics: TenantMetrics;
  readonly forecasts: Forecasts;
  readonly lent: LentSlots;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class CallDesk implements TicketHost {
  readonly #context: DeskContext;

  constructor(context: DeskContext) {
    this.#context = context;
  }

  /** Asks for a slot; answers at once. A queued caller then waits at `ticket.granted()`. */
  async enqueue(
    request: EnqueueRequest,
    told?: readonly LoanTurn[],
  ): Promise<Admission & { ticket?: Ticket }> {
    const { settings, metrics, accounting, waiters, loop, forecasts, lent } = this.#context;
    const { keyId, keyHash, version } = request;
    await settings.adoptFromKv(version);
    if (told) await lent.tell(told);
    const dispatcher = this.#dispatcher;
    const { config } = settings;
    if (!dispatcher || !config) return metrics.turnedAway(request, refusal('tenant_unconfigured'));
    if (settings.isRevoked(keyId, version, keyHash)) {
      return metrics.turnedAway(request, refusal('key_revoked'));
    }
    const permission = permitted(request, config, dispatcher.register);
    if ('status' in permission) return metrics.turnedAway(request, permission);
    const { call } = permission;
    const limited = accounting.charge({ ...request, call }, Date.now());
    if (limited) return metrics.turnedAway(request, limited);
    const ticket = new Ticket(this, call.callId);
    waiters.add(call.callId, ticket);
    await loop.step([{ type: 'submitted', call: { ...call, keyId } }]);
    const now = Date.now();
    if (forecasts.isDue(dispatcher, now)) {
      this.#context.waitUntil(forecasts.announce(now));
    }
    const answer = this.#answer(call.callId);
    if (answer?.status === 'granted') {
      const loan = await lent.lend(request, answer);
      return { ...answer, ...(loan ? { loan } : {}), ticket };
    }
    if (answer) {
      waiters.delete(call.callId);
      return answer;
    }
    return {
      status: 'queued',
      ...accounting.placeInQueue(dispatcher, call.callId),
      ticket,
    };
  }

  /**
   * Takes the report of a Worker that lost its ticket. Idempotent. The slot is free at once; the
   * answer comes when the lease's row is gone, some ms later: true where the loan `keepFor` has the slot.
   */
  async settle(
    callId: string,
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean> {
    const { waiters, accounting, loop, store, lent } = this.#context;
    if (told) await lent.tell(told);
    waiters.delete(callId);
    accounting.ended(callId, result, Date.now());
    const kept = keepFor === undefined ? {} : { keepFor };
    const effects = await loop.step([{ type: 'ended', callId, result, ...kept }]);
    const hasGrown = keepFor !== undefined && (await lent.grown(effects));
    await store.leases.over(callId);
    return hasGrown;
  }

  /**
   * Takes the report of an attempt that failed before anything reached the client. Answers true
   * where `waitFor` gives the next answer, a grant or a refusal.
   */
  async again(callId: string, result: CallResult): Promise<boolean> {
    const { accounting, loop, store, waiters } = this.#context;
    const dispatcher = this.#dispatcher;
    accounting.attemptEnded(callId, result);
    await loop.step([{ type: 'ended', callId, result, again: true }]);
    // The caller waits for this answer, so it is not held back for a grant that may follow.
    if (store.leases.hasRowOfEnded(callId)) loop.deleteEndedLeases('all');
    // The caller must still collect a refusal from the same step, or the failure that makes it ask
    // again where its next grant could not be stored.
    const hasAnswer = waiters.answer(callId) ?? waiters.failure(callId);
    if (hasAnswer || dispatcher?.call(callId)) return true;
    waiters.delete(callId);
    accounting.ended(callId, result, Date.now());
    return false;
  }

  /** Renews the lease of a live caller. Without a renewal for `leaseMs` the slot is taken back. */
  async renew(callId: string): Promise<void> {
    const { loop, leases } = this.#context;
    await loop.step([{ type: 'renewed', callId }]);
    const lease = this.#dispatcher?.call(callId)?.lease;
    if (lease) leases.renewed(callId, lease);
  }

  /** Ends a call whose client left. A Worker may report that before the ticket does. Idempotent. */
  async cancel(callId: string, told?: readonly LoanTurn[]): Promise<void> {
    const { waiters, accounting, loop, store, lent } = this.#context;
    if (told) await lent.tell(told);
    waiters.delete(callId);
    const hadSlot = this.#dispatcher?.call(callId)?.lease !== undefined;
    accounting.cancelled(callId, hadSlot, Date.now());
    await loop.step([{ type: 'cancelled', callId }]);
    await store.leases.over(callId);
  }

  async waitFor(callId: string): Promise<Grant | Refusal> {
    const { waiters } = this.#context;
    try {
      const answer = await (waiters.wait(callId) ?? refusal('queue_timeout'));
      if (answer.status === 'refused') waiters.delete(callId);
      return answer;
    } catch (error) {
      if (waiters.failure(callId) === error) waiters.delete(callId);
      throw error;
    }
  }

  where(callId: string): { position: number; etaMs: number } {
    const dispatcher = this.#dispatcher;
    if (!dispatcher || dispatcher.call(callId)?.lease) return { position: 0, etaMs: 0 };
    return this.#context.accounting.placeInQueue(dispatcher, callId);
  }

  abandon(callId: string, ticket: Ticket): void {
    if (!this.#context.waiters.owns(callId, ticket)) return;
    const runs = this.#dispatcher?.call(callId)?.lease !== undefined;
    this.#context.waitUntil(runs ? this.#cancelSoon(callId, ticket) : this.cancel(callId));
  }

  /**
   * Cancels a running call after a short delay: the endpoint learns of the Worker's end later than
   * this object does, and is busy until then.
   */
  async #cancelSoon(callId: string, ticket: Ticket): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    // A call that was submitted again meanwhile belongs to another ticket.
    if (this.#context.waiters.owns(callId, ticket)) await this.cancel(callId);
  }

  /**
   * The immediate answer to a submitted call; undefined while it waits. Throws where a grant could
   * not be stored, so that the Worker asks again.
   */
  #answer(callId: string): Grant | Refusal | undefined {
    const { waiters } = this.#context;
    const failure = waiters.failure(callId);
    if (!failure) return waiters.answer(callId);
    waiters.delete(callId);
    throw failure;
  }

  get #dispatcher(): Dispatcher | undefined {
    return this.#context.loop.dispatcher;
  }
}
