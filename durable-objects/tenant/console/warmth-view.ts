/**
 * The screen Warmth: what each endpoint was when, why and at what price it was woken, how forecasts
 * came out, and the money. Only formatting; what is shown is kept by src/core/prewarm,
 * src/core/backends and the stores.
 */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Endpoint } from '../../../src/core/backends/endpoint.ts';
import type { LearnedTime } from '../../../src/core/backends/endpoint-learning.ts';
import type { Segment } from '../../../src/core/backends/endpoint-state.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import type { ForecastCounts } from '../../../src/core/prewarm/forecast-record.ts';
import type { BackendOutlook, EndpointOutlook } from '../../../src/core/prewarm/prewarm-outlook.ts';
import type {
  BackendWarmth,
  EndpointWarmth,
  ForecastBin,
  LearnedTimeShown,
  WakeShown,
  WarmthSegment,
  WarmthView,
} from '../../../src/protocol/console/warmth.ts';
import type { WakeRecord } from '../prewarm-store.ts';
import type { TenantStore } from '../tenant-store.ts';
import { lastErrorOf, prewarmModeOf } from './endpoint-shown.ts';
import { SEGMENTS_KEPT, TIMELINE_MS } from './timeline-store.ts';
import { Money } from './warmth-money.ts';

const DAY_MS = 86_400_000;
const WAKES_SHOWN = 200;
/** Characters of all segments of an answer together are bounded by their number. */
const MOST_SEGMENTS = 20_000;
const SAMPLES_SHOWN = 20;

export interface WarmthQuery {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What is asked for: the last day where nothing is named, and a week at most. */
export function warmthView(
  dispatcher: Dispatcher,
  store: TenantStore,
  query: WarmthQuery,
  now: number,
): WarmthView {
  const to = Math.min(query.to ?? now, now);
  const from = Math.max(Math.min(query.from ?? to - DAY_MS, to), now - TIMELINE_MS);
  const money = new Money(dispatcher, store.prewarm.days(), now);
  let segmentsLeft = MOST_SEGMENTS;
  const backends = [...dispatcher.backends.values()].filter((backend) => !backend.removed);
  const outlooks = new Map(dispatcher.prewarmOutlook(now).map((o) => [o.backend, o]));
  const wakes = wakesByEndpoint(store.prewarm.wakes(1_000), from, to);
  const shown = backends.map((backend): BackendWarmth => {
    const outlook = outlooks.get(backend.name);
    const decisions = new Map(outlook?.endpoints.map((e) => [e.endpoint, e]));
    const endpoints = [...backend.endpoints].map(([id, endpoint]) => {
      const segments = segmentsOf(store, backend, endpoint, { from, to }).slice(-segmentsLeft);
      segmentsLeft = Math.max(1, segmentsLeft - segments.length);
      const made = wakes.get(keyOf(backend.name, id)) ?? [];
      const shownWakes = wakesOf(backend, endpoint, made).slice(0, WAKES_SHOWN);
      return endpointWarmth(endpoint, { segments, wakes: shownWakes, decision: decisions.get(id) });
    });
    const forecasts = dispatcher.accounts.forecasts.of(backend.name) ?? [];
    return {
      backend: backend.name,
      prewarm: prewarmModeOf(backend),
      theta: backend.spec.prewarm.theta,
      outlook: outlookShown(outlook, backend, now),
      endpoints,
      forecasts: binsOf(forecasts),
      money: money.of(backend),
    };
  });
  const recordedFrom = Math.min(store.timeline.since ?? now, ...openFrom(backends));
  return { from, to, recordedFrom, backends: shown, money: money.ofAll() };
}

function endpointWarmth(
  endpoint: Endpoint,
  {
    segments,
    wakes,
    decision,
  }: {
    readonly segments: readonly WarmthSegment[];
    readonly wakes: readonly WakeShown[];
    readonly decision: EndpointOutlook | undefined;
  },
): EndpointWarmth {
  const {
    spec,
    state,
    presumed,
    isPaused,
    learning: { learned },
  } = endpoint;
  return {
    endpoint: spec.id,
    state,
    presumed,
    paused: isPaused,
    canGoCold: spec.coldStart !== undefined,
    releasable: spec.coldStart?.releasable ?? false,
    decision: decision?.decision ?? 'none',
    probability: decision?.probability ?? null,
    reason: decision?.reason ?? null,
    segments,
    wakes,
    coldStart: learned ? learnedShown(learned.coldStart) : null,
    idleTimeout: learned ? learnedShown(learned.idleTimeout) : null,
    lastError: lastErrorOf(endpoint),
  };
}

/** The stored segments, those that wait to be stored, and the open one, cut to the time shown. */
function segmentsOf(
  store: TenantStore,
  backend: Backend,
  { spec, timeline }: Endpoint,
  { from, to }: { readonly from: number; readonly to: number },
): WarmthSegment[] {
  if (!spec.coldStart) return [];
  const stored = store.timeline.of(backend.name, spec.id, from, to);
  const { open } = timeline;
  const shown: WarmthSegment[] = [];
  let until = from;
  for (const segment of stored) {
    const start = Math.max(segment.from, until);
    const end = Math.min(segment.until, to);
    if (end <= start) continue;
    if (start > until && shown.length > 0) {
      shown.push({ state: 'unknown', from: until, to: start });
    }
    shown.push({ state: shownState(segment.phase), ...pausedOf(segment), from: start, to: end });
    until = end;
  }
  const start = Math.max(open.from, until);
  if (start <= to) {
    shown.push({ state: shownState(open.phase), ...pausedOf(open), from: start, to: null });
  }
  return shown.slice(-SEGMENTS_KEPT);
}

function pausedOf({ paused }: { readonly paused?: boolean }): { paused?: true } {
  return paused ? { paused } : {};
}

function shownState(phase: Segment['phase']): WarmthSegment['state'] {
  return phase === 'draining' ? 'unknown' : phase;
}

function openFrom(backends: readonly Backend[]): number[] {
  return backends.flatMap((b) =>
    [...b.endpoints.values()].map(({ timeline }) => timeline.open.from),
  );
}

function outlookShown(
  outlook: BackendOutlook | undefined,
  backend: Backend,
  now: number,
): BackendWarmth['outlook'] {
  return {
    // No arrival is forecast while a call is there: the need is certain.
    arrivalProbability:
      backend.pool.running + backend.queue.size > 0 ? null : (outlook?.arrivals ?? 0),
    arrivalsPerSecond: outlook?.ratePerSec ?? backend.arrivals.ratePerSec(now),
    coldStartMs: backend.pool.coldStartMs,
    runs: outlook?.runs ?? [],
  };
}

function wakesByEndpoint(
  wakes: readonly WakeRecord[],
  from: number,
  to: number,
): Map<string, WakeRecord[]> {
  const byEndpoint = new Map<string, WakeRecord[]>();
  for (const wake of wakes) {
    if (wake.endedAt < from || wake.wake.at > to) continue;
    const key = keyOf(wake.backend, wake.endpoint);
    const list = byEndpoint.get(key);
    if (list) list.push(wake);
    else byEndpoint.set(key, [wake]);
  }
  return byEndpoint;
}

/** The newest first: the one whose outcome is not known yet, and those that are stored. */
function wakesOf(
  { spec }: Backend,
  endpoint: Endpoint,
  stored: readonly WakeRecord[],
): WakeShown[] {
  const hasPrice = spec.prewarm.pricePerWarmSecond !== undefined;
  const { wake } = endpoint;
  const pending: WakeShown[] = wake
    ? [{ ...madeBy(wake), outcome: 'pending', endedAt: null, warmMs: null, money: null }]
    : [];
  const ended = stored.map(
    (record): WakeShown => ({
      ...madeBy(record.wake),
      outcome: record.outcome,
      endedAt: record.endedAt,
      warmMs: record.warmMs ?? null,
      money: hasPrice ? (record.money ?? null) : null,
    }),
  );
  return [...pending, ...ended];
}

function madeBy({ at, cause, reason, probability }: WakeRecord['wake']) {
  return { at, cause, reason, probability };
}

function learnedShown(time: LearnedTime): LearnedTimeShown {
  const samples = time.samples.slice(-SAMPLES_SHOWN);
  return {
    ms: time.ms,
    configuredMs: time.configuredMs,
    observations: time.observations,
    lastAt: time.lastAt ?? null,
    samples: samples.map(({ ms, at, found }) => ({
      at: at || null,
      ms,
      ...(found ? { found } : {}),
    })),
  };
}

function binsOf(counts: readonly ForecastCounts[]): ForecastBin[] {
  return counts.flatMap(([made, came, sum], i) =>
    made === 0
      ? []
      : [
          {
            from: i / counts.length,
            to: (i + 1) / counts.length,
            forecasts: Math.round(made),
            forecast: sum / made,
            came: came / made,
          },
        ],
  );
}

function keyOf(backend: string, endpoint: string): string {
  return `${backend}\n${endpoint}`;
}
