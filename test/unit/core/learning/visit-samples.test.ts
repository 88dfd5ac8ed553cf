/** What finished runs did at, before and after each visit: whole runs, with their correlations. */

import { describe, expect, it } from 'vitest';
import { PriorPool } from '../../../../src/core/learning/prior-pool.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { MAX_VISIT_NUMBER, VisitSamples } from '../../../../src/core/learning/visit-samples.ts';
import type { Speeds } from '../../../../src/core/runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../../../../src/core/runs/recorded-run.ts';
import type { VisitState } from '../../../../src/core/runs/visit-state.ts';

const SPEEDS: Speeds = (backend) =>
  backend === 'llm' ? { inputMs: 0.1, outputMs: 10 } : { inputMs: 0, outputMs: 1 };

function llm(unit: string, outputs: readonly number[], input = 100, gapMs = 0): VisitRecord {
  return {
    unit,
    backend: 'llm',
    gap_ms: gapMs,
    calls: outputs.map((output) => ({ input_tokens: input, output_tokens: output })),
  };
}

function tool(unit: string, serviceMs: number, backend = 'tool'): VisitRecord {
  return { unit, backend, calls: [{ service_ms: serviceMs }] };
}

const runOf = (...units: VisitRecord[]): RecordedRun => ({
  run: 'r',
  app: 'app',
  arrival_ms: 0,
  units,
});

function samplesOf(runs: readonly RecordedRun[]): VisitSamples {
  const samples = new VisitSamples(new PriorPool());
  const random = seededRandom(11);
  runs.forEach((run, i) => {
    samples.learn(run, i * 1_000, SPEEDS, random);
  });
  return samples;
}

/** The work that is left at a backend in the runs that are similar to one at this state. */
function workOf(samples: VisitSamples, state: VisitState, backend: string, speeds: Speeds) {
  return samples.prospects(state, backend, speeds)?.workMs ?? new Float64Array(0);
}

function at(unit: string, fields: Partial<VisitState> = {}): VisitState {
  return {
    unit,
    visit: 1,
    fanOut: 1,
    fanOutBefore: 0,
    inputTokens: 100,
    beforeMs: 0,
    ...fields,
  };
}

function expectNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    if (value === Infinity) expect(got).toBe(Infinity);
    else expect(Math.abs(got - value)).toBeLessThanOrEqual(3e-4 * value);
  });
}

describe('VisitSamples', () => {
  it('splits each run into what was done and what remained, this visit included', () => {
    const samples = samplesOf([runOf(llm('a', [50, 30]), tool('b', 400), llm('c', [7]))]);
    expect(samples.backends).toEqual(['llm', 'tool']);
    const remaining = (unit: string, backend: string) => workOf(samples, at(unit), backend, SPEEDS);
    expectNear(remaining('a', 'llm'), [20 + 800 + 10 + 70]);
    expectNear(remaining('b', 'llm'), [80]);
    expectNear(remaining('c', 'llm'), [80]);
    expectNear(remaining('a', 'tool'), [400]);
    expectNear(remaining('b', 'tool'), [400]);
    expectNear(remaining('c', 'tool'), [0]);
  });

  it('knows the whole work of finished runs', () => {
    const samples = samplesOf([
      runOf(llm('a', [50]), llm('b', [20])),
      runOf(llm('c', [5]), tool('d', 60)),
    ]);
    expectNear(samples.totalMs('llm', SPEEDS), [720, 60]);
    expectNear(samples.totalMs('tool', SPEEDS), [0, 60]);
    expect(samples.totalMs('unheard', SPEEDS)).toHaveLength(0);
  });

  it('gives remaining work at the speed that it is asked for', () => {
    const samples = samplesOf([runOf(llm('a', [50]), llm('b', [20]))]);
    const quick: Speeds = () => ({ inputMs: 1, outputMs: 2 });
    expectNear(workOf(samples, at('a'), 'llm', SPEEDS), [720]);
    expectNear(workOf(samples, at('a'), 'llm', quick), [340]);
    expectNear(samples.totalMs('llm', quick), [340]);
  });

  it('keeps the correlation of units: the fan-out of a later one is that of an earlier one', () => {
    const runs = Array.from({ length: 200 }, (_, i) => {
      const outputs = new Array<number>((i % 10) + 1).fill(20);
      return runOf(llm('map', outputs, 0), llm('check', outputs, 0));
    });
    const samples = samplesOf(runs);
    for (const fanOut of [1, 4, 10]) {
      // Of the 40 nearest, the 20 with the same fan-out and 20 with the next ones.
      const all = workOf(samples, at('map', { fanOut, inputTokens: 0 }), 'llm', SPEEDS);
      const same = [...all].filter((ms) => Math.abs(ms - 2 * 200 * fanOut) < 1);
      expect(all).toHaveLength(40);
      expect(same).toHaveLength(20);
      expect(Math.max(...[...all].map((ms) => Math.abs(ms - 400 * fanOut)))).toBeLessThan(801);
    }
  });

  it('chooses by what was done before, where the present visit tells nothing', () => {
    const runs = Array.from({ length: 100 }, (_, i) =>
      runOf(llm('plan', [i % 5 === 0 ? 100 : 5]), llm('act', [i % 5 === 0 ? 300 : 10], 100)),
    );
    const samples = samplesOf(runs);
    const rest = workOf(samples, at('act', { fanOutBefore: 1, beforeMs: 1_010 }), 'llm', SPEEDS);
    expectNear(rest, new Array<number>(20).fill(3_010));
  });

  it('chooses by the number of calls before, where all work before was alike', () => {
    // One call of 80 tokens or eight of 10: the work is the same, but what follows differs.
    const runs = Array.from({ length: 100 }, (_, i) => {
      const split = i % 5 === 4;
      const plan = llm('plan', split ? new Array<number>(8).fill(10) : [80], 0);
      return runOf(plan, llm('act', [split ? 300 : 10], 0));
    });
    const state = at('act', { fanOutBefore: 8, beforeMs: 800, inputTokens: 0 });
    const rest = workOf(samplesOf(runs), state, 'llm', SPEEDS);
    expectNear(rest, new Array<number>(20).fill(3_000));
  });

  it('chooses by the input of the largest call', () => {
    const runs = Array.from({ length: 100 }, (_, i) => {
      const long = i % 5 === 4;
      const calls = [long ? 9_000 : 90, 80].map((input) => ({
        input_tokens: input,
        output_tokens: 1,
      }));
      return runOf({ unit: 'read', backend: 'llm', calls });
    });
    const state = at('read', { fanOut: 2, inputTokens: 9_000 });
    const rest = workOf(samplesOf(runs), state, 'llm', SPEEDS);
    expectNear(rest, new Array<number>(20).fill(928));
  });

  it('gives the time until a backend is needed, in a run that never waits', () => {
    // The longest of the parallel calls takes 100 * 0.1 + 80 * 10 ms; a gap of 50 ms follows.
    const samples = samplesOf([runOf(llm('a', [80, 30], 100, 50), llm('b', [9]), tool('c', 5))]);
    expectNear(samples.needMs(at('a'), 'llm'), [810 + 50]);
    expectNear(samples.needMs(at('a'), 'tool'), [810 + 50 + 100]);
    expectNear(samples.needMs(at('b'), 'tool'), [100]);
    expectNear(samples.needMs(at('c'), 'llm'), [Infinity]);
    expectNear(samples.needMs(at('a'), 'unheard'), [Infinity]);
    expect(samples.needMs(at('stranger'), 'llm')).toHaveLength(0);
  });

  it('widens for a new backend: runs before it never needed it', () => {
    const samples = samplesOf([
      runOf(llm('a', [10])),
      runOf(llm('a', [10])),
      runOf(llm('a', [10]), tool('b', 300)),
    ]);
    expectNear(samples.needMs(at('a'), 'tool'), [Infinity, Infinity, 110]);
    expectNear(workOf(samples, at('a'), 'tool', SPEEDS), [0, 0, 300]);
    expectNear(workOf(samples, at('a'), 'llm', SPEEDS), [110, 110, 110]);
  });

  it('separates the visits of a unit, and uses an earlier one while it has few samples', () => {
    const loop = (n: number) => runOf(...Array.from({ length: n }, () => llm('a', [10], 0)));
    const samples = samplesOf([loop(1), loop(1), loop(3), loop(3)]);
    expect([1, 2, 3, 4].map((visit) => samples.size('a', visit))).toEqual([4, 2, 2, 0]);
    const rest = (visit: number) => workOf(samples, at('a', { visit }), 'llm', SPEEDS);
    expectNear(rest(1), [100, 100, 300, 300]);
    expectNear(rest(2), [100, 100, 300, 300]);
    const more = samplesOf([loop(1), loop(3), loop(3), loop(3)]);
    const second = workOf(more, at('a', { visit: 2 }), 'llm', SPEEDS);
    expectNear(second, [200, 200, 200]);
  });

  it('counts visits beyond the sixth as the sixth', () => {
    const samples = samplesOf([runOf(...Array.from({ length: 9 }, () => llm('a', [10], 0)))]);
    expect(MAX_VISIT_NUMBER).toBe(6);
    expect(samples.size('a', 5)).toBe(1);
    expect(samples.size('a', 6)).toBe(4);
    expect(samples.size('a', 60)).toBe(4);
    const rest = workOf(samples, at('a', { visit: 8 }), 'llm', SPEEDS);
    expectNear(
      [...rest].sort((x, y) => x - y),
      [100, 200, 300, 400],
    );
  });

  it('knows nothing of a unit or a backend that it never saw', () => {
    const samples = samplesOf([runOf(llm('a', [10]))]);
    expect(workOf(samples, at('stranger'), 'llm', SPEEDS)).toHaveLength(0);
    expect(workOf(samples, at('a'), 'unheard', SPEEDS)).toHaveLength(0);
    expect(samples.size('stranger', 1)).toBe(0);
  });

  it('stays in its budget with many units', () => {
    const runs = Array.from({ length: 300 }, () =>
      runOf(...Array.from({ length: 30 }, (_, u) => llm(`u${u}`, [10]))),
    );
    const samples = samplesOf(runs);
    expect(samples.byteLength).toBeLessThanOrEqual(45_000);
    expect(samples.size('u0', 1)).toBeGreaterThan(64);
    expect(samples.size('u0', 1)).toBeLessThan(256);
  });
});
