/** The simulator against results computed by hand, and against queueing theory. */
import { describe, expect, it } from 'vitest';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { resultOf } from '../../../../scripts/sim/result.ts';
import { type SimOptions, simulate } from '../../../../scripts/sim/simulator.ts';
import { parseTrace } from '../../../../scripts/sim/trace.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { RecordedRun, VisitRecord } from '../../../../src/core/runs/recorded-run.ts';

const OPTIONS: Omit<SimOptions, 'policy'> = {
  alpha: 0,
  theta: 0.25,
  seed: 1,
  prewarm: 'off',
  history: [],
};

const ONE_SLOT = parseCluster({ backends: { b: { slots: 1 }, other: { slots: null } } }, 'test');

function run(name: string, arrivalMs: number, units: Array<number[] | VisitRecord>): RecordedRun {
  return {
    run: name,
    app: 'app',
    arrival_ms: arrivalMs,
    units: units.map((u) =>
      Array.isArray(u)
        ? { unit: 'u', backend: 'b', calls: u.map((service_ms) => ({ service_ms })) }
        : u,
    ),
  };
}

function completions(
  runs: RecordedRun[],
  policy: SimOptions['policy'],
  cluster = ONE_SLOT,
): Record<string, number> {
  const result = simulate(runs, cluster, { ...OPTIONS, policy });
  return Object.fromEntries(result.runs.map((r) => [r.run.run, r.completedMs]));
}

describe('the simulator', () => {
  it('serves calls of a visit in order, and a visit after the one before it and its gap', () => {
    const gap = { unit: 'u', backend: 'b', gap_ms: 7, calls: [{ service_ms: 10 }] };
    expect(completions([run('a', 5, [[10, 20], gap, [1]])], 'fcfs')).toEqual({ a: 53 });
  });

  it('fcfs: each visit queues anew; app-fcfs: it keeps the place of its run', () => {
    const runs = [run('a', 0, [[10], [10]]), run('b', 1, [[10]]), run('c', 2, [[10]])];
    expect(completions(runs, 'fcfs')).toEqual({ a: 40, b: 20, c: 30 });
    expect(completions(runs, 'app-fcfs')).toEqual({ a: 20, b: 30, c: 40 });
  });

  it('srpt: the run with the least actual work left goes first', () => {
    const runs = [run('a', 0, [[10], [50]]), run('b', 1, [[30]]), run('c', 2, [[5]])];
    expect(completions(runs, 'srpt')).toEqual({ c: 15, b: 45, a: 95 });
  });

  it('at one instant: ends come before arrivals, and arrivals before dispatch', () => {
    const runs = [run('a', 0, [[10]]), run('long', 10, [[50]]), run('short', 10, [[1]])];
    expect(completions(runs, 'srpt')).toEqual({ a: 10, short: 11, long: 61 });
    // The second visit of a is submitted with the end of its first, before b arrives.
    const tied = [run('a', 0, [[10], [10]]), run('b', 10, [[10]])];
    expect(completions(tied, 'fcfs')).toEqual({ a: 20, b: 30 });
  });

  it('equals go in the order in which they were submitted', () => {
    const runs = [run('a', 0, [[3, 3]]), run('b', 0, [[3, 3]])];
    expect(completions(runs, 'app-fcfs')).toEqual({ a: 6, b: 12 });
  });

  it('a cold backend starts with the first call; calls hold their slots meanwhile', () => {
    const cold = parseCluster(
      { backends: { b: { slots: 1, cold_start_ms: 100, idle_timeout_ms: 50 } } },
      'test',
    );
    const runs = [run('a', 0, [[10]]), run('b', 5, [[10]]), run('c', 300, [[10]])];
    const result = simulate(runs, cold, { ...OPTIONS, policy: 'fcfs' });
    expect(result.runs.map((r) => r.completedMs)).toEqual([110, 120, 410]);
    expect(resultOf('fcfs', result, false)).toMatchObject({
      summary: { cold_starts: 2, cold_wait_ms: 200, warm_ms: { b: 170 + 160 }, pings: 0 },
    });
  });

  it('measures a model call in tokens', () => {
    const llm = parseCluster(
      { backends: { b: { slots: 1, prefill_ms_per_token: 0.5, decode_ms_per_token: 20 } } },
      'test',
    );
    const call = { input_tokens: 100, output_tokens: 3 };
    const one = run('a', 1, [{ unit: 'u', backend: 'b', calls: [call] }]);
    expect(completions([one], 'gittins', llm)).toEqual({ a: 111 });
  });
});

/** Runs of one call: Poisson arrivals at a rate, service times from a distribution. */
function poisson(n: number, ratePerMs: number, seed: number, service: (u: number) => number) {
  const random = seededRandom(seed);
  let at = 0;
  return Array.from({ length: n }, (_, i) => {
    at -= Math.log(1 - random()) / ratePerMs;
    return run(`r${i}`, at, [[service(random())]]);
  });
}

/** The mean completion time over seeds, and three standard errors of it. */
function measured(
  policy: SimOptions['policy'],
  slots: number,
  ratePerMs: number,
  service: (u: number) => number,
): { mean: number; error: number } {
  const cluster = parseCluster({ backends: { b: { slots } } }, 'test');
  const means = Array.from({ length: 12 }, (_, seed) => {
    const runs = poisson(5_000, ratePerMs, seed + 1, service);
    const result = simulate(runs, cluster, { ...OPTIONS, policy });
    return result.runs.reduce((sum, r) => sum + r.completedMs - r.run.arrival_ms, 0) / runs.length;
  });
  const mean = means.reduce((sum, m) => sum + m, 0) / means.length;
  const variance = means.reduce((sum, m) => sum + (m - mean) ** 2, 0) / (means.length - 1);
  return { mean, error: 3 * Math.sqrt(variance / means.length) };
}

const exponential = (u: number) => -Math.log(1 - u);

describe('theory', () => {
  it('FCFS at one slot agrees with the M/G/1 formula', () => {
    // Service uniform on [0, 2]: E[S] = 1, E[S^2] = 4/3; load 0.7.
    const { mean, error } = measured('fcfs', 1, 0.7, (u) => 2 * u);
    expect(Math.abs(mean - (1 + (0.7 * (4 / 3)) / (2 * 0.3)))).toBeLessThan(error);
    expect(error).toBeLessThan(0.3);
  });

  it('FCFS at four slots agrees with the M/M/k formula', () => {
    const { mean, error } = measured('fcfs', 4, 2.8, exponential);
    // Erlang C of four servers at an offered load of 2.8.
    const terms = [1, 2.8, 2.8 ** 2 / 2, 2.8 ** 3 / 6];
    const last = (2.8 ** 4 / 24) * (4 / (4 - 2.8));
    const waits = last / (terms.reduce((sum, t) => sum + t, 0) + last);
    expect(Math.abs(mean - (1 + waits / (4 - 2.8)))).toBeLessThan(error);
  });

  it('with exponential work every policy that cannot see the future has the same mean', () => {
    const fcfs = measured('fcfs', 1, 0.7, exponential);
    const gittins = measured('gittins', 1, 0.7, exponential);
    expect(Math.abs(fcfs.mean - gittins.mean)).toBeLessThan(fcfs.error + gittins.error);
  });

  it('with equal sizes SRPT is FCFS', () => {
    const runs = poisson(2_000, 0.8, 7, () => 1);
    expect(completions(runs, 'srpt')).toEqual(completions(runs, 'fcfs'));
  });
});

describe('a trace', () => {
  const good =
    '{"run":"a","app":"x","arrival_ms":0,"units":[{"unit":"u","backend":"b","calls":[{"service_ms":1}]}]}';
  it.each([
    [`${good}\nnot json`, 'f:2: not valid JSON'],
    [`${good}\n${good}`, 'f:2: run: "a" is the run of line 1 already'],
    [good.replace('"arrival_ms":0,', ''), 'f:1: arrival_ms: '],
    [good.replace('"service_ms":1', '"service":1'), 'f:1: units[0].calls[0]: '],
    [good.replace('"arrival_ms":0', '"arrival_ms":-1'), 'f:1: arrival_ms: '],
    ['', 'f: expected at least one run'],
  ])('that is wrong is named by line and field: %s', (text, message) => {
    expect(() => parseTrace(text, 'f')).toThrow(message);
  });
});
