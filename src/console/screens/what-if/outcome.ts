/** Completion times of runs as figures, as a distribution, and as a table for a file. */
import { summarize } from '../../../../scripts/sim/summary.ts';
import type { Completion } from './replay.ts';

/** A set of completion times under its name. */
export interface Outcome {
  readonly name: string;
  readonly completions: readonly Completion[];
}

export interface AppFigures {
  /** Undefined for all applications together. */
  readonly app: string | undefined;
  readonly runs: number;
  /** For each outcome, in its order. */
  readonly figures: ReadonlyArray<{ mean: number; p50: number; p95: number; p99: number }>;
}

/** Points of the x axis of a distribution. */
const POINTS = 160;

/** All applications together, then each, the one with most runs first. */
export function figuresByApp(outcomes: readonly Outcome[]): AppFigures[] {
  const [first] = outcomes;
  const counts = new Map<string, number>();
  for (const { app } of first?.completions ?? []) counts.set(app, (counts.get(app) ?? 0) + 1);
  const apps = [...counts].sort(([, a], [, b]) => b - a).map(([app]) => app);
  return [undefined, ...apps].map((app) => ({
    app,
    runs: app === undefined ? (first?.completions.length ?? 0) : (counts.get(app) ?? 0),
    figures: outcomes.map(({ completions }) => {
      const { mean_ms, p50_ms, p95_ms, p99_ms } = summarize(timesOf(completions, app));
      return { mean: mean_ms, p50: p50_ms, p95: p95_ms, p99: p99_ms };
    }),
  }));
}

export interface Distribution {
  /** Completion times, ms, rising by a constant factor. */
  readonly x: readonly number[];
  /** For each outcome the share of its runs that are complete by then. */
  readonly shares: ReadonlyArray<readonly number[]>;
}

/** Undefined where no run is complete. */
export function distributionOf(
  outcomes: readonly Outcome[],
  app?: string,
): Distribution | undefined {
  const sorted = outcomes.map(({ completions }) => timesOf(completions, app).sort((a, b) => a - b));
  const all = sorted.flat().filter((ms) => ms > 0);
  if (all.length === 0) return undefined;
  const least = all.reduce((a, b) => Math.min(a, b));
  const most = Math.max(
    all.reduce((a, b) => Math.max(a, b)),
    least * 1.01,
  );
  const x = Array.from({ length: POINTS }, (_, i) => least * (most / least) ** (i / (POINTS - 1)));
  return { x, shares: sorted.map((times) => x.map((ms) => shareUpTo(times, ms * (1 + 1e-12)))) };
}

/** Comma-separated values: a line a run. Names are quoted, and begin no formula. */
export function csvOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(({ name, completions }) =>
    completions.map(({ app, ms }) => [cell(name), cell(app), Math.round(ms)].join(',')),
  );
  return `${['outcome,application,completion_ms', ...rows].join('\r\n')}\r\n`;
}

function timesOf(completions: readonly Completion[], app: string | undefined): number[] {
  return completions
    .filter((c) => (app === undefined || c.app === app) && Number.isFinite(c.ms))
    .map(({ ms }) => ms);
}

function shareUpTo(sorted: readonly number[], ms: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return sorted.length === 0 ? 0 : low / sorted.length;
}

/** A spreadsheet takes a cell that begins so for a formula. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
