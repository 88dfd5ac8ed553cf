import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppLabels, MAX_APPS, OTHER_APP } from '../../../src/metrics/app-labels.ts';
import { BUCKETS } from '../../../src/metrics/catalogue.ts';
import { Counter, Histogram } from '../../../src/metrics/counts.ts';
import { MetricSet } from '../../../src/metrics/metric-set.ts';
import type { Sample } from '../../../src/protocol/metrics.ts';

const sum = (samples: readonly Sample[]) =>
  samples.reduce((all, [, value]) => all + Number(value), 0);

describe('labels of applications', () => {
  it('are the first 200, and then `other`', () => {
    const apps = new AppLabels();
    const labels = Array.from({ length: 10_000 }, (_, i) => apps.labelOf(`app-${i}`, 'k'));
    expect(new Set(labels).size).toBe(MAX_APPS + 1);
    expect(labels.slice(MAX_APPS).every((label) => label === OTHER_APP)).toBe(true);
    expect(apps.labelOf('app-7', 'k')).toBe('app-7');
  });

  it('are left for other API keys, where one has made up 10,000 names', () => {
    const apps = new AppLabels();
    for (let i = 0; i < 10_000; i += 1) apps.labelOf(`made-up-${i}`, 'greedy');
    for (let key = 0; key < 10; key += 1) {
      for (let i = 0; i < 5; i += 1) {
        expect(apps.labelOf(`app-${key}-${i}`, `key-${key}`)).toBe(`app-${key}-${i}`);
      }
    }
    expect(apps.labelOf('one more', 'late')).toBe(OTHER_APP);
    expect(apps.labelOf('one more', 'greedy')).toBe(OTHER_APP);
  });
});

describe('a counter', () => {
  it('has a bounded number of series, and loses nothing of what has an application', () => {
    const counter = new Counter('talaria_calls_total');
    for (let i = 0; i < 10_000; i += 1) counter.add(['m', 'e', `app-${i}`, 'ok', 'ok']);
    const samples = counter.samples();
    expect(samples.length).toBeLessThanOrEqual(1_001);
    expect(sum(samples)).toBe(10_000);
  });

  it('has a bounded number of series also where there is no application', () => {
    const counter = new Counter('talaria_refusals_total');
    for (let i = 0; i < 10_000; i += 1) counter.add([`key-${i}`, 'queue_full']);
    expect(counter.samples()).toHaveLength(1_250);
    counter.add(['key-0', 'queue_full']);
    expect(counter.samples()[0]).toEqual([['key-0', 'queue_full'], 2]);
  });

  it('tells label sets apart whose texts would be one', () => {
    const counter = new Counter('talaria_refusals_total');
    counter.add(['a b', 'c']);
    counter.add(['a', 'b c']);
    expect(counter.samples()).toHaveLength(2);
  });
});

describe('a histogram', () => {
  it('counts each value once, in the first bucket that holds it', () => {
    const name = 'talaria_queue_duration_seconds';
    const bounds = BUCKETS[name];
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 200, noNaN: true })), (values) => {
        const histogram = new Histogram(name, bounds);
        for (const value of values) histogram.observe(['m', 'a'], value);
        const [sample] = histogram.samples();
        const [total = 0, ...counts] = (sample?.[1] ?? [0]) as readonly number[];
        expect(total).toBeCloseTo(
          values.reduce((a, b) => a + b, 0),
          6,
        );
        bounds.forEach((bound, i) => {
          const upTo = counts.slice(0, i + 1).reduce((a, b) => a + b, 0);
          expect(upTo).toBe(values.filter((value) => value <= bound).length);
        });
        expect(counts.reduce((a, b) => a + b, 0)).toBe(values.length);
      }),
    );
  });

  it('has a bounded number of series', () => {
    const set = new MetricSet();
    for (let i = 0; i < 10_000; i += 1) {
      set.observe('talaria_call_duration_seconds', ['m', `app-${i}`], 1);
    }
    const samples = set.samples().talaria_call_duration_seconds ?? [];
    expect(samples).toHaveLength(251);
    expect(samples.flatMap(([, counts]) => counts).reduce((a, b) => Number(a) + Number(b), 0)).toBe(
      // Sums and counts.
      20_000,
    );
  });
});
