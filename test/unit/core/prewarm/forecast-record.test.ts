import { describe, expect, it } from 'vitest';
import { FORECAST_BINS, ForecastRecord } from '../../../../src/core/prewarm/forecast-record.ts';

describe('the record of forecasts', () => {
  it('counts each forecast once, by whether a need came in time', () => {
    const record = new ForecastRecord();
    record.made('llm', 1_000, () => 0.95, 0);
    // Followed already: another look at the same time counts nothing.
    record.made('llm', 1_000, () => 0.1, 500);
    record.came('llm', 900);
    record.came('llm', 950);
    record.made('llm', 1_000, () => 0.91, 2_000);
    record.came('llm', 3_001);
    record.made('llm', 1_000, () => 1, 4_000);
    record.made('llm', 1_000, () => 0.05, 5_001);
    const bins = record.of('llm') ?? [];
    expect(bins).toHaveLength(FORECAST_BINS);
    expect(bins[9]?.slice(0, 2)).toEqual([3, 1]);
    expect(bins[9]?.[2]).toBeCloseTo(2.86);
    expect(bins[0]).toEqual([0, 0, 0]);
  });

  it('survives a restart, and forgets backends that are gone', () => {
    const record = new ForecastRecord();
    record.made('llm', 1_000, () => 0.5, 0);
    record.came('llm', 1);
    const restored = new ForecastRecord();
    restored.restore({ ...record.snapshot(), other: [[1, 1, 1]] });
    expect(restored.of('llm')).toEqual(record.of('llm'));
    expect(restored.of('other')).toBeUndefined();
    restored.keepOnly((name) => name !== 'llm');
    expect(restored.of('llm')).toBeUndefined();
  });

  it('weighs the present more than the past', () => {
    const record = new ForecastRecord();
    const make = (n: number, isTrue: boolean) => {
      for (let i = 0; i < n; i += 1) {
        record.made('llm', 10, () => 0.5, 100 * i);
        record.came('llm', 100 * i + (isTrue ? 5 : 50));
      }
    };
    make(5_000, false);
    make(5_000, true);
    const [made = 0, came = 0] = record.of('llm')?.[5] ?? [];
    expect(made).toBeLessThanOrEqual(1_000);
    expect(came / made).toBeGreaterThan(0.95);
  });
});
