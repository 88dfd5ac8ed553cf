/** Distances in columns are those of the visits, one by one. */
import { expect, it } from 'vitest';
import { LIKENESS_FEATURES, PastRuns } from '../../../../src/core/learning/past-runs.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { LikenessTable } from '../../../../src/core/waits/likeness-table.ts';
import { llm, runOf } from '../../../run-builders.ts';

const random = seededRandom(5);
const runs = new PastRuns();
const learn = () =>
  runs.learn(runOf('app', llm('unit', [1 + 100 * random()], 1_000 * random())), () => ({
    inputMs: 0.1,
    outputMs: 10,
  }));
const inState = () => runs.inState('app', { unit: 'unit', visit: 1 });
for (let i = 0; i < 50; i += 1) learn();

it.each([3, undefined])('sums squares in variances of each column, with an output of %s', (out) => {
  const past = inState();
  const features = Float32Array.from({ length: LIKENESS_FEATURES }, () => 5 * random());
  const found = new LikenessTable(past).distances({ features, logOutput: out });
  // Of runs of one visit with one call only the input and the output differ.
  const expected = past.map(() => 0);
  const add = (values: readonly number[], target: number | undefined) => {
    if (target === undefined) return;
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    values.forEach((v, i) => {
      expected[i] = (expected[i] ?? 0) + (v - target) ** 2 / variance;
    });
  };
  add(
    past.map((visit) => visit.features[2] ?? 0),
    features[2],
  );
  add(
    past.map(({ logOutput }) => logOutput),
    out,
  );
  expect(found).toHaveLength(50);
  found.forEach((distance, i) => {
    expect(distance).toBeCloseTo(expected[i] ?? Number.NaN, 6);
  });
});

it('is of a list until a run is added or forgotten', () => {
  let table = new LikenessTable(inState());
  expect(table.isOf(inState())).toBe(true);
  // Beyond a bound each new run takes the place of the oldest one.
  for (let i = 0; i < 1_100; i += 1) {
    learn();
    expect(table.isOf(inState())).toBe(false);
    table = new LikenessTable(inState());
    expect(table.isOf(inState())).toBe(true);
  }
});
