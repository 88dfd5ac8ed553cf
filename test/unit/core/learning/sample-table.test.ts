/**
 * The samples of one state: how many it keeps, which it finds near, and the work that they give.
 */

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { SAMPLE_CAPACITY, SampleTable } from '../../../../src/core/learning/sample-table.ts';
import {
  type BackendShare,
  bytesPerSample,
  type VisitSample,
} from '../../../../src/core/learning/visit-sample.ts';
import type { Likeness } from '../../../../src/core/runs/visit-state.ts';

const MILLISECONDS = { inputMs: 0, outputMs: 1 };
const DAY_MS = 86_400_000;

function share(output: number, needMs = 0, input = 0): BackendShare {
  return { remaining: { input, output }, needMs };
}

function sampleOf(shares: readonly BackendShare[], like: Partial<Likeness> = {}): VisitSample {
  return { fanOut: 1, fanOutBefore: 0, inputTokens: 100, beforeMs: 0, pathMs: 0, ...like, shares };
}

/** A table of `count` samples, made one after the other. */
function tableOf(count: number, make: (i: number) => VisitSample, everyMs = 1_000): SampleTable {
  const random = seededRandom(7);
  const table = new SampleTable(1);
  for (let i = 0; i < count; i += 1) table.add(make(i), i * everyMs, random);
  return table;
}

/** Sizes are stored to 0.02 %. */
function expectNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs((actual[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(3e-4 * value);
  });
}

describe('SampleTable', () => {
  it('keeps 256 samples and no more, in as many bytes as it says', () => {
    const table = tableOf(1_000, (i) => sampleOf([share(i + 1)]));
    expect(SAMPLE_CAPACITY).toBe(256);
    expect(table.size).toBe(256);
    expect(table.all()).toHaveLength(256);
    expect(table.byteLength).toBe(256 * bytesPerSample(1));
  });

  it('is empty to begin with', () => {
    const table = new SampleTable(2);
    expect(table.size).toBe(0);
    expect(table.byteLength).toBe(0);
    expect(table.nearest(sampleOf([]))).toHaveLength(0);
  });

  it('keeps every sample until it is full, then new ones take the place of old ones', () => {
    const outputs = (t: SampleTable) => [...t.remainingMs(t.all(), 0, MILLISECONDS)];
    const full = tableOf(256, (i) => sampleOf([share(i < 256 ? 10 : 20)]));
    expectNear(outputs(full), new Array<number>(256).fill(10));
  });

  it('has forgotten half of the old ones after 200 more', () => {
    const random = seededRandom(3);
    let old = 0;
    for (let turn = 0; turn < 50; turn += 1) {
      const table = new SampleTable(1);
      for (let i = 0; i < 456; i += 1) {
        table.add(sampleOf([share(i < 256 ? 10 : 20)]), i * DAY_MS, random);
      }
      const left = table.remainingMs(table.all(), 0, MILLISECONDS);
      old += left.filter((ms) => ms < 15).length / left.length / 50;
    }
    expect(old).toBeGreaterThan(0.485);
    expect(old).toBeLessThan(0.515);
  });

  it('forgets by the day and not by the sample where many come in a day', () => {
    const make = (i: number) => sampleOf([share(i < 10_000 ? 10 : 20)]);
    const table = tableOf(11_000, make, DAY_MS / 100_000);
    const old = [...table.remainingMs(table.all(), 0, MILLISECONDS)].filter((ms) => ms < 15);
    // Of the last 1,000 only one in fifty is kept; without the limit a day nearly all would be.
    expect(old.length).toBeGreaterThan(200);
    expect(old.length).toBeLessThan(256);
  });

  it('keeps at most as many as its application can afford', () => {
    const random = seededRandom(1);
    const table = new SampleTable(1);
    for (let i = 0; i < 100; i += 1) table.add(sampleOf([share(1)]), i, random);
    table.add(sampleOf([share(1)]), 100, random, 40);
    expect(table.size).toBe(40);
    table.add(sampleOf([share(1)]), 101, random, 60);
    expect(table.size).toBe(41);
  });

  it('finds samples of the same fan-out first', () => {
    const table = tableOf(200, (i) => sampleOf([share(1_000 * (i % 5) + 1)], { fanOut: i % 5 }));
    for (const fanOut of [0, 1, 2, 3, 4]) {
      const rows = table.nearest(sampleOf([], { fanOut }));
      expect(rows).toHaveLength(40);
      expect([...rows].every((row) => row % 5 === fanOut)).toBe(true);
    }
  });

  it.each(['fanOutBefore', 'inputTokens', 'beforeMs'] as const)(
    'tells samples by %s',
    (feature) => {
      // The near samples come last, because among equal rows the first ones are taken.
      const table = tableOf(200, (i) => sampleOf([share(1)], { [feature]: i >= 160 ? 10 : 5_000 }));
      const rows = [...table.nearest(sampleOf([], { [feature]: 12 }))];
      expect(rows).toEqual(Array.from({ length: 40 }, (_, i) => 160 + i));
    },
  );

  it('weighs features by the samples that it has and not by those that it lost', () => {
    const table = tableOf(
      3_000,
      (i) => sampleOf([share((i % 10) + 1)], { fanOut: (i % 10) + 1 }),
      DAY_MS,
    );
    const rows = table.nearest(sampleOf([], { fanOut: 7 }));
    const near = [...table.remainingMs(rows, 0, MILLISECONDS)];
    const all = [...table.remainingMs(table.all(), 0, MILLISECONDS)];
    const same = all.filter((ms) => Math.round(ms) === 7).length;
    expect(near).toHaveLength(52);
    expect(near.filter((ms) => Math.round(ms) === 7)).toHaveLength(Math.min(52, same));
  });

  it('weighs features by how much they vary', () => {
    // The token counts differ by thousands, but that is noise; the fan-out differs by one, but
    // rarely.
    const table = tableOf(100, (i) =>
      sampleOf([share(1)], { fanOut: i % 5 === 0 ? 2 : 1, inputTokens: 10_000 + (i % 7) * 1_000 }),
    );
    const rows = [...table.nearest(sampleOf([], { fanOut: 2, inputTokens: 13_000 }))];
    expect(rows.length).toBe(20);
    expect(rows.every((row) => row % 5 === 0)).toBe(true);
  });

  it('takes a fifth of the samples as near, twenty at the least, or all', () => {
    const varied = (i: number) => sampleOf([share(1)], { fanOut: i });
    expect(tableOf(15, varied).nearest(varied(3))).toHaveLength(15);
    expect(tableOf(60, varied).nearest(varied(3))).toHaveLength(20);
    expect(tableOf(200, varied).nearest(varied(3))).toHaveLength(40);
  });

  it('gives the remaining work at the speed of the moment', () => {
    const table = tableOf(3, (i) => sampleOf([share(10 * (i + 1), 0, 1_000)]));
    const rows = table.all();
    expectNear(table.remainingMs(rows, 0, { inputMs: 0.1, outputMs: 25 }), [350, 600, 850]);
    expectNear(table.remainingMs(rows, 0, { inputMs: 0.2, outputMs: 5 }), [250, 300, 350]);
    expectNear(table.remainingMs(Int32Array.of(2), 0, MILLISECONDS), [30]);
  });

  it('gives the time until a backend was needed, and never for one it does not know', () => {
    const needs = [0, 2_500, Infinity];
    const table = tableOf(3, (i) => sampleOf([share(1, needs[i])]));
    const got = table.needMs(table.all(), 0);
    expect(got[0]).toBe(0);
    expectNear(got.subarray(1, 2), [2_500]);
    expect(got[2]).toBe(Infinity);
    expect([...table.needMs(table.all(), 1)]).toEqual([Infinity, Infinity, Infinity]);
  });

  it('widens for a backend that it had not seen: older samples never needed it', () => {
    const random = seededRandom(3);
    const table = new SampleTable(1);
    table.add(sampleOf([share(100, 10)], { fanOut: 3 }), 0, random);
    table.add(sampleOf([share(200, 20)], { fanOut: 4 }), 1, random);
    table.add(sampleOf([share(300, 30), share(7, 70)]), 2, random);
    // A sample with only the first backend.
    table.add(sampleOf([share(400, 40)]), 3, random);
    const rows = table.all();
    expectNear(table.remainingMs(rows, 0, MILLISECONDS), [100, 200, 300, 400]);
    expectNear(table.remainingMs(rows, 1, MILLISECONDS), [0, 0, 7, 0]);
    expectNear(table.needMs(rows, 0), [10, 20, 30, 40]);
    const second = [...table.needMs(rows, 1)];
    expect(second.map((ms) => ms === Infinity)).toEqual([true, true, false, true]);
    expectNear(second.slice(2, 3), [70]);
  });
});
