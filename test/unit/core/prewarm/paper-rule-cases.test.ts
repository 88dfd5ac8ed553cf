/**
 * Needs that the paper's rule (Hermes, section 4.3) cannot forecast by its definition, and how
 * Talaria's rule does on them: a branch with a probability below K, several runs that are each too
 * unlikely alone, and arrivals that become more frequent.
 */
import { describe, expect, it } from 'vitest';
import { type Cluster, parseCluster } from '../../../../scripts/sim/cluster.ts';
import { type PrewarmMode, simulate } from '../../../../scripts/sim/simulator.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';

const LLM = { slots: 100, prefill_ms_per_token: 0, decode_ms_per_token: 1 };
const PLAN_MS = 20_000;

function outcomes(trace: readonly RecordedRun[], cluster: Cluster) {
  const of = (prewarm: PrewarmMode) => {
    const options = { policy: 'gittins', alpha: 0.5, theta: 0.25, seed: 1, history: [] } as const;
    const { coldWaitMs, pings, warmMs } = simulate(trace, cluster, { ...options, prewarm });
    return { coldWaitMs, pings, warmMs: Object.fromEntries(warmMs) };
  };
  return { off: of('off'), paper: of('paper'), talaria: of('talaria') };
}

function planned(
  run: string,
  arrival_ms: number,
  needsTool: boolean,
  planMs = PLAN_MS,
): RecordedRun {
  const calls = [{ input_tokens: 0, output_tokens: planMs }];
  const plan = { unit: 'plan', backend: 'llm', calls };
  const tool = { unit: 'tool', backend: 'tool', calls: [{ service_ms: 1_000 }] };
  return { run, app: 'agent', arrival_ms, units: needsTool ? [plan, tool] : [plan] };
}

/** Runs this far apart find the tool cold again. */
const APART_MS = 120_000;

const TOOL_GOES_COLD = parseCluster(
  {
    backends: {
      llm: LLM,
      tool: { slots: 100, cold_start_ms: 8_000, idle_timeout_ms: 30_000 },
    },
  },
  'test',
);

describe("needs that the paper's rule does not forecast", () => {
  it('a branch that two of five runs take', () => {
    const trace = Array.from({ length: 150 }, (_, i) => planned(`r${i}`, i * APART_MS, i % 5 > 2));
    const { off, paper, talaria } = outcomes(trace, TOOL_GOES_COLD);
    expect(paper).toEqual({ ...off, pings: 0 });
    expect(off.coldWaitMs).toBe(60 * 8_000);
    expect(talaria.coldWaitMs / off.coldWaitMs).toBeLessThan(0.4);
  });

  it('six runs at a time that need it with 15 % each', () => {
    const random = seededRandom(7);
    const trace = Array.from({ length: 900 }, (_, i) =>
      planned(`r${i}`, Math.floor(i / 6) * APART_MS + (i % 6) * 10, random() < 0.15),
    );
    const { off, paper, talaria } = outcomes(trace, TOOL_GOES_COLD);
    expect(paper).toEqual({ ...off, pings: 0 });
    expect(talaria.coldWaitMs / off.coldWaitMs).toBeLessThan(0.1);
    // A single run is not worth a wake, so wakes are rare.
    const single = trace.filter((_, i) => i % 6 === 0);
    expect(outcomes(single, TOOL_GOES_COLD).talaria.pings).toBeLessThan(15);
  });

  it('arrivals that become four times as frequent', () => {
    const random = seededRandom(3);
    let arrival_ms = 0;
    const trace = Array.from({ length: 400 }, (_, i): RecordedRun => {
      arrival_ms += (i < 100 ? 400_000 : 100_000) * -Math.log(1 - random());
      const calls = [{ input_tokens: 0, output_tokens: 5_000 }];
      const units = [{ unit: 'answer', backend: 'llm', calls }];
      return { run: `r${i}`, app: 'chat', arrival_ms, units };
    });
    const llm = { ...LLM, cold_start_ms: 60_000, idle_timeout_ms: 60_000 };
    const { off, paper, talaria } = outcomes(trace, parseCluster({ backends: { llm } }, 'test'));
    expect(paper).toEqual({ ...off, pings: 0 });
    expect(talaria.coldWaitMs / off.coldWaitMs).toBeLessThan(0.5);
  });

  it("a certain need at an uncertain time: the paper's rule is too late for half of them", () => {
    const random = seededRandom(5);
    const trace = Array.from({ length: 150 }, (_, i) =>
      planned(`r${i}`, i * APART_MS, true, 10_000 + 20_000 * random()),
    );
    const { off, paper, talaria } = outcomes(trace, TOOL_GOES_COLD);
    expect(paper.coldWaitMs / off.coldWaitMs).toBeGreaterThan(0.3);
    expect(talaria.coldWaitMs / off.coldWaitMs).toBeLessThan(0.15);
  });
});
