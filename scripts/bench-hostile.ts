/**
 * `npm run bench:hostile`: measures what a hostile client with an ordinary key costs on bare
 * workerd, one kind of input at a time, and how it affects another key of its tenant and another
 * tenant. Prints a table in Markdown (docs/reliability.md). Client, endpoint and dispatcher share
 * the machine, so latencies are upper bounds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Attack, Attacked } from './hostile/attacker.ts';
import { Bystander, SMALL, type Waits } from './hostile/bystander.ts';
import { HostileClient } from './hostile/hostile-client.ts';
import { HostileEndpoint } from './hostile/hostile-endpoint.ts';
import { INPUTS } from './hostile/inputs.ts';
import { ProcessMeter } from './hostile/process-meter.ts';
import { buildBundle, startRawWorkerd } from './raw-workerd.ts';
import { numberOf, runCommand } from './sim/arguments.ts';
import { percentile } from './sim/summary.ts';
import { admin } from './stack.ts';

const USAGE = `usage: npm run bench:hostile -- [options]

  --only TEXT   inputs whose name contains it
  --ms N        how long each is repeated (default 1500)
  --list        the names of all inputs
  --help`;

const OPTIONS = {
  only: { type: 'string', default: '' },
  ms: { type: 'string', default: '1500' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** The time in ms for which the other callers are measured alone before each input. */
const ALONE_MS = 1_000;
/** The longest time in ms for which an input is measured. */
const MOST_MS = 20_000;
const SLOTS = 8;

interface Row {
  readonly name: string;
  readonly attacked: Attacked | undefined;
  readonly cpuMs: number;
  readonly peakMb: number;
  readonly alone: Others;
  readonly beside: Others;
}

/** Measurements of the tenant's other key, and of the other tenant. */
interface Others {
  readonly key: Waits;
  readonly tenant: Waits;
}

await runCommand(OPTIONS, USAGE, async ({ only, ms, list }) => {
  const names = Object.keys(INPUTS).filter((name) => name.includes(only));
  if (list) return console.log(names.join('\n'));
  const forMs = numberOf('ms', ms);
  const dir = await mkdtemp(join(tmpdir(), 'talaria-hostile-'));
  try {
    const bundle = await buildBundle(join(dir, 'dist'));
    const rows: Row[] = [];
    for (const [i, name] of names.entries()) {
      const row = await measured(name, bundle, join(dir, String(i)), forMs);
      rows.push(row);
      console.error(`${i + 1}/${names.length} ${name}: ${statusesOf(row)}`);
    }
    print(rows);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

/** Measures an input on a new process, so that earlier inputs have no effect. */
async function measured(name: string, bundle: string, dir: string, forMs: number): Promise<Row> {
  const workerd = await startRawWorkerd(bundle, dir, { objectsApart: true });
  const endpoint = await new HostileEndpoint().start();
  const bystanders: Bystander[] = [];
  try {
    const { url } = workerd;
    const wakeAnswer = INPUTS[name]?.wakeAnswer;
    const a = await tenant(url, 'one', endpoint.url, wakeAnswer !== undefined);
    const b = await keyOf(url, 'one');
    const c = await tenant(url, 'two', endpoint.url);
    // A call of each, so that what is measured is not their beginning.
    for (const one of [b, c]) await new HostileClient(url, one).send(SMALL);
    if (wakeAnswer) endpoint.wakeAnswer = wakeAnswer;
    // CPU time and memory are those of the attack alone, and the waits those of others beside it.
    const meter = new ProcessMeter(workerd.pid);
    const attacked = await attack({ name, url, key: a, forMs });
    const { cpuMs, peakMb } = meter;
    endpoint.wakeAnswer = '';
    await pause(ALONE_MS / 2);
    const key = new Bystander(url, b);
    const other = new Bystander(url, c);
    bystanders.push(key, other);
    const others = () => ({ key: key.take(), tenant: other.take() });
    await pause(ALONE_MS / 2);
    others();
    await pause(ALONE_MS);
    const alone = others();
    if (wakeAnswer) endpoint.wakeAnswer = wakeAnswer;
    await attack({ name, url, key: a, forMs });
    const perRound = cpuMs / (attacked?.rounds ?? 1);
    return { name, attacked, cpuMs: perRound, peakMb, alone, beside: others() };
  } finally {
    for (const bystander of bystanders) bystander.stop();
    await workerd.stop('SIGKILL');
    await endpoint.close();
  }
}

/** Runs the attack; undefined if it did not end in time. */
function attack(data: Attack): Promise<Attacked | undefined> {
  const thread = new Worker(new URL('./hostile/attacker.ts', import.meta.url), {
    workerData: data,
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), MOST_MS);
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => resolve(undefined));
    void timer;
  }).finally(() => thread.terminate()) as Promise<Attacked | undefined>;
}

async function tenant(
  url: string,
  name: string,
  endpoint: string,
  scalesToZero = false,
): Promise<string> {
  const coldStart = scalesToZero ? { coldStart: { wakePath: '/wake-up' } } : {};
  const m = { models: ['m'], endpoints: [{ url: endpoint, slots: SLOTS, ...coldStart }] };
  await admin(url, 'PUT', `/tenants/${name}`, { backends: { m } });
  return keyOf(url, name);
}

async function keyOf(url: string, name: string): Promise<string> {
  return JSON.parse(await admin(url, 'POST', `/tenants/${name}/keys`)).key;
}

function print(rows: readonly Row[]): void {
  const [model, count] = [cpus()[0]?.model, cpus().length];
  console.log(`${model}, ${count} cores, Node ${process.version}\n`);
  const aloneMs = p95(rows.flatMap(({ alone }) => [alone.key, alone.tenant]));
  console.log(`Alone, the other callers' P95 is ${aloneMs.toFixed(0)} ms.\n`);
  const columns = ['input', 'requests', 'MB', 'CPU ms', 'peak MB', 'B waits, ms', 'C waits, ms'];
  line(columns);
  line(columns.map((_, i) => (i === 0 ? '---' : '---:')));
  for (const { name, attacked, cpuMs, peakMb, beside } of rows) {
    const each = (n: number) => n / (attacked?.rounds ?? 1);
    const added = (waits: Waits) => {
      const failed = waits.failed > 0 ? `, ${waits.failed} failed` : '';
      return `${Math.max(0, p95([waits]) - aloneMs).toFixed(0)}${failed}`;
    };
    line([
      name,
      attacked ? each(attacked.requests).toFixed(0) : 'no end',
      (each(attacked?.bytes ?? 0) / 1e6).toFixed(1),
      cpuMs.toFixed(0),
      peakMb.toFixed(0),
      added(beside.key),
      added(beside.tenant),
    ]);
  }
}

function p95(waits: readonly Waits[]): number {
  const sorted = waits.flatMap(({ latenciesMs }) => latenciesMs).sort((x, y) => x - y);
  return sorted.length === 0 ? 0 : percentile(sorted, 0.95);
}

function statusesOf({ attacked }: Row): string {
  if (!attacked) return 'came to no end';
  const counts = [...attacked.statuses].sort(([x], [y]) => x - y);
  return `${attacked.rounds} rounds, ${counts.map(([s, n]) => `${s}: ${n}`).join(', ')}`;
}

function line(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}
