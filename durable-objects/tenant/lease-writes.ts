/**
 * Stores leases as calls are granted, renewed, or run on without their loan, and says what becomes of a
 * lease whose row could not be written. The rows are in lease-rows.ts.
 */
import type { Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { Lease } from '../../src/core/runs/lease.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { CallCounters } from './call-counters.ts';
import type { TenantStore } from './tenant-store.ts';
import type { Waiters } from './waiters.ts';

export interface LeaseWritesContext {
  readonly store: TenantStore;
  readonly waiters: Waiters;
  readonly accounting: CallAccounting;
  readonly counters: CallCounters;
}

export class LeaseWrites {
  readonly #context: LeaseWritesContext;

  constructor(context: LeaseWritesContext) {
    this.#context = context;
  }

  /**
   * Stores the lease of a call that was granted a slot. False where its row could not be written: the
   * caller is told to ask again, and the call must not run.
   */
  granted({ callId, repeated, lent }: Granted, call: LiveCall | undefined): boolean {
    if (!call?.lease) return true;
    if (lent) {
      // The row of a loan stands for the calls on its slots until it is returned.
      if (call.lease.loanId === undefined) this.outlivesLoan(call);
      return true;
    }
    if (repeated) {
      this.renewed(callId, call.lease);
      return true;
    }
    if (this.#save(call, call.lease)) return true;
    const { waiters, accounting } = this.#context;
    waiters.fail(callId, new Error('the lease could not be stored'));
    accounting.refund(callId, Date.now());
    return false;
  }

  /**
   * Stores the lease of a call that runs on, as its loan is over; it counts even if that fails. False
   * where it does.
   */
  outlivesLoan(call: LiveCall): boolean {
    return !call.lease || this.#save(call, call.lease);
  }

  /**
   * Stores that a lease was renewed. It is renewed in memory even if that fails; the next renewal tries
   * to store it again.
   */
  renewed(callId: string, { expiresAt }: Lease): void {
    this.#write('renewal', () => this.#context.store.leases.renew(callId, expiresAt));
  }

  #save({ request }: LiveCall, lease: Lease): boolean {
    return this.#write('lease', () => this.#context.store.leases.save(request, lease));
  }

  /** Counts a write; one that fails is logged. False where it does. */
  #write(what: 'lease' | 'renewal', write: () => void): boolean {
    const { counters } = this.#context;
    try {
      write();
      counters.wrote(what, true);
      return true;
    } catch (error) {
      counters.wrote(what, false);
      logFailure(what === 'lease' ? 'lease_not_saved' : 'renewal_not_saved', error);
      return false;
    }
  }
}
