/**
 * What the dispatcher wants done, done: one exhaustive switch from its effects to answers, rows and
 * wake calls. Nothing is decided here.
 */

import { addressOf } from '../../src/config/endpoint-address.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { Lease } from '../../src/core/runs/lease.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type { PingOrder } from '../../src/protocol/tenant.ts';
import type { FrontDesk } from './call-accounting.ts';
import type { PendingBatch } from './pending-batch.ts';
import { refusal } from './refusal.ts';
import type { TenantStore } from './tenant-store.ts';
import type { Waiters } from './waiters.ts';

export interface EffectPlace {
  readonly store: TenantStore;
  readonly waiters: Waiters;
  readonly pending: PendingBatch;
  readonly desk: FrontDesk;
  /** The configuration in force. */
  readonly config: () => TenantConfig | undefined;
  readonly call: (callId: string) => LiveCall | undefined;
  /** Wakes an endpoint, or has it go cold, once what led to it is stored. */
  readonly wake: (ping: PingOrder) => void;
  readonly release: (order: PingOrder) => void;
}

export class Effects {
  readonly #place: EffectPlace;

  constructor(place: EffectPlace) {
    this.#place = place;
  }

  /** Answers the calls whose grant could not be made durable: they must not run, and end at once. */
  perform(effects: readonly Effect[]): string[] {
    const undurable: string[] = [];
    for (const effect of effects) {
      if ('callId' in effect) {
        this.#place.desk.note(effect, this.#place.call(effect.callId), Date.now());
      }
      const durable = effect.type !== 'granted' || this.#makeDurable(effect);
      if (durable) this.#do(effect);
      else undurable.push(effect.callId);
    }
    return undurable;
  }

  #do(effect: Effect): void {
    const { waiters, pending, desk } = this.#place;
    switch (effect.type) {
      case 'granted':
        return this.#grant(effect);
      case 'refused':
        return waiters.resolve(
          effect.callId,
          refusal(effect.code, effect.retryAfterMs, desk.stories.facts(effect.callId)),
        );
      case 'released':
        if (effect.cause === 'expired') waiters.delete(effect.callId);
        // Whoever asked again meanwhile must not be told of the grant that is over.
        else waiters.forgetAnswer(effect.callId);
        return this.#deleteLease(effect.callId);
      case 'wake':
        return this.#wake(effect);
      case 'over-budget':
        return pending.wakeEnded({ ...effect, outcome: 'over-budget', endedAt: effect.wake.at });
      case 'release':
        return this.#release(effect);
      case 'wake-ended':
        return pending.wakeEnded({ ...effect, endedAt: Date.now() });
      case 'run-finished': {
        const { record, learned } = effect;
        const finished = record && { record, learned, finishedAt: Date.now() };
        return pending.runEnded(effect.runId, finished);
      }
      default:
        return effect satisfies never;
    }
  }

  #wake(effect: Extract<Effect, { type: 'wake' }>): void {
    const { pending, wake } = this.#place;
    const { backend, endpoint, patienceMs } = effect;
    if (effect.dryRun) {
      return pending.wakeEnded({ ...effect, outcome: 'dry-run', endedAt: effect.wake.at });
    }
    // What it may cost is stored before it is made: a restart must not spend a budget twice.
    if (effect.wake.cause !== 'demand') pending.dueAt = effect.wake.at;
    wake({ backend, endpoint, patienceMs });
  }

  #release(effect: Extract<Effect, { type: 'release' }>): void {
    const { backend, endpoint, at, reason, probability } = effect;
    const wake = { cause: 'release' as const, at, reason, probability };
    this.#place.pending.wakeEnded({ backend, endpoint, wake, outcome: 'released', endedAt: at });
    this.#place.release({ backend, endpoint });
  }

  /** False where the lease's row could not be written: the caller is told to ask again. */
  #makeDurable({ callId, repeated }: Granted): boolean {
    const { store, waiters, pending, desk } = this.#place;
    const call = this.#place.call(callId);
    if (!call?.lease) return true;
    if (repeated) {
      this.renewed(callId, call.lease);
      return true;
    }
    try {
      pending.deleteLeft(store);
      store.saveLease(call.request, call.lease);
    } catch (error) {
      console.error(JSON.stringify({ event: 'lease_not_saved', error: String(error) }));
      waiters.fail(callId, new Error('the lease could not be stored'));
      desk.undone(callId, Date.now());
      return false;
    }
    pending.leaseSaved(callId);
    return true;
  }

  /** Writes down that a lease was renewed. */
  renewed(callId: string, { expiresAt }: Lease): void {
    try {
      this.#place.store.renewLease(callId, expiresAt);
    } catch (error) {
      // It is renewed as long as this object lives; the next renewal tries again.
      console.error(JSON.stringify({ event: 'renewal_not_saved', error: String(error) }));
    }
  }

  /** A row that stays is deleted before the next grant, or with the next batch. */
  #deleteLease(callId: string): void {
    try {
      this.#place.store.deleteLease(callId);
    } catch (error) {
      console.error(JSON.stringify({ event: 'lease_not_deleted', error: String(error) }));
      this.#place.pending.leaseLeft(callId);
    }
  }

  #grant(granted: Granted): void {
    const { waiters, desk } = this.#place;
    const { callId, backend, endpoint } = granted;
    const config = this.#place.config();
    const address = config && addressOf(config, backend, endpoint);
    if (!address) return;
    const facts = desk.stories.facts(callId);
    const { expiresAt, leaseMs, waitedMs, coldMs, rankMs, boundMs, endpointState } = granted;
    waiters.resolve(callId, {
      status: 'granted',
      endpoint,
      address,
      expiresAt,
      waitedMs,
      coldMs,
      rankMs,
      leaseMs,
      ...(boundMs === undefined ? {} : { boundMs }),
      ...(endpointState === undefined ? {} : { endpointState }),
      ...(facts ? { facts } : {}),
    });
  }
}
