/**
 * How a tenant's object is put together: its parts, which part is given which others, and what each
 * tells the rest. The methods of the object, which ask the parts, are in tenant.ts.
 */
import type { TenantConfig } from '../../src/config/schema.ts';
import type { DispatchEvent } from '../../src/core/dispatch/dispatch-events.ts';
import { CallAccounting } from './call-accounting.ts';
import { CallDesk } from './call-desk.ts';
import { Looking } from './console/looking.ts';
import { Steering } from './console/steering.ts';
import { DispatchLoop } from './dispatch-loop.ts';
import { EffectRunner } from './effect-runner.ts';
import { endpointRequests } from './endpoint-requests.ts';
import { Forecasts } from './forecasts.ts';
import { KeptPrefixes } from './kept-prefixes.ts';
import { KeyRequests } from './key-requests.ts';
import { LeaseWrites } from './lease-writes.ts';
import { LentSlots } from './lent-slots.ts';
import { PendingBatch } from './pending-batch.ts';
import type { PingContext } from './pings.ts';
import { TenantMetrics } from './tenant-metrics.ts';
import { TenantSettings } from './tenant-settings.ts';
import { TenantStore } from './tenant-store.ts';
import { Waiters } from './waiters.ts';

/** The parts that the object's methods ask. */
export interface TenantParts {
  readonly store: TenantStore;
  /** The configuration in force. */
  readonly settings: TenantSettings;
  /** Drives the dispatcher. */
  readonly loop: DispatchLoop;
  readonly accounting: CallAccounting;
  readonly metrics: TenantMetrics;
  /** Takes calls and reports of them. */
  readonly desk: CallDesk;
  readonly lent: LentSlots;
  readonly keyRequests: KeyRequests;
  readonly prefixes: KeptPrefixes;
  readonly forecasts: Forecasts;
  /** What the console sees, and what the administrator changes. */
  readonly looking: Looking;
  readonly steering: Steering;
}

/**
 * Makes the parts and restores what is stored of the tenant. `wakeAnswered` is called when a wake has
 * ended.
 */
export function tenantParts(
  ctx: DurableObjectState,
  env: Env,
  wakeAnswered: PingContext['wakeAnswered'],
): TenantParts {
  const tenant = ctx.id.name ?? '';
  const waitUntil = (promise: Promise<unknown>) => ctx.waitUntil(promise);
  const config = () => settings.config;
  const step = (events: readonly DispatchEvent[]) => loop.step(events);
  const store = new TenantStore(ctx.storage);
  const [waiters, pending] = [new Waiters(), new PendingBatch()];
  const forecasts = new Forecasts(env.DIRECTORY, tenant);
  const accounting = new CallAccounting((keyId) => settings.rateLimits(keyId));
  const metrics = new TenantMetrics({
    register: env.METRICS,
    tenant,
    store,
    dispatcher: () => loop.dispatcher,
    sideCalls: () => keyRequests.sideCalls,
    flush: () => {
      if (pending.dueAt < Infinity) loop.flush();
    },
    waitUntil,
  });
  const { counters } = metrics;
  const leases = new LeaseWrites({ store, waiters, accounting, counters });
  const effects = new EffectRunner({
    store,
    leases,
    waiters,
    pending,
    accounting,
    counters,
    config,
    call: (callId) => loop.dispatcher?.call(callId),
    ...endpointRequests({ env, tenant, config, waitUntil, store, step, wakeAnswered }),
    loanEnds: (effect) => lent.ends(effect),
  });
  const loop = new DispatchLoop({
    storage: ctx.storage,
    store,
    effects,
    pending,
    waiters,
    counters,
    onCounted: () => metrics.changed(),
    waitUntil,
    stepped: (events, done) => looking.stepped(events, done),
  });
  const onChange = (changed: TenantConfig) => {
    loop.configure(changed);
    waitUntil(prefixes.configured(changed));
    looking.stream.configured();
  };
  const settings = new TenantSettings({ store, env, tenant, onChange });
  const prefixes = new KeptPrefixes({ store, settings, loop });
  const lent = new LentSlots({ store, settings, accounting, loop, leases });
  const calls = { lent, settings, loop, store, waiters, leases, accounting, metrics, forecasts };
  const desk = new CallDesk({ ...calls, waitUntil });
  const keyRequests = new KeyRequests({ settings, accounting, loop, lent, metrics, waitUntil });
  const looking = new Looking({ state: ctx, store, settings, loop, log: accounting.log });
  const onRecorded = () => looking.stream.changed('audit');
  const steering = new Steering({ store, settings, loop, onRecorded });
  settings.restore();
  // Restored leases must expire even if no request ever comes again.
  waitUntil(loop.arm());
  return {
    ...{ store, settings, loop, accounting, metrics, desk, lent, keyRequests },
    ...{ prefixes, forecasts, looking, steering },
  };
}
