/**
 * One application for the screen Applications: its PDGraph with distributions, the rank of a run
 * against the work that it had, shifts of demand, and where its runs in flight are.
 */
import type { ApplicationModel } from '../../../src/core/learning/application-model.ts';
import type { UnitView } from '../../../src/core/learning/demand-graph.ts';
import { type Speeds, workMs } from '../../../src/core/runs/demand.ts';
import type {
  ApplicationView,
  LiveInUnit,
  RankCurve,
  UnitEdgeView,
  UnitNodeView,
} from '../../../src/protocol/console/applications.ts';
import {
  type ApplicationsSource,
  applicationRow,
  type LiveRuns,
  liveRuns,
} from './applications-view.ts';
import { distribution, type RunValues, runValues } from './unit-values.ts';

/** Recorded runs that distributions are taken from, the newest, and their characters together. */
const RUNS_READ = 1_000;
const CHARS_READ = 5_000_000;
/** Units with a curve, those visited most, and the points of one. */
const CURVES = 24;
const POINTS = 32;

/** Undefined where neither a model nor a run of the application is known. */
export function applicationView(
  source: ApplicationsSource,
  app: string,
): ApplicationView | undefined {
  const { dispatcher, store } = source;
  const live = liveRuns(dispatcher).get(app);
  const row = applicationRow(source, app, live);
  if (!row) return undefined;
  const model = dispatcher.models.model(app);
  const units = model?.graph.view() ?? [];
  const { speeds } = dispatcher;
  const values = runValues(store.runSearch.newestOf(app, RUNS_READ, CHARS_READ), speeds);
  return {
    ...row,
    nodes: units.map((unit) => nodeOf(unit, values, speeds)),
    edges: [...beginsOf(values, units), ...units.flatMap(edgesOf)],
    ranks: model ? curvesOf(model, units, values, source) : [],
    drifts: model?.graph.drifts ?? [],
    live: liveIn(live),
  };
}

function nodeOf(unit: UnitView, { units }: RunValues, speeds: Speeds): UnitNodeView {
  const own = units.get(unit.unit);
  const speed = speeds(unit.backend);
  const output = (unit.service_ms ?? unit.output_tokens)?.mean ?? 0;
  const callMs = workMs({ input: unit.input_tokens?.mean ?? 0, output }, speed);
  const tokens = (values: readonly number[] | undefined, known: UnitView['gap_ms'] | undefined) =>
    known ? distribution(values ?? [], known) : null;
  const serviceMs = unit.service_ms ?? { ...unit.calls_per_visit, mean: callMs, deviation: 0 };
  return {
    unit: unit.unit,
    ...(unit.label === undefined ? {} : { label: unit.label }),
    backend: unit.backend,
    visits: unit.visits,
    workMs: callMs * unit.calls_per_visit.mean,
    fanOut: distribution(own?.fanOut ?? [], unit.calls_per_visit),
    inputTokens: tokens(own?.inputTokens, unit.input_tokens),
    outputTokens: tokens(own?.outputTokens, unit.output_tokens),
    serviceMs: distribution(own?.serviceMs ?? [], serviceMs),
    gapMs: distribution(own?.gapMs ?? [], unit.gap_ms),
  };
}

function edgesOf({ unit, visits, next }: UnitView): UnitEdgeView[] {
  return next.map(({ unit: to, probability }) => {
    return { from: unit, to, probability, count: Math.round(probability * visits) };
  });
}

/** With which unit runs begin: only recorded runs tell. */
function beginsOf({ begins }: RunValues, units: readonly UnitView[]): UnitEdgeView[] {
  const known = new Set(units.map(({ unit }) => unit));
  const counted = [...begins].filter(([unit]) => known.has(unit));
  const total = counted.reduce((sum, [, count]) => sum + count, 0);
  return counted.map(([to, count]) => ({ from: null, to, probability: count / total, count }));
}

function curvesOf(
  model: ApplicationModel,
  units: readonly UnitView[],
  values: RunValues,
  { dispatcher }: ApplicationsSource,
): RankCurve[] {
  const visited = [...units]
    .filter(({ backend }) => dispatcher.backends.has(backend))
    .sort((a, b) => b.visits - a.visits)
    .slice(0, CURVES);
  return visited.map((unit) => curveOf(model, unit, values, dispatcher));
}

/** The rank of a usual run in its first visit of the unit. */
function curveOf(
  model: ApplicationModel,
  { unit, backend, calls_per_visit: fanOut, input_tokens: input }: UnitView,
  values: RunValues,
  { speeds, backends }: ApplicationsSource['dispatcher'],
): RankCurve {
  const usual = distribution(values.units.get(unit)?.inputTokens ?? [], input);
  const inputTokens = usual.p50 ?? usual.mean;
  const features = { fanOut: Math.max(1, Math.round(fanOut.mean)), fanOutBefore: 0, beforeMs: 0 };
  const state = { unit, visit: 1, ...features, inputTokens };
  const slots = backends.get(backend)?.slots ?? 1;
  const query = (attainedMs: number) => ({ state, backend, attainedMs, speeds, slots });
  const { source, samples, mostMs } = model.rankSource(query(0));
  const count = mostMs > 0 ? POINTS : 1;
  const points = Array.from({ length: count }, (_, i) => {
    const ageMs = (i * mostMs) / Math.max(1, count - 1);
    return { ageMs, rankMs: model.rankMs(query(ageMs)) };
  });
  return { unit, backend, source, samples, points };
}

/** Where the runs in flight are, by the unit that they visited last. */
function liveIn(live: LiveRuns | undefined): LiveInUnit[] {
  const byUnit = new Map<string, { waiting: number; running: number; between: number }>();
  for (const { visits } of live?.runs ?? []) {
    const visit = visits.at(-1);
    if (!visit) continue;
    const counts = byUnit.get(visit.unit) ?? { waiting: 0, running: 0, between: 0 };
    byUnit.set(visit.unit, counts);
    if (visit.outstanding === 0) counts.between += 1;
    else if (visit.servingSince === undefined) counts.waiting += 1;
    else counts.running += 1;
  }
  return [...byUnit].map(([unit, counts]) => ({ unit, ...counts }));
}
