/**
 * Makes forecasts of recorded arrivals, each from the arrivals before it, and measures their
 * errors.
 */
import { Arrivals } from '../../src/core/arrivals/arrivals.ts';
import { countUpTo } from '../../src/core/gittins/ascending.ts';
import type { Random } from '../../src/core/learning/random.ts';
import { type ReliabilityBin, reliabilityOf } from '../report/reliability.ts';
import type { ForecastSample } from './forecast-sampler.ts';

/** Bins with fewer forecasts say little about calibration. */
const LEAST_FORECASTS = 200;
const RESAMPLES = 400;
/**
 * Forecasts closer together than this predict the same future and see the same burst, so they are
 * not independent.
 */
const LEAST_BLOCK_MS = 60_000;

/**
 * Forecasts over the later half of the arrivals, one every `everyMs`: the probability of an arrival
 * within `withinMs`.
 */
export function forecastArrivals(
  arrivalsMs: readonly number[],
  withinMs: number,
  everyMs: number,
): ForecastSample[] {
  const arrivals = new Arrivals(0);
  const endMs = arrivalsMs.at(-1) ?? 0;
  const samples: ForecastSample[] = [];
  let next = 0;
  for (let atMs = 0; atMs + withinMs <= endMs; atMs += everyMs) {
    for (; (arrivalsMs[next] ?? Infinity) <= atMs; next += 1)
      arrivals.arrived(arrivalsMs[next] ?? 0);
    if (atMs < endMs / 2) continue;
    const probability = arrivals.needProbability(atMs, withinMs);
    const came = (arrivalsMs[next] ?? Infinity) <= atMs + withinMs;
    samples.push({ backend: '', atMs, withinMs, probability, came });
  }
  return samples;
}

/**
 * How far the most-off bin of a perfect forecaster is from what comes true, in each of `traces`
 * traces of the same length: gaps are drawn from the recorded ones, and each forecast is the exact
 * probability by their distribution. What this shows as error is chance.
 */
export function chanceError(
  arrivalsMs: readonly number[],
  withinMs: number,
  everyMs: number,
  random: Random,
  traces: number,
): number[] {
  const gaps = arrivalsMs.slice(1).map((at, i) => at - (arrivalsMs[i] ?? 0));
  const sorted = Float64Array.from(gaps).sort();
  const endMs = arrivalsMs.at(-1) ?? 0;
  const errors = Array.from({ length: traces }, () => {
    const drawn: number[] = [];
    for (let at = 0; at < endMs; at += gaps[Math.floor(random() * gaps.length)] ?? 0)
      drawn.push(at);
    const bins = reliabilityOf(exactForecasts(drawn, sorted, withinMs, everyMs));
    return bins
      .filter((bin) => bin.forecasts >= LEAST_FORECASTS)
      .reduce((most, bin) => Math.max(most, Math.abs(bin.observed - bin.predicted)), 0);
  });
  return errors.sort((a, b) => a - b);
}

/** Forecasts over the later half by the distribution that the gaps were drawn from. */
function exactForecasts(
  arrivalsMs: readonly number[],
  sortedGaps: Float64Array,
  withinMs: number,
  everyMs: number,
): ForecastSample[] {
  const longer = (ms: number) => sortedGaps.length - countUpTo(sortedGaps, ms);
  const endMs = arrivalsMs.at(-1) ?? 0;
  const samples: ForecastSample[] = [];
  let next = 0;
  for (let atMs = 0; atMs + withinMs <= endMs; atMs += everyMs) {
    while ((arrivalsMs[next] ?? Infinity) <= atMs) next += 1;
    if (atMs < endMs / 2) continue;
    const elapsedMs = atMs - (arrivalsMs[next - 1] ?? 0);
    const probability = 1 - longer(elapsedMs + withinMs) / Math.max(1, longer(elapsedMs));
    const came = (arrivalsMs[next] ?? Infinity) <= atMs + withinMs;
    samples.push({ backend: '', atMs, withinMs, probability, came });
  }
  return samples;
}

export interface Miscalibration {
  readonly bin: ReliabilityBin;
  /** The share that came true minus the mean forecast probability. */
  readonly difference: number;
  /** Half the width of its 95 % interval, from a bootstrap over whole blocks of time. */
  readonly error: number;
}

/** The error of each bin that has 200 forecasts or more. */
export function miscalibrationOf(
  samples: readonly ForecastSample[],
  random: Random,
): Miscalibration[] {
  const bins = reliabilityOf(samples).filter((bin) => bin.forecasts >= LEAST_FORECASTS);
  const blocks = blocksOf(samples);
  const drawn = Array.from({ length: RESAMPLES }, () => {
    const pick = () => blocks[Math.floor(random() * blocks.length)] ?? [];
    return reliabilityOf(blocks.flatMap(pick));
  });
  return bins.map((bin) => {
    const differences = drawn
      .flatMap((resample) => resample.filter((b) => binOf(b) === binOf(bin)))
      .map((b) => b.observed - b.predicted)
      .sort((a, b) => a - b);
    const at = (share: number) => differences[Math.floor(share * (differences.length - 1))] ?? 0;
    const error = (at(0.975) - at(0.025)) / 2;
    return { bin, difference: bin.observed - bin.predicted, error };
  });
}

function blocksOf(samples: readonly ForecastSample[]): ForecastSample[][] {
  const blocks = new Map<number, ForecastSample[]>();
  for (const sample of samples) {
    const block = Math.floor(sample.atMs / Math.max(LEAST_BLOCK_MS, 2 * sample.withinMs));
    const known = blocks.get(block);
    if (known) known.push(sample);
    else blocks.set(block, [sample]);
  }
  return [...blocks.values()];
}

function binOf({ predicted }: ReliabilityBin): number {
  return Math.min(9, Math.floor(predicted * 10));
}
