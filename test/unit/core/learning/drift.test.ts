/**
 * A change in a unit's behaviour is detected, and its old samples then weigh less than the new
 * ones.
 */
import { describe, expect, it } from 'vitest';
import { ApplicationModel } from '../../../../src/core/learning/application-model.ts';
import { DriftDetector } from '../../../../src/core/learning/drift.ts';
import { PriorPool } from '../../../../src/core/learning/prior-pool.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { llm, normal, queryAt, runOf, teach } from '../../../run-builders.ts';

/** Lognormal sizes with this median. */
function sizes(n: number, median: number, sigma: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: n }, () => Math.exp(Math.log(median) + sigma * normal(random)));
}

function alarms(detector: DriftDetector, observed: readonly number[]): number {
  return observed.filter((size) => detector.observe(size)).length;
}

describe('the detector', () => {
  it.each([0.05, 0.3, 0.8, 1.5])('keeps quiet on steady sizes of sigma %s', (sigma) => {
    const counts = [1, 2, 3, 4, 5, 6].map((seed) =>
      alarms(new DriftDetector(), sizes(2_000, 500, sigma, seed)),
    );
    for (const count of counts) expect(count).toBeLessThanOrEqual(5);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(15);
  });

  it.each([3, 1 / 3, 2, 1 / 2])('notices that sizes are %s times what they were', (factor) => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const detector = new DriftDetector();
      for (const size of sizes(250, 500, 0.5, seed)) detector.observe(size);
      const after = sizes(20, 500 * factor, 0.5, seed + 10);
      expect(after.findIndex((size) => detector.observe(size))).toBeGreaterThan(0);
    }
  });

  it('treats one very large size as an outlier', () => {
    const detector = new DriftDetector();
    const before = alarms(detector, sizes(100, 500, 0.3, 1));
    expect([before, detector.observe(1e9), detector.observe(500)]).toEqual([0, false, false]);
  });

  it('notices a change among sizes that were always the same, and settles on it', () => {
    const detector = new DriftDetector();
    expect(alarms(detector, new Array<number>(50).fill(400))).toBe(0);
    expect(alarms(detector, new Array<number>(500).fill(1_200))).toBe(1);
    expect(alarms(detector, new Array<number>(50).fill(400))).toBe(1);
  });

  it('does not mind sizes of 0', () => {
    expect(alarms(new DriftDetector(), new Array<number>(500).fill(0))).toBe(0);
  });
});

describe('an application that changes', () => {
  const OLD = 1_000;
  const NEW = 3_000;

  function modelAfter(changed: number): ApplicationModel {
    const model = new ApplicationModel('app', new PriorPool());
    const before = sizes(250, OLD, 0.15, 1).map((size) => runOf('app', llm('u', [size])));
    const after = sizes(changed, NEW, 0.15, 2).map((size) => runOf('app', llm('u', [size])));
    teach(model, [...before, ...after]);
    return model;
  }

  it('ranks as it did before the change', () => {
    const rank = modelAfter(0).rankMs(queryAt('u'));
    expect(Math.abs(rank / OLD - 1)).toBeLessThan(0.15);
  });

  it('ranks as it does now within twenty runs', () => {
    const rank = modelAfter(20).rankMs(queryAt('u'));
    expect(Math.abs(rank / NEW - 1)).toBeLessThan(0.15);
  });

  it('ranks by the graph as it does now, where its samples are too few', () => {
    const before = Array.from({ length: 250 }, () => runOf('app', llm('u', [OLD])));
    const after = Array.from({ length: 40 }, () => runOf('app', llm('u', [NEW])));
    const model = new ApplicationModel('app', new PriorPool());
    teach(model, [...before, ...after]);
    const rank = model.graph.rankMs('u', 'llm', () => ({ inputMs: 0, outputMs: 1 }), 1) ?? 0;
    // 50 that are left of 250, and 40: without forgetting, the mean would be 1,276.
    expect(rank).toBeGreaterThan(1_700);
  });

  it('keeps a fifth of what it knew, and of units that did not change as well', () => {
    const model = new ApplicationModel('app', new PriorPool());
    const run = (size: number) => runOf('app', llm('same', [50]), llm('u', [size]));
    teach(model, [
      ...Array.from({ length: 250 }, () => run(OLD)),
      ...Array.from({ length: 20 }, () => run(NEW)),
    ]);
    for (const unit of ['same', 'u']) {
      expect(model.samples.size(unit, 1)).toBeLessThan(100);
      expect(model.samples.size(unit, 1)).toBeGreaterThan(40);
    }
    // The rest of the run after the unchanged unit has changed.
    const rank = model.rankMs(queryAt('same'));
    expect(Math.abs(rank / (NEW + 50) - 1)).toBeLessThan(0.15);
  });

  it('counts a fan-out of many equal calls as one observation', () => {
    const model = new ApplicationModel('app', new PriorPool());
    const random = seededRandom(3);
    const runs = Array.from({ length: 200 }, () => {
      // The calls of one run have the same size; sizes differ between runs.
      const mean = Math.exp(6 + 0.5 * normal(random));
      return runOf('app', llm('u', new Array<number>(20).fill(mean)));
    });
    teach(model, runs);
    expect(model.samples.size('u', 1)).toBe(200);
  });
});
