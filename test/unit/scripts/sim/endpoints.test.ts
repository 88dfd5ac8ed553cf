/** Several endpoints with prefix caches in a simulation, worked by hand. */
import { describe, expect, it } from 'vitest';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { measuresPrefixes } from '../../../../scripts/sim/first-tokens.ts';
import { resultOf } from '../../../../scripts/sim/result.ts';
import { type SimOptions, simulate } from '../../../../scripts/sim/simulator.ts';
import { parseTrace } from '../../../../scripts/sim/trace.ts';

const OPTIONS: Omit<SimOptions, 'policy'> = {
  alpha: 0,
  theta: 0.25,
  seed: 1,
  prewarm: 'off',
  history: [],
  affinity: 'off',
};

const SPEED = { prefill_ms_per_token: 1, decode_ms_per_token: 10, kv_block_tokens: 10 };

function clusterOf(llm: object) {
  return parseCluster({ backends: { llm: { ...SPEED, ...llm } } }, 'test');
}

/** A run of one visit after the other, each a call of so many tokens of the run's own text. */
function session(run: string, arrival_ms: number, inputs: number[], text = run): string {
  const units = inputs.map((input_tokens) => ({
    unit: 'turn',
    backend: 'llm',
    calls: [{ input_tokens, output_tokens: 1, prefix: [[text, input_tokens]] }],
  }));
  return JSON.stringify({ run, app: 'chat', arrival_ms, units });
}

function figures(
  lines: string[],
  llm: object,
  policy: SimOptions['policy'] = 'fcfs',
  options: Partial<SimOptions> = {},
) {
  const trace = parseTrace(lines.join('\n'), 'test');
  const cluster = clusterOf(llm);
  const result = simulate(trace, cluster, { ...OPTIONS, policy, ...options });
  expect(measuresPrefixes(trace, cluster)).toBe(true);
  const { summary } = resultOf(policy, result, false, true) as { summary: object };
  return { completed: result.runs.map((r) => r.completedMs), summary };
}

describe('several endpoints in a simulation', () => {
  it('a call takes the endpoint with the largest share of free slots, and of equals the first', () => {
    // a: 100 + 10 on the first; b on the second; c finds b's text on the second, which is free.
    const lines = [session('a', 0, [100]), session('b', 1, [50]), session('c', 100, [51], 'b')];
    const { completed, summary } = figures(lines, { slots: 1, endpoints: 2 });
    expect(completed).toEqual([110, 61, 111]);
    expect(summary).toMatchObject({
      prefix_hit_ratio: 50 / 201,
      first_token_mean_ms: (100 + 50 + 1) / 3,
      first_token_p95_ms: 100,
      held_ms: 0,
    });
  });

  it('may have different slots', () => {
    // Shares of free slots: 1 and 1, then 0 and 1, then 0 and a half.
    const lines = [session('a', 0, [10]), session('b', 0, [20]), session('c', 0, [21], 'b')];
    const { completed } = figures(lines, { endpoints: [1, 2] });
    expect(completed).toEqual([20, 30, 11]);
  });

  it('what a session has sent is read again elsewhere', () => {
    // The second turn of a finds both endpoints free and takes the first; that of b does too.
    const lines = [session('a', 0, [100, 120]), session('b', 0, [200, 220])];
    const { completed } = figures(lines, { slots: 1, endpoints: 2 });
    expect(completed).toEqual([110 + 30, 210 + 230]);
  });

  it('with affinity a session goes where it was, and waits for that while it pays', () => {
    const affinity = { affinity: 'hold' } as const;
    const lines = [session('a', 0, [1_000, 1_100]), session('b', 0, [2_000, 2_100])];
    const free = figures(lines, { slots: 1, endpoints: 2 }, 'fcfs', affinity);
    expect(free.completed).toEqual([1_010 + 110, 2_010 + 110]);
    // Another call of a's text is served before its second turn, by the endpoint that has it.
    const busy = [...lines, session('x', 1_005, [1_300], 'a')];
    const { completed, summary } = figures(busy, { slots: 1, endpoints: 2 }, 'fcfs', affinity);
    expect(completed).toEqual([1_320 + 20, 2_010 + 110, 1_010 + 310]);
    expect(summary).toMatchObject({ prefix_hit_ratio: (1_090 + 2_000 + 1_000) / 7_500 });
  });

  it('measures for how long calls were held back beside a free slot', () => {
    // From 1,010 on a's endpoint serves one of two calls until 1,320; the other waits for it.
    const a = JSON.parse(session('a', 0, [1_000, 1_000]));
    a.units[1].calls[0].output_tokens = 30;
    a.units[1].calls.push({ input_tokens: 5_000, output_tokens: 1, prefix: [['a', 5_000]] });
    const lines = [session('b', 0, [500]), JSON.stringify(a)];
    const affinity = { affinity: 'hold' } as const;
    const { completed, summary } = figures(lines, { slots: 1, endpoints: 2 }, 'fcfs', affinity);
    expect(completed).toEqual([510, 1_320 + 4_000 + 10]);
    expect(summary).toMatchObject({ held_ms: 310 });
  });

  it('the cache of each is bounded', () => {
    // Of the first turn's 10 blocks 5 are kept.
    const { completed, summary } = figures([session('a', 0, [100, 120])], {
      slots: 1,
      kv_cache_tokens: 59,
    });
    expect(completed).toEqual([110 + 70 + 10]);
    expect(summary).toMatchObject({ prefix_hit_ratio: 50 / 220 });
  });

  it('a cold start forgets the cache', () => {
    const lines = [session('a', 0, [100]), session('b', 1_000, [120], 'a')];
    const cold = { slots: 1, cold_start_ms: 5, idle_timeout_ms: 100 };
    expect(figures(lines, cold).completed).toEqual([115, 1_135]);
    expect(figures(lines, { ...cold, idle_timeout_ms: 10_000 }).completed).toEqual([115, 1_030]);
  });

  it('srpt counts what the run has sent before as read', () => {
    // Left of a: 110 + 10 + 10; of b, whose texts differ, 60 + 10 + 60 + 10.
    const b = JSON.parse(session('b', 1, [60, 60]));
    b.units[1].calls[0].prefix = [['other', 60]];
    const lines = [session('x', 0, [1_000]), JSON.stringify(b), session('a', 2, [100, 109])];
    const { completed } = figures(lines, { slots: 1 }, 'srpt');
    expect(completed).toEqual([1_010, 1_010 + 129 + 140, 1_010 + 129]);
  });
});

describe('input of a simulation with prefixes', () => {
  it('has parts that add up to the input', () => {
    const line = session('a', 0, [100]).replace('["a",100]', '["a",99]');
    expect(() => parseTrace(line, 'x')).toThrow('x:1: units[0].calls[0]');
  });

  it('names the slots of each endpoint, or their number', () => {
    expect(() => clusterOf({ endpoints: 2 })).toThrow('test: backends.llm.slots: expected');
    expect(() => clusterOf({ slots: 1, endpoints: 0 })).toThrow('test: backends.llm.endpoints');
    expect(() => clusterOf({ endpoints: [] })).toThrow('test: backends.llm.endpoints');
  });
});

describe('a cluster with prewarm_prefix', () => {
  const TOOLS = 800;
  const setUp = { cold_start_ms: 5_000, idle_timeout_ms: 60_000, slots: 1 };
  /** A run that does something else for a while, and then asks with tools that all runs have. */
  const run = (i: number, arrival_ms: number) => {
    const record = { input_tokens: TOOLS + 40, output_tokens: 1 };
    const prefix = [
      ['tools', TOOLS],
      [`r${i}`, 40],
    ];
    const service_ms = 20_000 + (i % 5) * 10_000;
    const units = [
      { unit: 'search', backend: 'search', calls: [{ service_ms }] },
      { unit: 'answer', backend: 'llm', calls: [{ ...record, prefix }] },
    ];
    return JSON.stringify({ run: `r${i}`, app: 'a', arrival_ms, units });
  };
  const lines = Array.from({ length: 30 }, (_, i) => run(i, i * 300_000));
  const simulated = (prewarm_prefix: boolean) => {
    const trace = parseTrace(lines.join('\n'), 'test');
    const llm = { ...SPEED, ...setUp, prewarm_prefix };
    const cluster = parseCluster({ backends: { llm, search: { slots: null } } }, 'test');
    const result = simulate(trace, cluster, { ...OPTIONS, policy: 'fcfs', prewarm: 'talaria' });
    const { summary } = resultOf('fcfs', result, false, true) as { summary: object };
    return { summary: summary as Record<string, number>, result };
  };

  it('reads what runs begin with where it was woken ahead, and the first call does not', () => {
    const [off, on] = [simulated(false), simulated(true)];
    expect(off.summary).not.toHaveProperty('prefix_reads');
    const { prefix_reads: reads = 0 } = on.summary;
    expect(reads).toBeGreaterThan(15);
    expect(on.summary.after_start_calls).toBe(off.summary.after_start_calls);
    const sumMs = ({ calls, firstTokenMeanMs }: { calls: number; firstTokenMeanMs: number }) =>
      calls * firstTokenMeanMs;
    // 800 tokens are whole blocks; each takes 1 ms.
    const sparedMs = sumMs(off.result.afterStarts) - sumMs(on.result.afterStarts);
    expect(sparedMs).toBeCloseTo(reads * TOOLS, 6);
  });
});
