/**
 * The screen Applications: a row for each application, with what is known of it and what runs of it.
 * The graph of one is in application-view.ts.
 */
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import type { ApplicationModel } from '../../../src/core/learning/application-model.ts';
import type { LiveRun } from '../../../src/core/runs/live-run.ts';
import type {
  ApplicationRow,
  ApplicationsPage,
  Quantiles,
} from '../../../src/protocol/console/applications.ts';
import type { TenantStore } from '../tenant-store.ts';
import { quantile } from './unit-values.ts';

const PAGE_ROWS = 100;
/** Recorded runs that completion times are taken from, the newest. */
const RUNS_READ = 1_000;

/** The parts of the object that the view is made from. */
export interface ApplicationsSource {
  readonly dispatcher: Dispatcher;
  readonly store: TenantStore;
  /** The configured weight of an application; 1 for none. */
  weightOf(app: string): number;
}

/** Runs in flight of an application, and how many of them have calls that wait, or hold a slot. */
export interface LiveRuns {
  readonly runs: LiveRun[];
  waiting: number;
  running: number;
}

interface Completions {
  readonly tookMs: number[];
  lastEndedAt: number;
}

export function applicationsPage(
  source: ApplicationsSource,
  { q, after }: { readonly q?: string | undefined; readonly after?: string | undefined },
): ApplicationsPage {
  const { dispatcher } = source;
  const live = liveRuns(dispatcher);
  const models = new Map([...dispatcher.models.all()].map((model) => [model.app, model]));
  const names = [...new Set([...live.keys(), ...models.keys()])];
  const wanted = q?.toLowerCase() ?? '';
  const found = names.filter((app) => {
    const label = labelOf(models.get(app), live.get(app)) ?? '';
    return app.toLowerCase().includes(wanted) || label.toLowerCase().includes(wanted);
  });
  const openOf = (app: string) => live.get(app)?.runs.length ?? 0;
  const knownOf = (app: string) => models.get(app)?.graph.runs ?? 0;
  found.sort((a, b) => openOf(b) - openOf(a) || knownOf(b) - knownOf(a) || (a < b ? -1 : 1));
  const from = Number(after ?? 0);
  const completions = completionsOf(source.store);
  const rows = found
    .slice(from, from + PAGE_ROWS)
    .map((app) => rowOf(source, app, models.get(app), live.get(app), completions.get(app)));
  const next = from + rows.length;
  return { rows, total: found.length, ...(next < found.length ? { after: String(next) } : {}) };
}

/** One application's row; undefined where neither a model nor a run of it is known. */
export function applicationRow(
  source: ApplicationsSource,
  app: string,
  live: LiveRuns | undefined,
): ApplicationRow | undefined {
  const model = source.dispatcher.models.model(app);
  if (!model && !live) return undefined;
  return rowOf(source, app, model, live, completionsOf(source.store).get(app));
}

/** The runs in flight, by application. */
export function liveRuns(dispatcher: Dispatcher): Map<string, LiveRuns> {
  const byApp = new Map<string, LiveRuns>();
  const waiting = new Map<LiveRun, number>();
  for (const backend of dispatcher.backends.values()) {
    for (const { run } of backend.waitingCalls()) waiting.set(run, (waiting.get(run) ?? 0) + 1);
  }
  for (const run of dispatcher.register.runs.values()) {
    let live = byApp.get(run.app);
    if (!live) {
      live = { runs: [], waiting: 0, running: 0 };
      byApp.set(run.app, live);
    }
    live.runs.push(run);
    const waits = waiting.get(run) ?? 0;
    if (waits > 0) live.waiting += 1;
    if (run.outstanding > waits) live.running += 1;
  }
  return byApp;
}

function rowOf(
  { dispatcher, weightOf }: ApplicationsSource,
  app: string,
  model: ApplicationModel | undefined,
  live: LiveRuns | undefined,
  completions: Completions | undefined,
): ApplicationRow {
  const label = labelOf(model, live);
  const drifts = model?.graph.drifts ?? [];
  return {
    app,
    ...(label === undefined ? {} : { label }),
    knownRuns: model?.graph.runs ?? 0,
    units: model?.graph.size ?? 0,
    openRuns: live?.runs.length ?? 0,
    waitingRuns: live?.waiting ?? 0,
    runningRuns: live?.running ?? 0,
    lastEndedAt: completions?.lastEndedAt ?? null,
    weight: weightOf(app),
    meanWorkMs: model ? meanWorkMs(model, dispatcher) : null,
    completion: completions ? quantilesOf(completions.tookMs) : null,
    driftAlarms: new Set(drifts.map(({ unit }) => unit)).size,
  };
}

function labelOf(
  model: ApplicationModel | undefined,
  live: LiveRuns | undefined,
): string | undefined {
  return model?.label ?? live?.runs[0]?.label;
}

/** Mean work of a run over all backends, slot-ms. */
function meanWorkMs(model: ApplicationModel, { speeds }: Dispatcher): number | null {
  let mean: number | null = null;
  for (const backend of model.samples.backends) {
    const works = model.totalMs(backend, speeds);
    if (works.length === 0) continue;
    mean = (mean ?? 0) + works.reduce((sum, ms) => sum + ms, 0) / works.length;
  }
  return mean;
}

function completionsOf(store: TenantStore): Map<string, Completions> {
  const byApp = new Map<string, Completions>();
  for (const { app, arrivalMs, finishedAt } of store.runSearch.newestTimes(RUNS_READ)) {
    let known = byApp.get(app);
    if (!known) {
      known = { tookMs: [], lastEndedAt: finishedAt };
      byApp.set(app, known);
    }
    known.tookMs.push(Math.max(0, finishedAt - arrivalMs));
    known.lastEndedAt = Math.max(known.lastEndedAt, finishedAt);
  }
  return byApp;
}

function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count: sorted.length };
}
