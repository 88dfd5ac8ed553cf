/**
 * The source of an application's rank, by how much is known of it: a built-in guess, other
 * applications' runs, one or two samples, the graph, whole samples. And the model's other queries.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApplicationModel } from '../../../../src/core/learning/application-model.ts';
import { PriorPool } from '../../../../src/core/learning/prior-pool.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';
import { llm, queryAt, runOf, teach, tool } from '../../../run-builders.ts';

/** The built-in guess at 1 ms an output token. */
const GUESS_MS = 200;

const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));

function modelOf(runs: readonly RecordedRun[], pool = new PriorPool()): ApplicationModel {
  const model = new ApplicationModel('app', pool);
  teach(model, runs);
  return model;
}

/** A prior pool with runs of another application. */
function poolOf(runs: readonly RecordedRun[]): PriorPool {
  const pool = new PriorPool();
  modelOf(runs, pool);
  return pool;
}

describe('an application that was never seen', () => {
  it('ranks by the built-in guess where nothing else was seen either', () => {
    const model = modelOf([]);
    expect(model.rankMs(queryAt('u'))).toBe(GUESS_MS);
    expect(model.rankMs(queryAt('u', { fanOut: 3 }))).toBe(3 * GUESS_MS);
    expect(model.rankMs(queryAt('u', { inputTokens: 0 }, { backend: 'tool' }))).toBe(2_000);
    const slow = () => ({ inputMs: 0.5, outputMs: 60 });
    expect(model.rankMs(queryAt('u', {}, { speeds: slow }))).toBe(50 + 200 * 60);
  });

  it('ranks by what others did on its backend, this visit and after it', () => {
    const pool = poolOf(times(30, () => runOf('other', llm('x', [4_000]), llm('y', [6_000]))));
    const rank = modelOf([], pool).rankMs(queryAt('u'));
    // Half of the visits had 10,000 ms left, the other half 6,000.
    expect(rank).toBeGreaterThan(5_000);
    expect(rank).toBeLessThan(12_100);
  });

  it('is not taken as short because others are', () => {
    const pool = poolOf(times(30, () => runOf('other', llm('x', [5]))));
    expect(modelOf([], pool).rankMs(queryAt('u'))).toBe(GUESS_MS);
  });

  it('is compared with the nearest visits, not with all', () => {
    const small = times(40, () => runOf('small', llm('x', [1_000], 100)));
    const large = times(40, () => runOf('large', llm('x', [30_000], 5_000)));
    const model = modelOf([], poolOf([...small, ...large]));
    const near = (inputTokens: number) => model.rankMs(queryAt('u', { inputTokens }));
    expect(near(120) / 1_000).toBeCloseTo(1, 1);
    expect(near(4_800) / 30_000).toBeCloseTo(1, 1);
  });

  it('is compared with visits of its backend first, then of its kind', () => {
    const pool = new PriorPool();
    modelOf(
      times(25, () => runOf('other', llm('x', [3_000]))),
      pool,
    );
    modelOf(
      times(25, () => runOf('other', { ...llm('x', [50_000]), backend: 'big' })),
      pool,
    );
    modelOf(
      times(25, () => runOf('other', tool('t', 9_000))),
      pool,
    );
    modelOf(
      times(5, () => runOf('other', { ...llm('x', [400_000]), backend: 'rare' })),
      pool,
    );
    const model = modelOf([], pool);
    const on = (backend: string) => model.rankMs(queryAt('u', {}, { backend }));
    expect(on('llm') / 3_000).toBeCloseTo(1, 2);
    expect(on('big') / 50_000).toBeCloseTo(1, 2);
    // One backend has too few visits, the other none: visits of all model backends count, but not
    // of tools.
    for (const backend of ['rare', 'new']) {
      expect(on(backend)).toBeGreaterThan(2_900);
      expect(on(backend)).toBeLessThan(100_000);
    }
    const toolRank = model.rankMs(queryAt('t2', { inputTokens: 0 }, { backend: 'new-tool' }));
    expect(toolRank / 9_000).toBeCloseTo(1, 2);
  });
});

describe('an application that was seen once', () => {
  const pool = () => poolOf(times(400, () => runOf('other', llm('x', [20_000]))));

  it('has a rank in which its own sample weighs one and the prior three', () => {
    // Its own 10,000 and three of 20,000: stopping at the last costs (10 + 3 * 20) / 4.
    const shorter = modelOf([runOf('app', llm('u', [10_000]))], pool());
    expect(shorter.rankMs(queryAt('u')) / 17_500).toBeCloseTo(1, 1);
    // Its own 60,000 and three of 20,000: stopping at 20,000 costs 4 * 20 for three ends.
    const longer = modelOf([runOf('app', llm('u', [60_000]))], pool());
    expect(longer.rankMs(queryAt('u')) / 26_667).toBeCloseTo(1, 1);
  });

  it('ranks by its own alone where there is no prior', () => {
    const model = modelOf([runOf('app', llm('u', [10_000]))]);
    expect(model.rankMs(queryAt('u')) / 10_000).toBeCloseTo(1, 2);
  });

  it('has a finite, positive rank at any age', () => {
    const model = modelOf([runOf('app', llm('u', [10_000]))], pool());
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (attainedMs) => {
        const rank = model.rankMs(queryAt('u', {}, { attainedMs }));
        expect(rank).toBeGreaterThan(0);
        expect(rank).toBeLessThan(Infinity);
      }),
      { numRuns: 50 },
    );
  });

  it('no longer depends on the prior after a few runs', () => {
    const model = modelOf(
      times(3, () => runOf('app', llm('u', [1_000]))),
      pool(),
    );
    expect(model.rankMs(queryAt('u')) / 1_000).toBeCloseTo(1, 2);
  });
});

describe('the graph and whole samples', () => {
  /** Always three visits, so what is left depends only on the number of the visit. */
  const threeVisits = () => runOf('app', llm('u', [100]), llm('u', [100]), llm('u', [100]));
  const third = queryAt('u', { visit: 3, fanOutBefore: 2, beforeMs: 200 });

  it('ranks by the graph, which has no memory, while a state has few samples', () => {
    const model = modelOf(times(10, threeVisits));
    // In the graph, every visit is the last one with a probability of a third.
    expect(model.rankMs(third)).toBeCloseTo(300, 0);
  });

  it('ranks by whole samples from twenty on', () => {
    expect(modelOf(times(20, threeVisits)).rankMs(third)).toBeCloseTo(100, 0);
  });
});

describe('a run older than all samples', () => {
  it.each([
    ['of whole samples', 30],
    ['of the graph', 5],
    ['of one run', 1],
  ])('is not at the front, by the model %s', (_, runs) => {
    const model = modelOf(times(runs, () => runOf('app', llm('u', [1_000]))));
    const fresh = model.rankMs(queryAt('u'));
    for (const attainedMs of [1_001, 5_000, 1e6]) {
      const old = model.rankMs(queryAt('u', {}, { attainedMs }));
      expect(old).toBeGreaterThanOrEqual(fresh * 0.99);
      expect(old).toBeLessThan(Infinity);
    }
  });

  it('ranks by its age where whole samples are many', () => {
    const model = modelOf(times(30, () => runOf('app', llm('u', [1_000]))));
    expect(model.rankMs(queryAt('u', {}, { attainedMs: 5_000 }))).toBe(5_000);
  });
});

describe('the mean that remains', () => {
  it('is that of the runs which got as far', () => {
    const model = modelOf(times(40, (i) => runOf('app', llm('u', [i % 2 === 0 ? 100 : 900]))));
    expect(model.meanRemainingMs(queryAt('u'))).toBeCloseTo(500, -1);
    expect(model.meanRemainingMs(queryAt('u', {}, { attainedMs: 200 }))).toBeCloseTo(700, -1);
    expect(model.meanRemainingMs(queryAt('u', {}, { attainedMs: 9_000 }))).toBeGreaterThan(0);
  });
});

describe('the time that a run still takes', () => {
  it('is that of the critical path: the longest call of a fan-out, gaps, other backends', () => {
    const run = runOf(
      'app',
      { ...llm('a', [100, 300, 200]), gap_ms: 50 },
      tool('b', 400),
      llm('c', [70]),
    );
    const model = modelOf(times(10, () => run));
    const { soonMs, lateMs, workMs } = model.timeLeft(queryAt('a', { fanOut: 3 }));
    expect(soonMs).toBeCloseTo(820, 0);
    expect(lateMs).toBeCloseTo(820 * 1.4, 0);
    expect(workMs).toBeCloseTo(670, 0);
  });

  it('is taken from the shortest samples for lost deadlines, and from the longest for late ones', () => {
    const model = modelOf(times(19, (i) => runOf('app', llm('u', [100 * (i + 1)]))));
    const { soonMs, lateMs } = model.timeLeft(queryAt('u'));
    expect(soonMs).toBeLessThanOrEqual(200);
    expect(lateMs).toBeCloseTo(1_900 * 1.4, -1);
  });

  it('is that of similar units, or the guess, for what was never seen', () => {
    const pool = poolOf(times(30, () => runOf('other', llm('x', [4_000]))));
    expect(modelOf([], pool).timeLeft(queryAt('u')).lateMs).toBeCloseTo(5_600, -1);
    expect(modelOf([]).timeLeft(queryAt('u'))).toEqual({
      soonMs: 0,
      lateMs: GUESS_MS,
      workMs: GUESS_MS,
    });
  });
});

describe('the need of a backend', () => {
  const model = modelOf(
    times(20, (i) => runOf('app', llm('u', [1_000]), ...(i % 4 === 0 ? [tool('t', 5)] : []))),
  );
  const need = (elapsedMs: number, withinMs: number, inVisit = true) =>
    model.need({
      state: queryAt('u').state,
      backend: 'tool',
      elapsedMs,
      inVisit,
      withinMs,
    });

  it('is the share of similar runs that reached it, with one added that did not', () => {
    expect(need(0, 500)).toEqual({ within: 0, ever: 5 / 21 });
    expect(need(600, 500)).toEqual({ within: 5 / 21, ever: 5 / 21 });
    expect(need(-500, 1_400)).toEqual({ within: 0, ever: 5 / 21 });
  });

  it('ends with the visit, and not before', () => {
    expect(need(1_100, 500, false)).toEqual({ within: 0, ever: 0 });
    expect(need(1_100, 500, true)).toEqual({ within: 5 / 21, ever: 5 / 21 });
  });

  it('is none where nothing is known', () => {
    const state = queryAt('stranger').state;
    const query = { state, backend: 'tool', elapsedMs: 0, inVisit: true, withinMs: 1e9 };
    expect(modelOf([]).need(query)).toEqual({ within: 0, ever: 0 });
  });
});
