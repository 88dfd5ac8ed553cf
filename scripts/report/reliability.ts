/** Computes how often forecasts came true, in ten bins of forecast probability. */
import type { ForecastSample } from '../sim/forecast-sampler.ts';

export interface ReliabilityBin {
  readonly forecasts: number;
  /** The mean forecast probability; `observed` is the share that came true. */
  readonly predicted: number;
  readonly observed: number;
}

const BINS = 10;

export function reliabilityOf(samples: readonly ForecastSample[]): ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, () => ({ forecasts: 0, sum: 0, came: 0 }));
  for (const { probability, came } of samples) {
    const bin = bins[Math.min(BINS - 1, Math.floor(probability * BINS))];
    if (!bin) continue;
    bin.forecasts += 1;
    bin.sum += probability;
    bin.came += came ? 1 : 0;
  }
  return bins
    .filter((bin) => bin.forecasts > 0)
    .map(({ forecasts, sum, came }) => ({
      forecasts,
      predicted: sum / forecasts,
      observed: came / forecasts,
    }));
}
