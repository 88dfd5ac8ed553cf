/** The demand graph of an application: its view, and the rank that it gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankTable } from '../../../../src/core/gittins/gittins.ts';
import { DemandGraph } from '../../../../src/core/learning/demand-graph.ts';
import { PriorPool } from '../../../../src/core/learning/prior-pool.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { VisitSamples } from '../../../../src/core/learning/visit-samples.ts';
import type { Speeds } from '../../../../src/core/runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../../../../src/core/runs/recorded-run.ts';

const SPEEDS: Speeds = (backend) =>
  backend === 'llm' ? { inputMs: 0.1, outputMs: 10 } : { inputMs: 0, outputMs: 1 };

function llm(unit: string, outputs: readonly number[], input = 100): VisitRecord {
  return {
    unit,
    backend: 'llm',
    calls: outputs.map((output) => ({ input_tokens: input, output_tokens: output })),
  };
}

function tool(unit: string, serviceMs: number): VisitRecord {
  return { unit, backend: 'tool', calls: [{ service_ms: serviceMs }] };
}

const runOf = (...units: VisitRecord[]): RecordedRun => ({
  run: 'r',
  app: 'app',
  arrival_ms: 0,
  units,
});

function graphOf(...runs: RecordedRun[]): DemandGraph {
  const graph = new DemandGraph();
  for (const run of runs) graph.learn(run, SPEEDS);
  return graph;
}

describe('DemandGraph', () => {
  it('has transitions out of each unit that sum to 1', () => {
    const units = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(units, { minLength: 1, maxLength: 20 }), (runs) => {
        const graph = graphOf(...runs.map((names) => runOf(...names.map((n) => llm(n, [10])))));
        expect(graph.runs).toBe(runs.length);
        const view = graph.view();
        expect(new Set(view.map((u) => u.unit))).toEqual(new Set(runs.flat()));
        for (const unit of view) {
          expect(unit.visits).toBe(runs.flat().filter((n) => n === unit.unit).length);
          expect(unit.next.reduce((sum, n) => sum + n.probability, 0)).toBeCloseTo(1, 12);
          const ends = runs.filter((names) => names.at(-1) === unit.unit).length;
          const end = unit.next.find((n) => n.unit === null)?.probability ?? 0;
          expect(end).toBeCloseTo(ends / unit.visits, 12);
        }
      }),
    );
  });

  it('keeps the units that were seen last, and their probabilities sum to 1', () => {
    const graph = new DemandGraph();
    for (let i = 0; i < 600; i += 1) {
      graph.learn(runOf(llm('first', [10]), llm(`unit-${i}`, [10]), llm('last', [10])), SPEEDS);
    }
    const view = graph.view();
    expect(view).toHaveLength(500);
    expect(view.map((u) => u.unit)).toEqual(expect.arrayContaining(['first', 'unit-599', 'last']));
    expect(graph.takeForgotten()).toHaveLength(102);
    expect(graph.takeForgotten()).toEqual([]);
    for (const { next } of view) {
      expect(next.reduce((sum, n) => sum + n.probability, 0)).toBeCloseTo(1, 9);
      for (const { unit } of next) expect(unit === null || graph.visits(unit)).toBeTruthy();
    }
    expect(graph.rankMs('first', 'llm', SPEEDS, 1)).toBeGreaterThan(0);
  });

  it('shows counts, means and deviations', () => {
    const graph = graphOf(
      runOf({ ...llm('plan', [10, 30], 50), gap_ms: 40 }, tool('search', 500)),
      runOf({ ...llm('plan', [20], 80), gap_ms: 60 }, tool('search', 700)),
      runOf(llm('plan', [20], 80)),
    );
    expect(graph.visits('plan')).toBe(3);
    expect(graph.visits('stranger')).toBe(0);
    const [plan, search] = graph.view();
    expect(plan).toMatchObject({
      unit: 'plan',
      backend: 'llm',
      visits: 3,
      next: [
        { unit: 'search', probability: 2 / 3 },
        { unit: null, probability: 1 / 3 },
      ],
    });
    expect(plan?.service_ms).toBeUndefined();
    expect(plan?.calls_per_visit.mean).toBeCloseTo(4 / 3, 12);
    expect(plan?.input_tokens?.count).toBe(4);
    expect(plan?.input_tokens?.mean).toBeCloseTo(65, 12);
    expect(plan?.output_tokens?.mean).toBeCloseTo(20, 12);
    expect(plan?.output_tokens?.deviation).toBeCloseTo(Math.sqrt(200 / 3), 12);
    expect(plan?.gap_ms).toMatchObject({ count: 2, mean: 50 });
    expect(search).toMatchObject({ unit: 'search', backend: 'tool', visits: 2 });
    expect(search?.service_ms).toMatchObject({ count: 2, mean: 600 });
    expect(search?.input_tokens).toBeUndefined();
    expect(search?.next).toEqual([{ unit: null, probability: 1 }]);
  });

  it('shows one observation without a deviation', () => {
    const [plan] = graphOf(runOf(llm('plan', [10]))).view();
    expect(plan?.output_tokens).toEqual({ count: 1, mean: 10, deviation: 0 });
  });

  it('ranks a chain that is always the same as whole samples do', () => {
    const run = runOf(llm('a', [50, 50]), tool('b', 300), llm('c', [20], 1_000), llm('d', [1]));
    const graph = graphOf(run, run, run);
    const samples = new VisitSamples(new PriorPool());
    const random = seededRandom(5);
    for (let i = 0; i < 3; i += 1) samples.learn(run, i, SPEEDS, random);
    const exact = { a: 1_340, b: 320, c: 320, d: 20 };
    const fanOuts = { a: 2, b: 1, c: 1, d: 1 };
    for (const unit of ['a', 'b', 'c', 'd'] as const) {
      const state = {
        unit,
        visit: 1,
        fanOut: fanOuts[unit],
        fanOutBefore: 0,
        inputTokens: 100,
        beforeMs: 0,
      };
      const rank = graph.rankMs(unit, 'llm', SPEEDS, fanOuts[unit]) ?? Number.NaN;
      const whole = RankTable.of(samples.prospects(state, 'llm', SPEEDS)?.workMs ?? []).rankAt(0);
      expect(rank).toBeCloseTo(exact[unit], 6);
      expect(Math.abs(whole / rank - 1)).toBeLessThan(1e-3);
    }
  });

  it('counts only the work of the backend that is asked for', () => {
    const graph = graphOf(runOf(llm('a', [50]), tool('b', 300)));
    expect(graph.rankMs('a', 'llm', SPEEDS, 1)).toBeCloseTo(510, 6);
    expect(graph.rankMs('a', 'tool', SPEEDS, 1)).toBeCloseTo(300, 6);
    expect(graph.rankMs('b', 'tool', SPEEDS, 1)).toBeCloseTo(300, 6);
  });

  it('follows the speed that it is given', () => {
    const graph = graphOf(runOf(llm('a', [50]), llm('b', [10])));
    expect(graph.rankMs('a', 'llm', SPEEDS, 1)).toBeCloseTo(620, 6);
    const quick: Speeds = () => ({ inputMs: 1, outputMs: 2 });
    expect(graph.rankMs('a', 'llm', quick, 1)).toBeCloseTo(320, 6);
  });

  it('takes the fan-out of the visit at hand instead of the mean', () => {
    const graph = graphOf(runOf(llm('a', [10, 10], 0)), runOf(llm('a', [10, 10, 10, 10], 0)));
    expect(graph.rankMs('a', 'llm', SPEEDS, 7)).toBeCloseTo(700, 6);
    expect(graph.rankMs('a', 'llm', SPEEDS, 0)).toBeCloseTo(100, 6);
  });

  it('stops at the expensive branch', () => {
    const cheap = runOf(llm('a', [2], 0), llm('b', [5], 0));
    const dear = runOf(llm('a', [2], 0), llm('c', [200], 0));
    const graph = graphOf(cheap, cheap, cheap, cheap, dear);
    expect(graph.rankMs('a', 'llm', SPEEDS, 1)).toBeCloseTo(75, 6);
    expect(graph.rankMs('c', 'llm', SPEEDS, 1)).toBeCloseTo(2_000, 6);
  });

  it('gives the same rank whatever was asked before, at another speed or with fewer runs', () => {
    const visit = fc.record({
      unit: fc.constantFrom('a', 'b', 'c'),
      outputs: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 3 }),
    });
    const runs = fc.array(fc.array(visit, { minLength: 1, maxLength: 4 }), { minLength: 1 });
    const held = { inputMs: 1, outputMs: 2 };
    const slow = { inputMs: 0, outputMs: 30 };
    const asks = ['a', 'b', 'c'].flatMap((unit) => [1, 3].map((fanOut) => ({ unit, fanOut })));
    fc.assert(
      fc.property(runs, (visits) => {
        const asked = new DemandGraph();
        const learned = visits.map((of) => runOf(...of.map((v) => llm(v.unit, v.outputs))));
        for (const [i, run] of learned.entries()) {
          asked.learn(run, SPEEDS);
          const speed = i % 4 < 2 ? held : slow;
          for (const { unit, fanOut } of asks) {
            const fresh = graphOf(...learned.slice(0, i + 1));
            const expected = fresh.rankMs(unit, 'llm', () => speed, fanOut);
            expect(asked.rankMs(unit, 'llm', () => speed, fanOut)).toBe(expected);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('does not rank a unit that it never saw', () => {
    expect(new DemandGraph().rankMs('a', 'llm', SPEEDS, 1)).toBeUndefined();
    expect(graphOf(runOf(llm('a', [1]))).rankMs('b', 'llm', SPEEDS, 1)).toBeUndefined();
  });
});
