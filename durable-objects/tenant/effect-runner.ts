/**
 * Carries out the dispatcher's effects: one exhaustive switch that turns them into answers, rows
 * and wake requests. It decides nothing; dispatch-loop.ts calls it after each step. The row of a grant
 * is written first (lease-writes.ts).
 */
import { addressOf } from '../../src/config/endpoint-address.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type { AdapterOrder, PingOrder, PrefixOrder } from '../../src/protocol/orders.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { CallCounters } from './call-counters.ts';
import { writeTimes } from './call-times.ts';
import type { LeaseWrites } from './lease-writes.ts';
import type { PendingBatch } from './pending-batch.ts';
import type { WakeRecord } from './prewarm-store.ts';
import { refusal } from './refusal.ts';
import type { TenantStore } from './tenant-store.ts';
import type { Waiters } from './waiters.ts';

export interface EffectContext {
  readonly store: TenantStore;
  readonly leases: LeaseWrites;
  readonly waiters: Waiters;
  readonly pending: PendingBatch;
  readonly accounting: CallAccounting;
  readonly counters: CallCounters;
  /** The configuration in force. */
  readonly config: () => TenantConfig | undefined;
  readonly call: (callId: string) => LiveCall | undefined;
  /** Wakes or releases an endpoint; the request leaves only after what led to it is stored. */
  readonly wake: (ping: PingOrder) => void;
  readonly release: (order: PingOrder) => void;
  /** Asks an engine for its load. */
  readonly askLoad: (order: PingOrder) => void;
  readonly loadAdapter: (order: AdapterOrder) => void;
  readonly readPrefix: (order: PrefixOrder) => void;
  readonly stopRead: (order: PingOrder) => void;
  /** Tells an isolate that its loan is recalled or over. */
  readonly loanEnds: (effect: LoanEnd) => void;
}

type LoanEnd = Extract<Effect, { type: 'loan-recalled' | 'loan-over' }>;

export class EffectRunner {
  readonly #context: EffectContext;

  constructor(context: EffectContext) {
    this.#context = context;
  }

  /** Returns the calls whose grant could not be stored: they must not run, and end at once. */
  run(effects: readonly Effect[]): string[] {
    const { accounting, counters, leases } = this.#context;
    const unsaved: string[] = [];
    for (const effect of effects) {
      const call = 'callId' in effect ? this.#context.call(effect.callId) : undefined;
      if ('callId' in effect) accounting.observe(effect, call, Date.now());
      const isSaved = effect.type !== 'granted' || leases.granted(effect, call);
      if (isSaved) {
        counters.effect(effect, call);
        this.#run(effect);
      } else unsaved.push(effect.callId);
    }
    return unsaved;
  }

  #run(effect: Effect): void {
    const { waiters, pending, accounting } = this.#context;
    switch (effect.type) {
      case 'granted':
        return this.#grant(effect);
      case 'refused':
        return waiters.resolve(
          effect.callId,
          refusal(
            effect.code,
            effect.retryAfterMs,
            accounting.log.facts(effect.callId),
            effect.limit,
          ),
        );
      case 'released':
        if (effect.cause === 'expired') waiters.delete(effect.callId);
        // A caller that asked again meanwhile must not get the grant that has ended.
        else waiters.forgetAnswer(effect.callId);
        return this.#context.store.leases.end(effect.callId);
      case 'wake':
        return this.#wake(effect);
      case 'over-budget':
        return pending.wakeSettled({ ...effect, outcome: 'over-budget', endedAt: effect.wake.at });
      case 'release':
        return this.#release(effect);
      case 'wake-settled':
        return pending.wakeSettled({ ...effect, endedAt: Date.now() });
      case 'order-answered':
      case 'lent':
      case 'loan-grown':
        // Its caller reads the effect itself.
        return;
      case 'loan-recalled':
      case 'loan-over':
        return this.#context.loanEnds(effect);
      case 'run-finished': {
        const { record, learned } = effect;
        const calls = accounting.log.times.take(effect.runId);
        const times = record && writeTimes(calls, record.arrival_ms);
        const finished = record && { record, learned, times, finishedAt: Date.now() };
        return pending.runEnded(effect.runId, finished);
      }
      case 'adapter-load':
        return this.#load(effect);
      case 'adapter-settled':
        return pending.wakeSettled(settledLoad(effect));
      case 'prefix-read':
        return this.#context.readPrefix(effect);
      case 'prefix-stop':
        return this.#context.stopRead(effect);
      case 'prefix-settled': {
        const { read, ...settled } = effect;
        return pending.wakeSettled({
          ...settled,
          wake: { ...read, cause: 'prefix' },
          endedAt: Date.now(),
        });
      }
      case 'slots-limited':
        console.warn(JSON.stringify({ event: 'slots_limited', ...effect }));
        return;
      case 'ask-load':
        return this.#context.askLoad({ backend: effect.backend, endpoint: effect.endpoint });
      default:
        return effect satisfies never;
    }
  }

  #wake(effect: Extract<Effect, { type: 'wake' }>): void {
    const { pending, wake } = this.#context;
    const { backend, endpoint, patienceMs, model } = effect;
    if (effect.dryRun) {
      return pending.wakeSettled({ ...effect, outcome: 'dry-run', endedAt: effect.wake.at });
    }
    // The wake's cost is stored before it is made: a restart must not spend a budget twice.
    if (effect.wake.cause !== 'demand') pending.dueAt = effect.wake.at;
    const needed = model === undefined ? {} : { model };
    wake({ backend, endpoint, patienceMs, wakeAt: effect.wake.at, ...needed });
  }

  #load(effect: Extract<Effect, { type: 'adapter-load' }>): void {
    const { pending, loadAdapter } = this.#context;
    const { backend, endpoint, load, dryRun, patienceMs, spare } = effect;
    const { adapter, source, at, unload } = load;
    if (dryRun) return pending.wakeSettled({ ...settledLoad(effect), outcome: 'dry-run' });
    // It is stored before it is made: a restart in the middle of it must know of it.
    pending.dueAt = at;
    const order = { backend, endpoint, adapter, source, loadAt: at };
    loadAdapter({ ...order, patienceMs, unload, spare });
  }

  #release(effect: Extract<Effect, { type: 'release' }>): void {
    const { backend, endpoint, at, reason, probability } = effect;
    const wake = { cause: 'release' as const, at, reason, probability };
    this.#context.pending.wakeSettled({
      backend,
      endpoint,
      wake,
      outcome: 'released',
      endedAt: at,
    });
    this.#context.release({ backend, endpoint });
  }

  #grant(granted: Granted): void {
    const { waiters, accounting } = this.#context;
    const { callId, backend, endpoint } = granted;
    const config = this.#context.config();
    const address = config && addressOf(config, backend, endpoint);
    if (!address) return;
    const facts = accounting.log.facts(callId);
    const { expiresAt, leaseMs, waitedMs, coldMs, rankMs, boundMs, endpointState } = granted;
    const { heldMs, prefixTokens, adapter, keepPrefix } = granted;
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
      ...(heldMs === undefined ? {} : { heldMs }),
      ...(prefixTokens === undefined ? {} : { prefixTokens }),
      ...(adapter === undefined ? {} : { adapter }),
      ...(keepPrefix === undefined ? {} : { keepPrefix }),
      ...(endpointState === undefined ? {} : { endpointState }),
      ...(facts ? { facts } : {}),
    });
  }
}

/** A load of an adapter as it is recorded among the wakes. */
function settledLoad({
  backend,
  endpoint,
  load,
  ...effect
}: Extract<Effect, { type: 'adapter-load' | 'adapter-settled' }>): WakeRecord {
  const { at, probability, cause } = load;
  const reason = `${load.adapter}: ${load.reason}`;
  const wake = { cause: LOAD_CAUSES[cause], at, probability, reason };
  const outcome = effect.type === 'adapter-settled' ? effect.outcome : 'dry-run';
  return { backend, endpoint, wake, outcome, endedAt: Date.now() };
}

const LOAD_CAUSES = { demand: 'adapter', prewarm: 'adapter-prewarm' } as const;
