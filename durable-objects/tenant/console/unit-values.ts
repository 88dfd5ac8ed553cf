/**
 * What the recorded runs of an application show of each unit: fan-out, tokens, times and pauses as
 * distributions, and which unit a run begins with. Values are counted in bins of equal ratio.
 */
import { demandOf, type Speeds, workMs } from '../../../src/core/runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../../../src/core/runs/recorded-run.ts';
import type { Distribution } from '../../../src/protocol/console/applications.ts';

/** Values that are kept of one quantity, the newest. */
const MAX_VALUES = 5_000;
const MAX_UNITS = 500;
const BINS = 24;

export interface UnitValues {
  readonly fanOut: number[];
  readonly inputTokens: number[];
  readonly outputTokens: number[];
  readonly serviceMs: number[];
  readonly gapMs: number[];
}

export interface RunValues {
  readonly units: ReadonlyMap<string, UnitValues>;
  /** How many of the runs began with a unit. */
  readonly begins: ReadonlyMap<string, number>;
}

export function runValues(runs: Iterable<RecordedRun>, speeds: Speeds): RunValues {
  const units = new Map<string, UnitValues>();
  const begins = new Map<string, number>();
  for (const run of runs) {
    const first = run.units[0]?.unit;
    if (first !== undefined) begins.set(first, (begins.get(first) ?? 0) + 1);
    run.units.forEach((visit, i) => {
      const values = units.get(visit.unit) ?? noValues();
      if (!units.has(visit.unit) && units.size < MAX_UNITS) units.set(visit.unit, values);
      addVisit(values, visit, speeds);
      if (i + 1 < run.units.length) add(values.gapMs, visit.gap_ms ?? 0);
    });
  }
  return { units, begins };
}

/** Without values of its own, what is known is only the summary. */
export function distribution(
  values: readonly number[],
  known?: { readonly count: number; readonly mean: number; readonly deviation: number },
): Distribution {
  if (values.length === 0) {
    const { count = 0, mean = 0, deviation = 0 } = known ?? {};
    return { count, mean, deviation, p50: null, p95: null, histogram: null };
  }
  const sorted = [...values].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0;
  return {
    count: sorted.length,
    mean,
    deviation,
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    histogram: histogram(sorted),
  };
}

/** The value that this share of the sorted values does not exceed. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function histogram(sorted: readonly number[]): { edges: number[]; counts: number[] } {
  const [least, most] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  if (least === most) return { edges: [least, least + 1], counts: [sorted.length] };
  // Whole numbers of few values (a fan-out) have a bin each.
  const isFew = Number.isInteger(least) && most - least < BINS && sorted.every(Number.isInteger);
  const bins = isFew ? most - least + 1 : BINS;
  const isWide = least > 0 && most / least > 20;
  const edgeAt = (i: number) => {
    if (isFew) return least + i;
    return isWide ? least * (most / least) ** (i / bins) : least + ((most - least) * i) / bins;
  };
  const edges = Array.from({ length: bins + 1 }, (_, i) => edgeAt(i));
  const counts = new Array<number>(bins).fill(0);
  let bin = 0;
  for (const value of sorted) {
    while (bin < bins - 1 && value >= (edges[bin + 1] ?? Infinity)) bin += 1;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { edges, counts };
}

function addVisit(values: UnitValues, visit: VisitRecord, speeds: Speeds): void {
  const speed = speeds(visit.backend);
  add(values.fanOut, visit.calls.length);
  for (const call of visit.calls) {
    add(values.serviceMs, workMs(demandOf(call, speed), speed));
    if ('service_ms' in call) continue;
    add(values.inputTokens, call.input_tokens);
    add(values.outputTokens, call.output_tokens);
  }
}

function add(values: number[], value: number): void {
  if (values.length < MAX_VALUES) values.push(value);
}

function noValues(): UnitValues {
  return { fanOut: [], inputTokens: [], outputTokens: [], serviceMs: [], gapMs: [] };
}
