/**
 * Times the dispatcher's steps that forecast needs, with many runs in flight: each of them may need
 * a backend that is cold, but none soon, so no look-up ends the forecast early. Part of
 * `npm run bench:core`.
 */
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';

const CHECK_MS = 250;
const WARM_UP_STEPS = 40;
/** Applications that the runs belong to. */
const APPS = 9;

export interface ForecastCost {
  readonly medianMs: number;
  readonly worstMs: number;
}

/**
 * Time of a step with a check, over `steps` steps. Between two checks `changes` runs end and as
 * many begin; `endpoints` of the cold backend, of which the first `warm` are up and idle.
 */
export function forecastCost(
  inFlight: number,
  { endpoints = 1, warm = 0, steps = 200, changes = 20 } = {},
): ForecastCost {
  const random = seededRandom(1);
  const dispatcher = new Dispatcher(configOf(endpoints), { random }, 0);
  for (let i = 0; i < 2_000; i += 1) {
    dispatcher.models.learn(recordedRun(i, random), 0, dispatcher.speeds);
  }
  let [now, begun] = [0, 0];
  const begin = () => {
    begun += 1;
    const call = {
      callId: `c${begun}`,
      runId: `r${begun}`,
      app: `app${begun % APPS}`,
      unit: 'plan',
      backend: 'llm',
      kind: 'llm' as const,
      inputTokens: 100 + Math.floor(random() * 4_000),
      arrivedAt: now,
      final: false,
    };
    return { type: 'submitted' as const, call };
  };
  for (let i = 0; i < endpoints; i += 1) {
    if (i < warm) {
      const answer = { type: 'wake-answered' as const, ok: true, tookMs: 20_000 };
      dispatcher.step([{ ...answer, backend: 'tool', endpoint: `t${i}` }], now);
    }
  }
  for (let i = 0; i < inFlight; i += 1) dispatcher.step([begin()], now);
  const times: number[] = [];
  for (let step = -WARM_UP_STEPS; step < steps; step += 1) {
    now += CHECK_MS;
    const events = Array.from({ length: changes }, () => {
      const oldest = begun + 1 - inFlight;
      return [
        { type: 'cancelled' as const, callId: `c${oldest}` },
        { type: 'run-finished' as const, runId: `r${oldest}` },
        begin(),
      ];
    }).flat();
    // The changes are applied a moment before the check, which is then all that the step does.
    dispatcher.step(events, now - 1);
    const startedAt = performance.now();
    dispatcher.step([{ type: 'tick' }], now);
    if (step >= 0) times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return { medianMs: times[times.length >> 1] ?? 0, worstMs: times.at(-1) ?? 0 };
}

function configOf(endpoints: number): DispatcherConfig {
  const llm = {
    endpoints: [{ id: 'e', slots: 1_000_000 }],
    queueDepth: 1e9,
    maxWaitMs: 1e12,
    maxWaitColdMs: 1e12,
    whileCold: 'hold' as const,
    speed: { inputMs: 0.1, outputMs: 20 },
  };
  const coldStart = { estimateMs: 20_000, idleTimeoutMs: 3_600_000 };
  const cold = Array.from({ length: endpoints }, (_, i) => ({ id: `t${i}`, slots: 4, coldStart }));
  return {
    policy: 'gittins',
    alpha: 0.5,
    weights: {},
    leaseMs: 1e12,
    runSilenceMs: 1e9,
    backends: {
      llm: { ...llm, prewarm: { mode: 'off', theta: 0.25 } },
      tool: { ...llm, endpoints: cold, prewarm: { mode: 'on', theta: 0.25 } },
    },
  };
}

/** A run that plans for ten minutes or more, and then in one of 200 cases uses the tool. */
function recordedRun(i: number, random: () => number): RecordedRun {
  const input_tokens = 100 + Math.floor(random() * 4_000);
  const output_tokens = 30_000 + Math.floor(random() * 30_000);
  const plan = { unit: 'plan', backend: 'llm', calls: [{ input_tokens, output_tokens }] };
  const tool = { unit: 'tool', backend: 'tool', calls: [{ service_ms: 5_000 }] };
  return {
    run: `h${i}`,
    app: `app${i % APPS}`,
    arrival_ms: 0,
    units: random() < 0.005 ? [plan, tool] : [plan],
  };
}
