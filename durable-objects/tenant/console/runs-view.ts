/**
 * Runs for the console: a list of those in flight and of those recorded, the story of one, and the
 * trace for replays. Only formatting; the waterfall is in run-lanes.ts.
 */
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import { CLIENT_BACKEND } from '../../../src/core/runs/call-request.ts';
import type { LiveCall, LiveRun } from '../../../src/core/runs/live-run.ts';
import type { RecordedRun } from '../../../src/core/runs/recorded-run.ts';
import type {
  RunLane,
  RunRow,
  RunState,
  RunStory,
  RunsPage,
} from '../../../src/protocol/console/runs.ts';
import type { RunsFilter } from '../../../src/protocol/looking.ts';
import type { CallLog } from '../call-log.ts';
import { type CallTimes, readTimes } from '../call-times.ts';
import type { FinishedRun } from '../recorded-runs.ts';
import type { TenantStore } from '../tenant-store.ts';
import { gapsOf, LANES_SHOWN, lanesOf, placedLanes, spansOf, waitedMs } from './run-lanes.ts';

/** Recorded runs on a page, and those in flight on the first one. */
const PAGE_ROWS = 100;
const LIVE_ROWS = 200;

export interface RunsSource {
  readonly dispatcher: Dispatcher;
  readonly store: TenantStore;
  readonly log: CallLog;
  readonly now: number;
}

export function runsPage(source: RunsSource, filter: RunsFilter): RunsPage {
  const { store, now } = source;
  const { app, q, state, from, to, after } = filter;
  const isRecorded = state === undefined || state === 'ended' || state === 'failed';
  const live = after === undefined && state !== 'ended' && state !== 'failed';
  const rows: RunRow[] = live ? liveRows(source, filter) : [];
  const found = q === undefined || after !== undefined ? undefined : callNamed(source, q);
  let next: number | undefined;
  if (isRecorded) {
    const learned = state === undefined ? undefined : state === 'ended';
    let [count, last] = [0, 0];
    for (const run of store.runSearch.newest({ before: after, app, text: q, learned, from, to })) {
      if (count >= PAGE_ROWS) {
        next = last;
        break;
      }
      [count, last] = [count + 1, run.seq];
      rows.push(recordedRow(run, readTimes(run.times, run.record.arrival_ms), now));
    }
  }
  return {
    rows,
    ...(next === undefined ? {} : { after: String(next) }),
    ...(found ? { found } : {}),
  };
}

/** The run and call of an id of a call or request. */
function callNamed({ log, store }: RunsSource, id: string): RunsPage['found'] {
  const entry = log.entry(id);
  if (entry) return { call: entry.call, run: entry.identity.run };
  const run = store.runSearch.withCall(id);
  return run === undefined ? undefined : { call: id, run };
}

function liveRows(source: RunsSource, filter: RunsFilter): RunRow[] {
  const { dispatcher, now } = source;
  const calls = callsByRun(dispatcher);
  const rows: RunRow[] = [];
  const open = [...dispatcher.register.runs.values()].sort((a, b) => b.arrivedAt - a.arrivedAt);
  for (const run of open) {
    if (rows.length >= LIVE_ROWS) break;
    if (!isWanted(run, filter)) continue;
    const present = calls.get(run) ?? [];
    const state = stateOf(present);
    const isState = filter.state === undefined || filter.state === 'live' || filter.state === state;
    if (isState) rows.push(liveRow(run, state, timesSoFar(source, run, present), now));
  }
  return rows;
}

function isWanted({ id, app, label = '', arrivedAt }: LiveRun, filter: RunsFilter): boolean {
  if (filter.app !== undefined && filter.app !== app) return false;
  if (arrivedAt > (filter.to ?? Infinity)) return false;
  const text = filter.q?.toLowerCase();
  return text === undefined || [id, app, label].some((name) => name.toLowerCase().includes(text));
}

function callsByRun(dispatcher: Dispatcher): Map<LiveRun, LiveCall[]> {
  const calls = new Map<LiveRun, LiveCall[]>();
  for (const backend of dispatcher.backends.values()) {
    for (const set of [backend.runningCalls(), backend.waitingCalls()]) {
      for (const call of set) {
        const known = calls.get(call.run);
        if (known) known.push(call);
        else calls.set(call.run, [call]);
      }
    }
  }
  return calls;
}

function stateOf(calls: readonly LiveCall[]): RunState {
  if (calls.some(({ lease }) => lease !== undefined)) return 'running';
  return calls.length > 0 ? 'waiting' : 'between';
}

/** Of the calls of a run in flight: those that ended, and those that wait or run. */
function timesSoFar({ log }: RunsSource, { id }: LiveRun, present: readonly LiveCall[]) {
  const open = present.flatMap(({ request }) => log.timesOf(request.callId) ?? []);
  return [...log.times.of(id), ...open];
}

/** `waitedMs` of calls that wait in an object that was started since is not known. */
function liveRow(run: LiveRun, state: RunState, calls: readonly CallTimes[], now: number): RunRow {
  const { inputTokens, outputTokens } = tokensOf(run.visits.flatMap(({ records }) => records));
  return {
    run: run.id,
    app: run.app,
    ...(run.label === undefined ? {} : { label: run.label }),
    state,
    arrivedAt: run.arrivedAt,
    endedAt: null,
    tookMs: Math.max(0, now - run.arrivedAt),
    units: run.visits.length,
    calls: run.callCount,
    inputTokens,
    outputTokens,
    deadlineAt: run.deadlineAt ?? null,
    waitedMs: calls.length > 0 ? waitedMs(calls.flatMap(spansOf), now) : null,
  };
}

function recordedRow(
  { record, finishedAt, learned }: FinishedRun,
  calls: readonly CallTimes[],
  now: number,
): RunRow {
  const { arrival_ms: arrivedAt, deadline_ms: deadlineMs } = record;
  const endedAt = calls.length > 0 ? lastEnd(calls) : finishedAt;
  return {
    run: record.run,
    app: record.app,
    ...(record.label === undefined ? {} : { label: record.label }),
    state: learned ? 'ended' : 'failed',
    arrivedAt,
    endedAt,
    tookMs: Math.max(0, endedAt - arrivedAt),
    units: record.units.length,
    calls: record.units.reduce((sum, { calls: c }) => sum + c.length, 0),
    ...tokensOf(record.units.flatMap(({ calls: c }) => c)),
    deadlineAt: deadlineMs === undefined ? null : arrivedAt + deadlineMs,
    waitedMs: calls.length > 0 ? waitedMs(calls.flatMap(spansOf), now) : null,
  };
}

function lastEnd(calls: readonly CallTimes[]): number {
  return calls.reduce((last, { endedAt }) => Math.max(last, endedAt ?? 0), 0);
}

function tokensOf(calls: RecordedRun['units'][number]['calls']) {
  let [inputTokens, outputTokens] = [0, 0];
  for (const call of calls) {
    if ('service_ms' in call) continue;
    inputTokens += call.input_tokens;
    outputTokens += call.output_tokens;
  }
  return { inputTokens, outputTokens };
}

/** The story of a run, in flight or recorded; undefined where it is not known. */
export function runStory(source: RunsSource, runId: string): RunStory | undefined {
  const { dispatcher, store, now } = source;
  const live = dispatcher.register.named(runId);
  if (live) return liveStory(source, live);
  const [recorded] = store.runSearch.newest({ run: runId });
  if (!recorded) return undefined;
  const { record, finishedAt, times } = recorded;
  const labels = new Map(
    record.units.flatMap((u) => (u.label ? [[u.unit, u.label] as const] : [])),
  );
  const calls = readTimes(times, record.arrival_ms);
  const succeeded = calls.filter(({ outcome }) => outcome === 'succeeded').length;
  const row = recordedRow(recorded, calls, now);
  const own = placedLanes(record, finishedAt, dispatcher.speeds);
  const lanes = calls.length > 0 ? lanesOf(calls, labels) : own;
  const isWhole = succeeded >= row.calls - own.filter((l) => l.backend === CLIENT_BACKEND).length;
  return {
    ...row,
    key: null,
    timing: calls.length === 0 ? 'placed' : isWhole ? 'measured' : 'partly',
    lanes: lanes.slice(0, LANES_SHOWN),
    lanesTotal: lanes.length,
    gaps: gapsOf(lanes),
  };
}

function liveStory(source: RunsSource, run: LiveRun): RunStory {
  const { dispatcher, now } = source;
  const present = callsByRun(dispatcher).get(run) ?? [];
  const calls = timesSoFar(source, run, present);
  const labels = new Map(run.visits.flatMap((v) => (v.label ? [[v.unit, v.label] as const] : [])));
  const own: RunLane[] = run.visits
    .filter(({ backend }) => backend === CLIENT_BACKEND)
    .map(({ unit, startedAt, endedAt, records }, i) => ({
      ...{ call: null, visit: -1 - i, unit, backend: CLIENT_BACKEND, endpoint: null, attempts: 1 },
      outcome: records.length > 0 ? ('succeeded' as const) : ('running' as const),
      ...{ measured: true, inputTokens: null, cachedTokens: null, outputTokens: null },
      spans: [{ kind: 'own' as const, from: startedAt, to: records.length > 0 ? endedAt : null }],
    }));
  const lanes = [...lanesOf(calls, labels), ...own].sort(
    (a, b) => (a.spans[0]?.from ?? 0) - (b.spans[0]?.from ?? 0),
  );
  return {
    ...liveRow(run, stateOf(present), calls, now),
    key: run.keyId,
    timing: lanes.length >= run.callCount ? 'measured' : 'partly',
    lanes: lanes.slice(0, LANES_SHOWN),
    lanesTotal: lanes.length,
    gaps: gapsOf(lanes),
  };
}
