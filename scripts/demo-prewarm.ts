/**
 * `npm run demo:prewarm`: measures the effect of prewarming by real HTTP on bare workerd, with
 * emulated endpoints that scale to zero, next to the simulator's results for the same runs. Both
 * follow the simulator's rules: calls are sent to cold endpoints, and the cron trigger is never
 * fired.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LEAST_PING_MS } from '../src/core/backends/learned-idle.ts';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import { DEMO_CLUSTER, demoWorkload } from './demo-workload.ts';
import { type Emulator, startEmulator } from './gpu/emulator.ts';
import { buildBundle, type RawWorkerd, startRawWorkerd } from './raw-workerd.ts';
import { replay } from './replay.ts';
import { answerHelp, numberOf } from './sim/arguments.ts';
import { type Cluster, parseCluster, readCluster, type SimBackend } from './sim/cluster.ts';
import { simulate } from './sim/simulator.ts';
import { InputError, readTrace } from './sim/trace.ts';
import { admin } from './stack.ts';

const MODEL = 'demo-llm';
/** Slots of a backend without a limit: more than the calls that ever run at once. */
const UNLIMITED = 10_000;

interface Figures {
  readonly coldWaitMs: number;
  readonly warmMs: number;
  readonly meanMs: number;
  readonly failed: number;
}

interface Setting {
  readonly name: string;
  readonly prewarm: 'off' | 'on';
  /** Time in model ms for which endpoints stay warm beyond their own idle timeout. */
  readonly keepAliveMs: number;
}

const USAGE = `usage: npm run demo:prewarm -- [options]

  --trace FILE    recorded runs of your own
  --cluster FILE  their backends
  --runs N        the first runs only
  --time-scale N  how many times as fast the runs pass (default 5)
  --theta N       the probability of need from which a wake pays (default 0.25)
  --keep-alive S  seconds that endpoints are kept warm longer, to compare with (default 60)
  --seed N        of the runs that are made up (default 1)
  --help`;

answerHelp(USAGE);
const options = readOptions();
const stops: Array<() => Promise<unknown>> = [];
process.on('SIGINT', () => void end(130));
process.on('SIGTERM', () => void end(143));
try {
  const { trace, cluster } = await readInputs();
  const settings: readonly Setting[] = [
    { name: 'waking on demand', prewarm: 'off', keepAliveMs: 0 },
    {
      name: `kept ${options.keepAliveS} s longer`,
      prewarm: 'off',
      keepAliveMs: options.keepAliveS * 1_000,
    },
    { name: `Talaria, theta ${options.theta}`, prewarm: 'on', keepAliveMs: 0 },
  ];
  console.error('Starting the dispatcher ...');
  const workerd = await startDispatcher();
  const rows: string[][] = [];
  for (const [i, setting] of settings.entries()) {
    const kept = longer(cluster, setting.keepAliveMs);
    const byHttp = await measure(workerd, `prewarm-${i}`, setting, kept, trace);
    rows.push([setting.name, 'HTTP', ...cells(byHttp)]);
    rows.push(['', 'simulator', ...cells(simulated(setting, kept, trace))]);
  }
  console.log(table(rows, trace.length));
  await end(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  await end(error instanceof InputError ? 2 : 1);
}

async function readInputs(): Promise<{ trace: readonly RecordedRun[]; cluster: Cluster }> {
  const { trace, cluster, runs, seed } = options;
  if ((trace === undefined) !== (cluster === undefined)) {
    throw new InputError('--trace and --cluster: expected both or none');
  }
  const all = trace === undefined ? demoWorkload(seed) : await readTrace(trace);
  return {
    trace: all.slice(0, runs),
    cluster:
      cluster === undefined ? parseCluster(DEMO_CLUSTER, 'demo') : await readCluster(cluster),
  };
}

async function startDispatcher(): Promise<RawWorkerd> {
  const dir = await mkdtemp(join(tmpdir(), 'talaria-prewarm-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  const workerd = await startRawWorkerd(await buildBundle(join(dir, 'dist')), join(dir, 'state'));
  stops.push(() => workerd.stop());
  return workerd;
}

/**
 * The cluster with idle timeouts that are `keepAliveMs` longer, as platforms implement keep-alive.
 */
function longer(cluster: Cluster, keepAliveMs: number): Cluster {
  return new Map(
    [...cluster].map(([name, backend]) => [
      name,
      backend.idleTimeoutMs === undefined
        ? backend
        : { ...backend, idleTimeoutMs: backend.idleTimeoutMs + keepAliveMs },
    ]),
  );
}

async function measure(
  workerd: RawWorkerd,
  tenant: string,
  setting: Setting,
  cluster: Cluster,
  trace: readonly RecordedRun[],
): Promise<Figures> {
  const { timeScale, theta } = options;
  const emulators = new Map<string, Emulator>();
  for (const name of new Set(trace.flatMap((run) => run.units.map((unit) => unit.backend)))) {
    emulators.set(name, await startBackend(backendOf(cluster, name)));
  }
  const backends = [...emulators].map(([name, { url }]) => [
    name,
    backendConfig(name, url, backendOf(cluster, name)),
  ]);
  const config = {
    prewarm: { mode: setting.prewarm, theta },
    backends: Object.fromEntries(backends),
    runSilenceMs: 5_000,
  };
  await admin(workerd.url, 'PUT', `/tenants/${tenant}`, config);
  const { key } = JSON.parse(await admin(workerd.url, 'POST', `/tenants/${tenant}/keys`));
  const result = await replay(trace, {
    url: workerd.url,
    apiKey: key,
    model: MODEL,
    timeScale,
    onProgress: (finished, failed) => showProgress(setting.name, finished + failed, trace.length),
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  let [coldWaitMs, warmMs] = [0, 0];
  for (const [name, emulator] of emulators) {
    const stats = emulator.stats();
    const idleMs = backendOf(cluster, name).idleTimeoutMs;
    coldWaitMs += stats.coldWaitMs;
    // An endpoint is also paid for from its last call until it goes cold.
    if (idleMs !== undefined) warmMs += stats.warmMs + (stats.state === 'cold' ? 0 : idleMs);
  }
  // Deleted, so that nothing of this setting sends pings while the next one is measured.
  await admin(workerd.url, 'DELETE', `/tenants/${tenant}`);
  await Promise.all([...emulators.values()].map((emulator) => emulator.close()));
  const completions = result.runs.flatMap((run) => run.completionMs ?? []);
  return {
    coldWaitMs,
    warmMs,
    meanMs: mean(completions),
    failed: trace.length - completions.length,
  };
}

async function startBackend(backend: SimBackend): Promise<Emulator> {
  const { slots, prefillMsPerToken, decodeMsPerToken, coldStartMs, idleTimeoutMs } = backend;
  const emulator = await startEmulator({
    models: backend.measuresTokens ? [MODEL] : [],
    slots: slots ?? UNLIMITED,
    prefillMsPerToken,
    decodeMsPerToken,
    timeScale: options.timeScale,
    // Wakes by the dispatcher must take no service time: at a backend without a model, a probe is
    // answered as a tool call.
    toolServiceMs: 0,
    ...(coldStartMs === undefined ? {} : { coldStartMs }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
  });
  stops.push(emulator.close);
  return emulator;
}

function backendConfig(name: string, url: string, backend: SimBackend): object {
  const scaled = (ms: number) => Math.max(1, Math.round(ms / options.timeScale));
  const { coldStartMs, idleTimeoutMs } = backend;
  const coldStart =
    coldStartMs === undefined
      ? {}
      : {
          coldStart: {
            estimateMs: scaled(coldStartMs),
            idleTimeoutMs: scaled(idleTimeoutMs ?? 0),
            leastPingMs: scaled(LEAST_PING_MS),
            slowStart: false,
          },
        };
  const speed = { inputMs: backend.prefillMsPerToken, outputMs: backend.decodeMsPerToken };
  return {
    ...(backend.measuresTokens
      ? {
          models: [MODEL],
          speed: {
            inputMs: speed.inputMs / options.timeScale,
            outputMs: Math.max(0.001, speed.outputMs / options.timeScale),
          },
        }
      : {}),
    whileCold: 'send',
    endpoints: [
      {
        name: `${name}-1`,
        url: `${url}${backend.measuresTokens ? '/v1' : '/tools'}`,
        slots: backend.slots ?? UNLIMITED,
        ...coldStart,
      },
    ],
  };
}

function simulated(setting: Setting, cluster: Cluster, trace: readonly RecordedRun[]): Figures {
  const { theta, seed } = options;
  const prewarm = setting.prewarm === 'on' ? 'talaria' : 'off';
  const scenario = { policy: 'gittins', alpha: 0.5, theta, seed, prewarm, history: [] } as const;
  const { coldWaitMs, warmMs, runs } = simulate(trace, cluster, scenario);
  return {
    coldWaitMs,
    warmMs: [...warmMs.values()].reduce((sum, ms) => sum + ms, 0),
    meanMs: mean(runs.map(({ run, completedMs }) => completedMs - run.arrival_ms)),
    failed: 0,
  };
}

function backendOf(cluster: Cluster, name: string): SimBackend {
  const backend = cluster.get(name);
  if (!backend) throw new InputError(`the cluster has no backend "${name}"`);
  return backend;
}

function cells({ coldWaitMs, warmMs, meanMs, failed }: Figures): string[] {
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  return [seconds(coldWaitMs), seconds(warmMs), seconds(meanMs), String(failed)];
}

function table(rows: readonly string[][], runs: number): string {
  const head = ['', '', 'cold wait', 'warm', 'mean completion', 'failed'];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((r) => r[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((c, i) => (i < 2 ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0))).join('  ');
  return [
    `${runs} runs, seconds of model time (HTTP ${options.timeScale} times faster than real):`,
    '',
    ...[head, ...rows].map(line),
    '',
    'Cold wait: summed over calls, from the arrival at the endpoint until that was warm.',
    'Warm: time that endpoints were warm or waking, until each had gone cold after its last call.',
  ].join('\n');
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
}

function showProgress(name: string, done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${name.padEnd(26)} ${done}/${total} runs`);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        trace: { type: 'string' },
        cluster: { type: 'string' },
        runs: { type: 'string', default: '1000000' },
        'time-scale': { type: 'string', default: '5' },
        theta: { type: 'string', default: '0.25' },
        'keep-alive': { type: 'string', default: '60' },
        seed: { type: 'string', default: '1' },
      },
    });
    return {
      ...(values.trace === undefined ? {} : { trace: values.trace }),
      ...(values.cluster === undefined ? {} : { cluster: values.cluster }),
      runs: numberOf('runs', values.runs),
      timeScale: Math.max(0.001, numberOf('time-scale', values['time-scale'])),
      theta: numberOf('theta', values.theta),
      keepAliveS: numberOf('keep-alive', values['keep-alive']),
      seed: numberOf('seed', values.seed),
    };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

async function end(code: number): Promise<never> {
  for (const stop of stops.splice(0).reverse()) await stop().catch(() => {});
  process.exit(code);
}
