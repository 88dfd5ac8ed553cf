/**
 * The benefit of policies and prewarming on the demo's workload. The simulator is exact, so the
 * results are reproducible.
 */
import { describe, expect, it } from 'vitest';
import { DEMO_CLUSTER, demoWorkload } from '../../../../scripts/demo-workload.ts';
import { isolatedMs } from '../../../../scripts/report/isolated-time.ts';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { type SimOptions, simulate } from '../../../../scripts/sim/simulator.ts';
import { summarize } from '../../../../scripts/sim/summary.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRecord, RecordedRun } from '../../../../src/core/runs/recorded-run.ts';

const CLUSTER = parseCluster(
  {
    backends: {
      llm: { slots: 8, prefill_ms_per_token: 0.1, decode_ms_per_token: 20 },
      sandbox: { slots: 16 },
    },
  },
  'test',
);

const COLD = parseCluster(DEMO_CLUSTER, 'demo');

function meanMs(policy: SimOptions['policy'], options: Partial<SimOptions> = {}): number {
  const all = { alpha: 0.5, theta: 0.25, seed: 1, prewarm: 'off' as const, history: [] };
  const { runs } = simulate(demoWorkload(1), CLUSTER, { ...all, ...options, policy });
  return summarize(runs.map((r) => r.completedMs - r.run.arrival_ms)).mean_ms;
}

describe('the order', () => {
  const history = demoWorkload(2);

  it('is close to that of the clairvoyant policy', () => {
    expect(meanMs('gittins', { history }) / meanMs('srpt')).toBeLessThan(1.1);
  });

  it('is learned during the trace almost as well', () => {
    expect(meanMs('gittins') / meanMs('srpt')).toBeLessThan(1.2);
  });

  it('saves a large part of the time that arrival order takes', () => {
    expect(meanMs('gittins', { history }) / meanMs('fcfs')).toBeLessThan(0.7);
  });

  it('costs almost nothing for bounded waits', () => {
    const bounded = meanMs('gittins', { history, alpha: 0.5 });
    expect(bounded / meanMs('gittins', { history, alpha: 0 })).toBeLessThan(1.05);
  });
});

describe('prewarming', () => {
  const options = { alpha: 0.5, seed: 1, history: [], policy: 'gittins' } as const;
  const run = (fields: Partial<SimOptions>) =>
    simulate(demoWorkload(1), COLD, { ...options, theta: 0.25, prewarm: 'talaria', ...fields });
  const off = run({ prewarm: 'off' });
  const warmMs = (result: ReturnType<typeof run>) =>
    [...result.warmMs.values()].reduce((sum, ms) => sum + ms, 0);
  const against = (result: ReturnType<typeof run>) => ({
    coldWait: result.coldWaitMs / off.coldWaitMs,
    warm: warmMs(result) / warmMs(off),
  });

  it('takes away more than half of the wait for cold starts, for two fifths more warm time', () => {
    // Measured: 0.42 at 1.40. Holding endpoints for a minute longer: 0.56 at the same warm time.
    const { coldWait, warm } = against(run({}));
    expect(coldWait).toBeLessThan(0.45);
    expect(warm).toBeLessThan(1.45);
    const kept = against(run({ prewarm: 'keep-alive', keepAliveMs: 60_000 }));
    expect(kept.coldWait).toBeGreaterThan(coldWait);
    expect(kept.warm).toBeGreaterThan(warm - 0.02);
  });

  it('takes away three quarters if a second of waiting has a higher price', () => {
    // Measured: 0.26 at 1.45.
    const { coldWait, warm } = against(run({ theta: 0.1 }));
    expect(coldWait).toBeLessThan(0.3);
    expect(warm).toBeLessThan(1.5);
  });
});

/**
 * Results are means over several workloads, because one workload says little about small
 * differences.
 */
const SEEDS = [1, 2, 3, 4, 5, 6];
/** Two of the four waves are over. */
const MID_TRACE_MS = 300_000;

/** The mean completion time over all workloads, with the trace and the history of each. */
function pooledMeanMs(
  policy: SimOptions['policy'],
  traceOf: (seed: number) => RecordedRun[],
  historyOf: (seed: number) => RecordedRun[],
): number {
  const completionsMs = SEEDS.flatMap((seed) =>
    completed(policy, traceOf(seed), historyOf(seed)).map((r) => r.tookMs),
  );
  return summarize(completionsMs).mean_ms;
}

function completed(policy: SimOptions['policy'], trace: RecordedRun[], history: RecordedRun[]) {
  const options = { alpha: 0.5, theta: 0.25, seed: 1, prewarm: 'off' as const, history, policy };
  const { runs } = simulate(trace, CLUSTER, options);
  return runs.map(({ run, completedMs }) => ({ run, tookMs: completedMs - run.arrival_ms }));
}

describe('what changes in mid-trace', () => {
  it.each(['chat', 'agent', 'report'])(
    'is learned during the trace: %s, which was unknown',
    (app) => {
      const trace = (seed: number) =>
        demoWorkload(seed).filter((r) => r.app !== app || r.arrival_ms >= MID_TRACE_MS);
      const knew = (seed: number) => demoWorkload(seed + 1);
      const knewOthers = (seed: number) => knew(seed).filter((r) => r.app !== app);
      const ratio =
        pooledMeanMs('gittins', trace, knewOthers) / pooledMeanMs('gittins', trace, knew);
      expect(ratio).toBeLessThan(1.1);
    },
  );

  it('is learned during the trace: three times as many tokens', () => {
    const triple = (call: CallRecord): CallRecord =>
      'service_ms' in call
        ? call
        : { input_tokens: 3 * call.input_tokens, output_tokens: 3 * call.output_tokens };
    const larger = (run: RecordedRun, app: string): RecordedRun => ({
      ...run,
      app,
      units: run.units.map((unit) => ({ ...unit, calls: unit.calls.map(triple) })),
    });
    /** The changed runs, with the old application names or with new ones. */
    const trace = (suffix: string) => (seed: number) =>
      demoWorkload(seed).map((r) => (r.arrival_ms < MID_TRACE_MS ? r : larger(r, r.app + suffix)));
    const recorded = (seed: number) => demoWorkload(seed + 1);
    const both = (seed: number) => [
      ...recorded(seed),
      ...recorded(seed).map((r) => larger(r, `${r.app}-3`)),
    ];
    const learned = pooledMeanMs('gittins', trace(''), recorded);
    expect(learned / pooledMeanMs('gittins', trace('-3'), both)).toBeLessThan(1.1);
  });
});

describe('deadlines', () => {
  /**
   * Gives a share of the runs deadlines of 1.2, 1.5 or 2 times the time that they would take alone.
   */
  function outcome(policy: SimOptions['policy'], share: number): { met: number; othersMs: number } {
    const all = SEEDS.flatMap((seed) => {
      const random = seededRandom(99);
      const trace = demoWorkload(seed).map((run) => {
        if (random() >= share) return run;
        const slack = [1.2, 1.5, 2][Math.floor(random() * 3)] ?? 2;
        return { ...run, deadline_ms: slack * isolatedMs(run, CLUSTER) };
      });
      return completed(policy, trace, demoWorkload(seed + 1));
    });
    const due = all.filter(({ run }) => run.deadline_ms !== undefined);
    const others = all.filter(({ run }) => run.deadline_ms === undefined);
    const met = due.filter(({ run, tookMs }) => tookMs <= (run.deadline_ms ?? 0)).length;
    return { met: met / due.length, othersMs: summarize(others.map((r) => r.tookMs)).mean_ms };
  }

  it.each([0.3, 1])(
    'of a share of %s of the runs are met as often as by the better of EDF and Gittins',
    (share) => {
      const [ddl, edf, gittins] = (['talaria-ddl', 'edf', 'gittins'] as const).map((policy) =>
        outcome(policy, share),
      );
      expect(ddl?.met).toBeGreaterThan(Math.max(edf?.met ?? 1, gittins?.met ?? 1) - 0.02);
      if (share === 1) return;
      expect((ddl?.othersMs ?? 0) / (gittins?.othersMs ?? 1)).toBeLessThan(1.15);
    },
  );
});
