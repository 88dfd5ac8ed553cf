/**
 * Told waits in a world that nothing was fitted to: bursts that begin and stop, applications that were
 * never seen, a slow tool between calls. They are right in the median under each order.
 */
import { describe, expect, it } from 'vitest';
import { type Cluster, parseCluster } from '../../../../scripts/sim/cluster.ts';
import { Simulation } from '../../../../scripts/sim/simulator.ts';
import { ToldWaits } from '../../../../scripts/sim/told-waits.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';
import type { PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { RecordedRun, VisitRecord } from '../../../../src/core/runs/recorded-run.ts';
import { llm, tool } from '../../../run-builders.ts';

const CLUSTER = parseCluster(
  {
    backends: {
      llm: { slots: 4, prefill_ms_per_token: 0.1, decode_ms_per_token: 20 },
      tool: { slots: 2 },
    },
  },
  'test',
);

/** Visits of a run of an application; those beyond the first four have names that come once. */
function visitsOf(app: number, random: Random): VisitRecord[] {
  const outputs = (mean: number, n = 1) =>
    Array.from({ length: n }, () => Math.ceil(mean * (0.3 + 1.4 * random())));
  const input = 50 + Math.floor(900 * random());
  if (app === 0) return [llm('answer', outputs(150), input)];
  if (app === 1) return [1, 2, 3].map((n) => llm(`step${n}`, outputs(40), input * n));
  if (app === 2) return [llm('split', outputs(60, 6), input), llm('merge', outputs(200), input)];
  if (app === 3) {
    return [
      llm('plan', outputs(30), input),
      tool('run', 2_000 + 40_000 * random()),
      llm('tell', outputs(90)),
    ];
  }
  return [llm('first', outputs(120), input), llm('then', outputs(60, 3), input)];
}

function worldOf(seed: number, runs: number, atOnce: boolean): RecordedRun[] {
  const random = seededRandom(seed);
  const trace: RecordedRun[] = [];
  let at = 0;
  while (trace.length < runs) {
    // Quiet for a while, then so many runs at about this rate; then it stops.
    at += 60_000 * random() ** 2;
    const gapMs = 200 + 3_000 * random();
    for (let left = 4 + Math.floor(40 * random()); left > 0; left -= 1) {
      at += -gapMs * Math.log(1 - random());
      const n = trace.length;
      const app = random() < 0.15 && !atOnce ? 4 + n : Math.floor(4 * random());
      const units = visitsOf(app, random);
      trace.push({
        run: `r${n}`,
        app: `app${app}`,
        arrival_ms: atOnce ? 0 : Math.round(at),
        units,
      });
    }
  }
  return trace;
}

function toldIn(policy: PolicyName, seed: number, cluster: Cluster = CLUSTER) {
  const told = new ToldWaits();
  const options = { policy, alpha: 0.5, theta: 1, seed, prewarm: 'off' } as const;
  const simulation: Simulation = new Simulation(worldOf(seed, 250, false), cluster, {
    ...options,
    history: worldOf(seed + 1_000, 150, true),
    observe: (at, events, effects) => told.observe(simulation.dispatcher, at, events, effects),
  });
  simulation.run();
  return told.report();
}

describe.each(['fcfs', 'app-fcfs', 'gittins', 'gittins-total', 'sjf', 'las'] as const)(
  'waits that are told under %s',
  (policy) => {
    it('are right in the median', () => {
      for (const seed of [1, 2]) {
        const { joining, later } = toldIn(policy, seed);
        for (const { waits, median } of [joining, later]) {
          expect(waits).toBeGreaterThan(100);
          expect(median).toBeGreaterThan(0.8);
          expect(median).toBeLessThan(1.25);
        }
      }
    });
  },
);
