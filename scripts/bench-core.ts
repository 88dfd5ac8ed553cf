/**
 * `npm run bench:core`: measures the time and memory that the scheduler's decisions take with
 * 10,000 waiting calls, and the published Gittins formula on the same samples for comparison. Times
 * are processor time, the least of several rounds; the forecast's are medians of single steps.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Dispatcher } from '../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../src/core/dispatch/dispatcher-config.ts';
import { RankTable } from '../src/core/gittins/gittins.ts';
import { ApplicationModel } from '../src/core/learning/application-model.ts';
import { PriorPool } from '../src/core/learning/prior-pool.ts';
import { seededRandom } from '../src/core/learning/random.ts';
import { publishedRank } from '../src/core/order/policies/gittins-published.ts';
import { POLICY_NAMES } from '../src/core/order/policies/registry.ts';
import type { CallRequest } from '../src/core/runs/call-request.ts';
import { SERVICE_SPEED } from '../src/core/runs/demand.ts';
import { forecastCost } from './core/forecast-bench.ts';
import {
  callCosts,
  DIMENSIONS,
  type Dimension,
  type GrowthPoint,
  prefixOf,
} from './core/growth-bench.ts';
import { growthChart } from './core/growth-chart.ts';
import { meanUs } from './core/processor-time.ts';
import { demoWorkload } from './demo-workload.ts';
import { answerHelp } from './sim/arguments.ts';

const ROUNDS = 7;
/** Processor time of a round, ms. */
const ROUND_MS = 100;
const WARM_UP_MS = 800;
/** Grants that are measured one by one. */
const GRANTS = 4_000;
const WAITING = 10_000;
const random = seededRandom(1);
const LLM_SPEED = { inputMs: 0.1, outputMs: 20 };
const speeds = (name: string) => (name === 'llm' ? LLM_SPEED : SERVICE_SPEED);

const USAGE = `usage: npm run bench:core -- [options]

  --growth          prints instead how a call's cost grows under each policy
  --policies A,B    of some policies: ${POLICY_NAMES.join(', ')}
  --dimensions A;B  over some of ${Object.keys(DIMENSIONS).join('; ')}
  --chart FILE.svg  draws it
  --help`;
answerHelp(USAGE);
console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
const { values } = parseArgs({
  options: {
    growth: { type: 'boolean', default: false },
    policies: { type: 'string', default: POLICY_NAMES.join(',') },
    dimensions: { type: 'string', default: Object.keys(DIMENSIONS).join(';') },
    chart: { type: 'string' },
  },
});
if (values.growth || values.chart !== undefined) await benchGrowth(values.policies, values.chart);
else {
  row('what', 'measured', 'wanted');
  benchTable();
  benchDispatch('las');
  benchDispatch('gittins');
  benchDispatch('gittins', 8);
  benchForecast();
  benchMemory();
}

/** Prints a table in Markdown for each thing that grows. */
async function benchGrowth(names: string, chart: string | undefined): Promise<void> {
  const policies = POLICY_NAMES.filter((policy) => names.split(',').includes(policy));
  const points: GrowthPoint[] = [];
  // The first measurement would contain the compiling of what all of them run.
  for (const policy of policies) callCosts(policy, 'keys');
  for (const dimension of Object.keys(DIMENSIONS) as Dimension[]) {
    if (!values.dimensions.split(';').includes(dimension)) continue;
    const sizes = DIMENSIONS[dimension];
    const head = [`us a call, by ${dimension}`, ...sizes.map(String), 'most / least'];
    for (const cells of [head, head.map(() => '---')]) console.log(`| ${cells.join(' | ')} |`);
    for (const policy of policies) {
      const costs = callCosts(policy, dimension);
      costs.forEach((us, i) => {
        points.push({ policy, dimension, value: sizes[i] ?? 0, us });
      });
      const ratio = Math.max(...costs) / Math.min(...costs);
      const cells = [policy, ...costs.map((us) => us.toFixed(1)), ratio.toFixed(1)];
      console.log(`| ${cells.join(' | ')} |`);
    }
    console.log('');
  }
  if (chart !== undefined) await writeFile(chart, growthChart(points));
}

function benchTable(): void {
  const samples = Array.from({ length: 1_000 }, () => 1_000 * -Math.log(1 - random()));
  const table = RankTable.of(samples);
  row(
    'table of 1,000 samples',
    least(() => RankTable.of(samples)),
    '< 150 us',
  );
  let age = 0;
  const query = () => {
    age = (age + 7.3) % 5_000;
    return table.rankAt(age);
  };
  row('rank query', least(query, 10_000), '< 1 us');
  row(
    'published formula, same samples',
    least(() => publishedRank(samples, 100)),
    '',
  );
}

/** `endpoints`: so many, between which calls are placed by their prefixes; 1 has no choice. */
function benchDispatch(policy: 'las' | 'gittins', endpoints = 1): void {
  const config: DispatcherConfig = {
    policy,
    alpha: 0.5,
    weights: {},
    leaseMs: 90_000,
    runSilenceMs: 1e9,
    backends: {
      llm: {
        endpoints: Array.from({ length: endpoints }, (_, i) => ({ id: `e${i}`, slots: 8 })),
        queueDepth: 1e9,
        maxWaitMs: 1e12,
        maxWaitColdMs: 1e12,
        whileCold: 'hold',
        speed: LLM_SPEED,
        prewarm: { mode: 'off', theta: 0.25 },
      },
    },
  };
  const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  for (const run of demoWorkload(3)) {
    const units = run.units.filter((u) => u.backend === 'llm');
    dispatcher.models.learn({ ...run, units }, 0, dispatcher.speeds);
  }
  let submitted = 0;
  let now = 0;
  const request = (): CallRequest => {
    submitted += 1;
    const runId = `r${submitted}`;
    const [app, unit] = submitted % 3 === 0 ? ['report', 'outline'] : ['chat', 'answer'];
    return {
      callId: runId,
      runId,
      app,
      unit,
      backend: 'llm',
      kind: 'llm',
      inputTokens: (endpoints > 1 ? 40_000 : 300) + (submitted % 200),
      ...(endpoints > 1 ? { prefix: prefixOf(submitted) } : {}),
      arrivedAt: now,
      final: true,
    };
  };
  const running: string[] = [];
  const step = (event: Parameters<Dispatcher['step']>[0][number]) => {
    for (const effect of dispatcher.step([event], now)) {
      if (effect.type === 'granted') running.push(effect.callId);
    }
  };
  for (let i = 0; i < WAITING; i += 1) step({ type: 'submitted', call: request() });
  const cycle = () => {
    now += 1;
    step({ type: 'submitted', call: request() });
    const callId = running.shift();
    if (callId === undefined) return;
    const result = {
      outcome: 'ok' as const,
      endpointFault: false,
      cold: false,
      inputTokens: 300,
      outputTokens: 100,
      serviceMs: 2_030,
    };
    step({ type: 'ended', callId, result });
  };
  const took = least(cycle);
  const where = endpoints > 1 ? `, ${endpoints} endpoints` : '';
  const what = `submit + grant + end, ${policy}, ${WAITING} waiting${where}`;
  row(what, took, '');
  row(
    `  of it the grant${where}`,
    `${grantUs().toFixed(2)} us`,
    endpoints > 1 ? '< 30 us' : '< 20 us',
  );

  /** A running call is cancelled, which teaches nothing, and the next one gets its slot: median, us. */
  function grantUs(): number {
    const times: number[] = [];
    for (let i = 0; i < GRANTS; i += 1) {
      now += 1;
      step({ type: 'submitted', call: request() });
      const callId = running.shift();
      if (callId === undefined) break;
      const from = performance.now();
      step({ type: 'cancelled', callId });
      times.push((performance.now() - from) * 1_000);
    }
    return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  }
}

function benchForecast(): void {
  const backends = [
    ['a cold backend', {}],
    ['three cold endpoints', { endpoints: 3 }],
    ['three endpoints, two idle', { endpoints: 3, warm: 2 }],
  ] as const;
  for (const [name, options] of backends) {
    const { medianMs, worstMs } = forecastCost(WAITING, options);
    const what = `forecast step, ${WAITING} runs in flight, ${name}`;
    row(what, `${medianMs.toFixed(2)} ms`, '< 2 ms');
    row('  the longest of 200', `${worstMs.toFixed(2)} ms`, '');
  }
}

function benchMemory(): void {
  const models = new Map<string, ApplicationModel>();
  const pool = new PriorPool();
  for (let seed = 1; seed <= 20; seed += 1) {
    for (const run of demoWorkload(seed)) {
      const model = models.get(run.app) ?? new ApplicationModel(run.app, pool);
      models.set(run.app, model);
      model.learn(run, seed, speeds, random);
    }
  }
  for (const [app, model] of models) {
    const kb = model.view().sample_bytes / 1_000;
    row(`samples of ${app}, ${model.graph.runs} runs`, `${kb.toFixed(1)} kB`, '< 50 kB');
  }
}

/**
 * Processor time of one call of `act`: the least of several rounds, which another load of the machine
 * disturbs least. In a first one code is compiled.
 */
function least(act: () => unknown, chunk?: number): string {
  meanUs(act, WARM_UP_MS, chunk);
  const rounds = Array.from({ length: ROUNDS }, () => meanUs(act, ROUND_MS, chunk));
  return `${Math.min(...rounds).toFixed(2)} us`;
}

function row(what: string, measured: string, wanted: string): void {
  console.log(`${what.padEnd(64)}${measured.padStart(12)}${wanted.padStart(12)}`);
}
