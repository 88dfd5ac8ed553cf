/** Recorded runs of the fake tenant as JSON Lines, for the screen What if. */

import { seededRandom } from '../../../src/core/learning/random.ts';
import type { TracedRun, TraceHead } from '../../../src/protocol/console/trace.ts';
import { APPS } from './apps.ts';

export function traceLines(count: number, at: number): string {
  const random = seededRandom(5);
  const head: TraceHead = {
    talaria_trace: 1,
    startMs: at - 3_600_000,
    policy: 'gittins',
    alpha: 0.5,
    weights: { helpdesk: 2 },
    backends: [
      {
        backend: 'llm',
        speed: { inputMs: 0.1, outputMs: 20 },
        endpoints: ['gpu-1', 'gpu-2'].map((endpoint) => ({
          endpoint,
          slots: 4,
          coldStartMs: 40_000,
          idleTimeoutMs: 300_000,
        })),
        prewarm: { mode: 'on', theta: 0.35, pricePerWarmSecond: 0.00025 },
      },
    ],
  };
  let arrival = 0;
  const runs = Array.from({ length: count }, (_, i): TracedRun => {
    arrival += -Math.log(1 - random()) * 2_600;
    const app = APPS[i % APPS.length] ?? APPS[0];
    const units = app.units.map((unit, k) => ({
      unit,
      backend: 'llm',
      gap_ms: 200,
      calls: Array.from({ length: k === 2 ? 3 : 1 }, () => ({
        input_tokens: Math.round(500 + random() * 3_000),
        output_tokens: Math.round(20 + random() ** 3 * 900),
      })),
    }));
    return {
      run: `run-${i}`,
      app: app.app,
      arrival_ms: Math.round(arrival),
      finished_ms: Math.round(arrival + 4_000 + random() * 60_000),
      units,
    };
  });
  return `${[head, ...runs].map((line) => JSON.stringify(line)).join('\n')}\n`;
}
