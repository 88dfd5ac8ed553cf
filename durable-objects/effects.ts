/**
 * What the dispatcher wants done, done: one exhaustive switch from its effects to answers, rows and
 * wake calls. Nothing is decided here.
 */
import type { TenantConfig } from '../src/config/schema.ts';
import type { Effect, Granted } from '../src/core/dispatch-events.ts';
import type { LiveCall } from '../src/core/live-run.ts';
import { addressOf } from '../src/endpoints/target.ts';
import type { PingOrder } from '../src/protocol.ts';
import type { FrontDesk } from './front-desk.ts';
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
  /** Wakes an endpoint from the object itself. */
  readonly wake: (ping: PingOrder) => void;
}

export class Effects {
  readonly #place: EffectPlace;

  constructor(place: EffectPlace) {
    this.#place = place;
  }

  /** Wake calls are put into `pings` where these are given: the caller sends them. */
  perform(effects: readonly Effect[], pings?: PingOrder[]): void {
    for (const effect of effects) {
      if ('callId' in effect) {
        this.#place.desk.note(effect, this.#place.call(effect.callId), Date.now());
      }
      this.#do(effect, pings);
    }
  }

  #do(effect: Effect, pings: PingOrder[] | undefined): void {
    const { store, waiters, pending, desk, wake } = this.#place;
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
        return store.deleteLease(effect.callId);
      case 'wake': {
        const { backend, endpoint, dryRun } = effect;
        if (dryRun) {
          const endedAt = effect.wake.at;
          return pending.wakeEnded({ ...effect, outcome: 'dry-run', endedAt });
        }
        if (pings) pings.push({ backend, endpoint });
        else wake({ backend, endpoint });
        return;
      }
      case 'release':
        // No endpoint is configured as releasable yet.
        return;
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

  #grant(granted: Granted): void {
    const { store, waiters, desk } = this.#place;
    const { callId, backend, endpoint } = granted;
    const call = this.#place.call(callId);
    const config = this.#place.config();
    if (!call?.lease || !config) return;
    store.saveLease(call.request, call.lease);
    const address = addressOf(config, backend, endpoint);
    // Only a lease from before a restart can be at an endpoint that is configured no more.
    if (!address) return waiters.resolve(callId, refusal('backend_removed'));
    const { leaseMs } = config;
    const facts = desk.stories.facts(callId);
    const { expiresAt, waitedMs, coldMs, rankMs, boundMs, endpointState } = granted;
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
