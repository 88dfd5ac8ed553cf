/**
 * The console's view of the present: backends, their lines and what runs. Only formatting. It is
 * made at most once a second, and only while a page looks at it.
 */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Endpoint } from '../../../src/core/backends/endpoint.ts';
import { takenBackAt } from '../../../src/core/dispatch/call-timers.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import type { DailyCounts } from '../../../src/core/prewarm/daily-accounts.ts';
import type { Lease } from '../../../src/core/runs/lease.ts';
import type { LiveCall, LiveRun } from '../../../src/core/runs/live-run.ts';
import {
  type BackendNow,
  type EndpointNow,
  LINE_SHOWN,
  type NowView,
  RUNNING_SHOWN,
  type RunningCall,
  type RunningRun,
  type SpendToday,
} from '../../../src/protocol/console/now.ts';
import { lastErrorOf, prewarmModeOf } from './endpoint-shown.ts';
import { linePage, type OrderShown } from './line-view.ts';

/** Calls shown of one running run. */
const CALLS_SHOWN = 20;
/** Least rows of each line, however many backends have one. */
const LEAST_ROWS = 20;

export interface NowSource {
  readonly dispatcher: Dispatcher;
  readonly order: OrderShown;
  readonly startedAt: number;
  readonly version: number;
  /** What a backend cost on the present day, as far as it is stored. */
  readonly storedToday: (backend: string) => DailyCounts | undefined;
  readonly now: number;
}

export function nowView(source: NowSource): NowView {
  const { dispatcher, order, startedAt, version, now } = source;
  const backends = [...dispatcher.backends.values()];
  const lines = backends.filter(({ waiting }) => waiting > 0).length;
  const limit = Math.max(LEAST_ROWS, Math.floor(LINE_SHOWN / Math.max(1, lines)));
  const runs = new Map<LiveRun, LiveCall[]>();
  for (const backend of backends) {
    for (const call of backend.runningCalls()) {
      const calls = runs.get(call.run);
      if (calls) calls.push(call);
      else runs.set(call.run, [call]);
    }
  }
  return {
    at: now,
    version,
    startedAt,
    policy: order.policy,
    backends: backends.map((backend) => backendNow(backend, limit, source)),
    running: [...runs].slice(0, RUNNING_SHOWN).map(([run, calls]) => runningRun(run, calls)),
    runningTotal: runs.size,
    openRuns: dispatcher.register.runs.size,
  };
}

function backendNow(backend: Backend, limit: number, source: NowSource): BackendNow {
  const { dispatcher, order, now } = source;
  let oldest: number | null = null;
  for (const { request } of backend.waitingCalls()) {
    oldest = Math.min(oldest ?? request.arrivedAt, request.arrivedAt);
  }
  const line = linePage(dispatcher, backend, order, { after: 0, limit, now });
  return {
    backend: backend.name,
    waitingCalls: backend.waiting,
    waitingRuns: line.total,
    runningCalls: backend.pool.running,
    slots: finite(backend.slots),
    slotsInUse: backend.slotsInUse,
    effectiveSlots: finite(backend.pool.upSlots(now)),
    expectedWaitMs: Math.round(backend.waits.lastMs(now)),
    oldestWaitingSince: oldest,
    prewarm: prewarmModeOf(backend),
    spend: spendToday(backend.name, source),
    endpoints: [...backend.endpoints.values()].map((endpoint) => endpointNow(endpoint, now)),
    line,
  };
}

function spendToday(backend: string, { dispatcher, storedToday, now }: NowSource): SpendToday {
  const { accounts } = dispatcher;
  const today = accounts.daily.ofDay(backend, now);
  const stored = storedToday(backend);
  const left = accounts.budgets.left(backend, now).backend;
  return {
    warmMs: Math.round((stored?.warmMs ?? 0) + today.warmMs),
    money: (stored?.money ?? 0) + today.money,
    moneyLeft: left.money ?? null,
    warmMsLeft: left.warmMs ?? null,
  };
}

function endpointNow(endpoint: Endpoint, now: number): EndpointNow {
  const { spec, trust, state } = endpoint;
  const openUntil = endpoint.trust.openUntil(now);
  return {
    endpoint: spec.id,
    state,
    presumed: endpoint.presumed,
    stateSince: endpoint.stateSince,
    paused: endpoint.isPaused,
    slots: finite(spec.slots),
    usableSlots: finite(endpoint.slots.usable),
    slotsInUse: endpoint.slots.concurrency,
    runningCalls: endpoint.slots.calls,
    circuit: trust.stateAt(now),
    circuitOpenUntil: openUntil > now ? openUntil : null,
    startsInMs: state === 'warming' ? Math.round(endpoint.coldWaitMs(now)) : null,
    goesCold: spec.coldStart ? (spec.coldStart.releasable ? 'when-told' : 'by-itself') : 'never',
    lastError: lastErrorOf(endpoint),
  };
}

function runningRun(run: LiveRun, calls: readonly LiveCall[]): RunningRun {
  return {
    run: run.id,
    app: run.app,
    ...(run.label === undefined ? {} : { label: run.label }),
    arrivedAt: run.arrivedAt,
    calls: calls.slice(0, CALLS_SHOWN).map(({ request, lease, expectedMs }) => ({
      call: request.callId,
      unit: request.unit,
      backend: request.backend,
      endpoint: lease?.endpoint ?? '',
      grantedAt: lease?.grantedAt ?? request.arrivedAt,
      waitedMs: lease ? Math.max(0, lease.grantedAt - request.arrivedAt) : 0,
      expectedMs: Math.round(expectedMs),
      ...silenceOf(lease),
    })),
    callsTotal: calls.length,
  };
}

/** Of a call whose Worker was ended, or lost the object. */
function silenceOf(lease: Lease | undefined): Pick<RunningCall, 'silent'> {
  if (!lease?.doubted) return {};
  const { expiresAt, lengthMs } = lease;
  return { silent: { since: expiresAt - lengthMs, freedAt: Math.round(takenBackAt(lease)) } };
}

function finite(slots: number): number | null {
  return Number.isFinite(slots) ? slots : null;
}
