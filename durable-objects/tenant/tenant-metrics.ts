/**
 * The metrics of a tenant's object: what it has counted, what is stored, and how it is now. They are
 * given to whoever asks, and brought to the register (../metrics-push.ts).
 */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { OTHER_APP } from '../../src/metrics/app-labels.ts';
import type { EnqueueRequest } from '../../src/protocol/admission.ts';
import type { Figures } from '../../src/protocol/metrics.ts';
import { MetricsPush } from '../metrics-push.ts';
import { adapterMetrics } from './adapter-view.ts';
import { affinityMetrics } from './affinity-view.ts';
import { CallCounters } from './call-counters.ts';
import { keyMetrics } from './keys-view.ts';
import { prefixMetrics } from './prefix-view.ts';
import { prewarmMetrics } from './prewarm-view.ts';
import { queueMetrics } from './queue-metrics.ts';
import type { SideCalls } from './side-calls.ts';
import type { TenantStore } from './tenant-store.ts';

export interface MetricsContext {
  readonly register: DurableObjectNamespace;
  readonly tenant: string;
  readonly store: TenantStore;
  /** Undefined while the tenant is not configured. */
  readonly dispatcher: () => Dispatcher | undefined;
  readonly sideCalls: () => SideCalls;
  /** Writes what was learned and is not written yet. */
  readonly flush: () => void;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class TenantMetrics {
  readonly counters = new CallCounters(Date.now());
  readonly #context: MetricsContext;
  readonly #push: MetricsPush;

  constructor(context: MetricsContext) {
    this.#context = context;
    const { register, tenant, waitUntil } = context;
    const figures = (now: number) => this.#figures(now);
    this.#push = new MetricsPush({ register, tenant, of: 'tenant', figures, waitUntil });
  }

  /** Something was counted. */
  changed(): void {
    this.#push.changed();
  }

  /** Counts a request that is refused and was no call. */
  refused(keyId: string, code: string): void {
    this.counters.refused(keyId, code);
    this.changed();
  }

  /** Counts a call that is refused before the dispatcher knows of it; returns the refusal. */
  turnedAway<T extends { readonly code: string }>(request: EnqueueRequest, answer: T): T {
    const { keyId, call } = request;
    const { code } = answer;
    // An application that the key may not name is none of its own.
    const app = code === 'permission_denied' ? OTHER_APP : call.app;
    this.counters.refused(keyId, code, { backend: call.backend, app });
    this.changed();
    return answer;
  }

  /** As JSON text, at most a second old; undefined where the tenant is not configured. */
  text(): string | undefined {
    return this.#push.text(Date.now());
  }

  /** Forgets everything, since the tenant is deleted. */
  async forget(): Promise<void> {
    this.counters.clear(Date.now());
    await this.#push.forget();
  }

  #figures(now: number): Figures | undefined {
    const { store, flush } = this.#context;
    const dispatcher = this.#context.dispatcher();
    if (!dispatcher) return undefined;
    // The accounts are shown as they are stored: after a crash none goes back a little.
    flush();
    const { startedAt } = this.counters;
    const totals = store.prewarm.totals();
    return {
      startedAt,
      at: now,
      samples: {
        ...this.counters.samples(),
        ...prewarmMetrics(dispatcher, totals),
        ...adapterMetrics(dispatcher, totals),
        ...prefixMetrics(dispatcher, totals),
        ...affinityMetrics(dispatcher),
        ...queueMetrics(dispatcher, now),
        ...keyMetrics(dispatcher, this.#context.sideCalls()),
        talaria_object_start_time_seconds: [[[], startedAt / 1_000]],
        talaria_object_database_bytes: [[[], store.databaseBytes]],
      },
    };
  }
}
