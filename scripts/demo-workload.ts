/**
 * The workload of the demos: three applications that share one model's endpoint. Runs arrive in
 * waves, and endpoints go cold between waves. The same seed always gives the same runs.
 *
 * chat: one short answer. agent: a loop of model and sandbox with widely varying lengths. report: a
 * wide fan-out and a merge, much longer than the others.
 */
import { type Random, seededRandom } from '../src/core/learning/random.ts';
import type { RecordedRun, VisitRecord } from '../src/core/runs/recorded-run.ts';

/** The demos' endpoints, as a cluster for the simulator. */
export const DEMO_CLUSTER = {
  backends: {
    llm: {
      slots: 8,
      prefill_ms_per_token: 0.1,
      decode_ms_per_token: 20,
      cold_start_ms: 15_000,
      idle_timeout_ms: 20_000,
    },
    sandbox: { slots: 16, cold_start_ms: 8_000, idle_timeout_ms: 20_000 },
  },
};

const WAVES = 4;
const RUNS_A_WAVE = 44;
const WAVE_MS = 30_000;
const PAUSE_MS = 120_000;

export function demoWorkload(seed: number): RecordedRun[] {
  const random = seededRandom(seed);
  const runs: RecordedRun[] = [];
  for (let wave = 0; wave < WAVES; wave += 1) {
    const start = wave * (WAVE_MS + PAUSE_MS);
    for (let i = 0; i < RUNS_A_WAVE; i += 1) {
      const arrival_ms = Math.round(start + (i / RUNS_A_WAVE) * WAVE_MS + random() * 1_000);
      const pick = random();
      const app = pick < 0.55 ? 'chat' : pick < 0.88 ? 'agent' : 'report';
      runs.push({ run: `${app}-${runs.length}`, app, arrival_ms, units: UNITS[app](random) });
    }
  }
  return runs.sort((a, b) => a.arrival_ms - b.arrival_ms);
}

const UNITS: Record<'chat' | 'agent' | 'report', (random: Random) => VisitRecord[]> = {
  chat: (random) => [llm('answer', [[300 + 200 * random(), spread(random, 120)]])],
  agent: (random) => {
    const steps = 1 + Math.floor(-3 * Math.log(1 - random()));
    const visits: VisitRecord[] = [];
    for (let i = 0; i < Math.min(steps, 12); i += 1) {
      visits.push(llm('think', [[800 + 150 * i, spread(random, 60)]]));
      visits.push({
        unit: 'execute',
        backend: 'sandbox',
        calls: [{ service_ms: Math.round(spread(random, 900)) }],
      });
    }
    return [...visits, llm('conclude', [[900 + 150 * steps, spread(random, 90)]])];
  },
  report: (random) => {
    const sections = 4 + Math.floor(random() * 5);
    const drafts = Array.from({ length: sections }, () => [600, spread(random, 450)] as const);
    return [
      llm('outline', [[500, spread(random, 150)]]),
      llm('draft', drafts),
      llm('merge', [[sections * 450, spread(random, 350)]]),
    ];
  },
};

function llm(unit: string, calls: ReadonlyArray<readonly [number, number]>): VisitRecord {
  return {
    unit,
    backend: 'llm',
    calls: calls.map(([input, output]) => ({
      input_tokens: Math.round(input),
      output_tokens: Math.max(1, Math.round(output)),
    })),
  };
}

/** A random value from half to one and a half times the mean. */
function spread(random: Random, mean: number): number {
  return mean * (0.5 + random());
}
