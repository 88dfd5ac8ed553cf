/**
 * `npm run demo`: replays the same recorded runs twice through the dispatcher by real HTTP: first
 * in order of arrival and waking on demand, as today's gateways do, then with Talaria's policy and
 * prewarming, which learn while the runs are replayed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LEAST_PING_MS } from '../src/core/backends/learned-idle.ts';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import { demoWorkload } from './demo-workload.ts';
import { type Emulator, startEmulator } from './gpu/emulator.ts';
import { freePort } from './raw-workerd.ts';
import { type ReplayResult, replay } from './replay.ts';
import { answerHelp } from './sim/arguments.ts';
import { type CompletionSummary, summarize } from './sim/summary.ts';
import { InputError, readTrace } from './sim/trace.ts';
import { admin, type Stack, startStack } from './stack.ts';

const CRON_MS = 60_000;
const LLM = { slots: 8, prefillMsPerToken: 0.1, decodeMsPerToken: 20, coldStartMs: 15_000 };
const SANDBOX = {
  slots: 16,
  coldStartMs: 8_000,
  models: [],
  prefillMsPerToken: 0,
  decodeMsPerToken: 0,
};
const IDLE_TIMEOUT_MS = 20_000;

interface Setting {
  readonly name: string;
  readonly tenant: string;
  readonly config: object;
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'fcfs, wake on demand',
    tenant: 'demo-fcfs',
    config: { policy: 'fcfs', prewarm: { mode: 'off' } },
  },
  {
    name: 'gittins, prewarming',
    tenant: 'demo-gittins',
    config: { policy: 'gittins', prewarm: { mode: 'on' } },
  },
];

interface Row {
  readonly setting: string;
  readonly summary: CompletionSummary;
  readonly failed: number;
  readonly result: ReplayResult;
}

const USAGE = `usage: npm run demo -- [options]

  --trace FILE    recorded runs of your own
  --time-scale N  how many times as fast the runs pass (default 20)
  --slots N       slots of the model's endpoint (default ${LLM.slots})
  --seed N        of the runs that are made up (default 1)
  --help`;

answerHelp(USAGE);
const options = readOptions();
const stops: Array<() => Promise<unknown>> = [];
process.on('SIGINT', () => void end(130));
process.on('SIGTERM', () => void end(143));
try {
  const runs =
    options.trace === undefined ? demoWorkload(options.seed) : await readTrace(options.trace);
  console.error('Starting the dispatcher ...');
  const stack = await startDispatcher();
  const rows: Row[] = [];
  for (const setting of SETTINGS) rows.push(await measure(stack, setting, runs));
  console.log(table(rows, runs));
  await end(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  await end(error instanceof InputError ? 2 : 1);
}

async function startDispatcher(): Promise<Stack> {
  const persistTo = await mkdtemp(join(tmpdir(), 'talaria-demo-'));
  stops.push(() => rm(persistTo, { recursive: true, force: true }));
  const stack = await startStack({
    port: await freePort(),
    cronMs: CRON_MS / options.timeScale,
    persistTo,
    onExit: (output) => {
      console.error(`The dispatcher ended:\n${output}`);
      void end(1);
    },
  });
  stops.push(stack.stop);
  return stack;
}

async function measure(stack: Stack, setting: Setting, runs: readonly RecordedRun[]): Promise<Row> {
  const emulators = new Map<string, Emulator>();
  for (const backend of new Set(runs.flatMap((r) => r.units.map((u) => u.backend)))) {
    emulators.set(backend, await startBackend(backend));
  }
  const config = { ...setting.config, backends: backendsOf(emulators), runSilenceMs: 5_000 };
  await admin(stack.url, 'PUT', `/tenants/${setting.tenant}`, config);
  const created = await admin(stack.url, 'POST', `/tenants/${setting.tenant}/keys`);
  const result = await replay(runs, {
    url: stack.url,
    apiKey: JSON.parse(created).key,
    model: 'demo-llm',
    timeScale: options.timeScale,
    onProgress: (finished, failed) => showProgress(setting.name, finished, failed, runs.length),
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  await Promise.all([...emulators.values()].map((e) => e.close()));
  const completions = result.runs.flatMap((r) => r.completionMs ?? []);
  return {
    setting: setting.name,
    summary: summarize(completions),
    failed: runs.length - completions.length,
    result,
  };
}

/** Recorded runs name the model's backend `llm`; all other backends are tools. */
async function startBackend(name: string): Promise<Emulator> {
  const { timeScale } = options;
  const emulator = await startEmulator(
    name === 'llm'
      ? {
          ...LLM,
          slots: options.slots,
          models: ['demo-llm'],
          idleTimeoutMs: IDLE_TIMEOUT_MS,
          timeScale,
        }
      : { ...SANDBOX, idleTimeoutMs: IDLE_TIMEOUT_MS, timeScale },
  );
  stops.push(emulator.close);
  return emulator;
}

function backendsOf(emulators: ReadonlyMap<string, Emulator>): object {
  const scaled = (ms: number) => Math.max(1, Math.round(ms / options.timeScale));
  return Object.fromEntries(
    [...emulators].map(([name, emulator]) => {
      const isLlm = name === 'llm';
      const { coldStartMs } = isLlm ? LLM : SANDBOX;
      const endpoint = {
        name: `${name}-1`,
        url: `${emulator.url}${isLlm ? '/v1' : '/tools'}`,
        slots: isLlm ? options.slots : SANDBOX.slots,
        coldStart: {
          estimateMs: scaled(coldStartMs),
          idleTimeoutMs: scaled(IDLE_TIMEOUT_MS),
          leastPingMs: scaled(LEAST_PING_MS),
          // Emulated engines serve at full speed at once, and the time scale does not shorten the
          // steps of slow start.
          slowStart: false,
        },
      };
      return [name, { ...(isLlm ? { models: ['demo-llm'] } : {}), endpoints: [endpoint] }];
    }),
  );
}

function showProgress(name: string, finished: number, failed: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const width = 30;
  const done = Math.round(((finished + failed) / total) * width);
  const bar = '#'.repeat(done) + '.'.repeat(width - done);
  process.stderr.write(`\r${name.padEnd(22)} [${bar}] ${finished + failed}/${total} runs`);
}

function table(rows: readonly Row[], runs: readonly RecordedRun[]): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const head = ['', 'mean', 'P50', 'P95', 'P99', 'cold calls', 'cold wait', 'failed'];
  const body = rows.map(({ setting, summary, failed, result }) => [
    setting,
    ...[summary.mean_ms, summary.p50_ms, summary.p95_ms, summary.p99_ms].map(seconds),
    String(result.coldCalls),
    seconds(result.coldWaitMs),
    String(failed),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  const [before, after] = rows;
  const less = (of: (s: CompletionSummary) => number) =>
    before && after ? `${Math.round((of(after.summary) / of(before.summary) - 1) * 100)} %` : '';
  return [
    '',
    `Completion time of ${runs.length} runs, seconds (${options.timeScale} times faster than real):`,
    '',
    line(head),
    ...body.map(line),
    '',
    `mean ${less((s) => s.mean_ms)}, P95 ${less((s) => s.p95_ms)}`,
    'Cold wait: time in which calls waited and no endpoint was warm, summed over calls.',
  ].join('\n');
}

function readOptions(): { trace?: string; timeScale: number; slots: number; seed: number } {
  try {
    const { values } = parseArgs({
      options: {
        trace: { type: 'string' },
        'time-scale': { type: 'string', default: '20' },
        slots: { type: 'string', default: String(LLM.slots) },
        seed: { type: 'string', default: '1' },
      },
    });
    const positive = (name: 'time-scale' | 'slots' | 'seed') => {
      const value = Number(values[name]);
      if (value > 0 && (name === 'time-scale' || Number.isInteger(value))) return value;
      throw new InputError(`--${name}: expected a number above 0, got "${values[name]}"`);
    };
    return {
      ...(values.trace === undefined ? {} : { trace: values.trace }),
      timeScale: positive('time-scale'),
      slots: positive('slots'),
      seed: positive('seed'),
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
