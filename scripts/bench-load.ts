/**
 * `npm run bench:load`: load tests of the built bundle on bare workerd. It measures the memory that
 * 10,000 waiting calls of one tenant take, what happens to calls at five times the capacity for a
 * minute, and the latency of a second tenant meanwhile. All requests are real HTTP on loopback;
 * clients, endpoint and dispatcher share the machine, so latencies are upper bounds.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { usedHeapBytes } from './load/heap.ts';
import { LoadClients, type Tally } from './load/load-clients.ts';
import { LoadEndpoint } from './load/load-endpoint.ts';
import { buildBundle, type RawWorkerd, startRawWorkerd } from './raw-workerd.ts';
import { numberOf, runCommand } from './sim/arguments.ts';
import { percentile } from './sim/summary.ts';
import { admin } from './stack.ts';

const USAGE = `usage: npm run bench:load -- [options]

  --held N      callers held on one tenant (default 10000)
  --seconds N   of five times the capacity (default 60)
  --help`;

const OPTIONS = {
  held: { type: 'string', default: '10000' },
  seconds: { type: 'string', default: '60' },
  help: { type: 'boolean', default: false },
} as const;

/** Settings of the overloaded tenant: 10 calls at a time of 200 ms each are 50 calls a second. */
const SLOTS = 10;
const CALL_MS = 200;
const OVERLOAD = 5;
const QUEUE_DEPTH = 200;
const BODY_BYTES = 2_000;
const QUEUE_BYTES = 300_000;
/** Settings of the second tenant: ten calls a second of 20 ms each. */
const QUIET_PER_SEC = 10;
const QUIET_MS = 20;
const QUIET_SECONDS = 20;

await runCommand(OPTIONS, USAGE, async (values) => {
  const held = numberOf('held', values.held);
  const seconds = numberOf('seconds', values.seconds);
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
  const dir = await mkdtemp(join(tmpdir(), 'talaria-load-'));
  const workerd = await startRawWorkerd(await buildBundle(join(dir, 'dist')), join(dir, 'state'), {
    inspect: true,
    objectsApart: true,
  });
  const slow = await new LoadEndpoint(CALL_MS).start();
  const quick = await new LoadEndpoint(QUIET_MS).start();
  const hung = await new LoadEndpoint(Infinity).start();
  try {
    await bench(workerd, { slow, quick, hung }, held, seconds);
  } finally {
    await workerd.stop('SIGKILL');
    for (const endpoint of [slow, quick, hung]) await endpoint.close();
    await rm(dir, { recursive: true, force: true });
  }
});

/** The most connections that the limit of file descriptors allows: workerd uses two for each. */
function mostConnections(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Infinity : Math.floor((Number(limit) - 300) / 2);
}

interface Endpoints {
  readonly slow: LoadEndpoint;
  readonly quick: LoadEndpoint;
  readonly hung: LoadEndpoint;
}

async function bench(
  workerd: RawWorkerd,
  { slow, quick, hung }: Endpoints,
  held: number,
  seconds: number,
): Promise<void> {
  const { url } = workerd;
  const quietKey = await tenant(url, 'quiet', quick.url, { slots: 8 });
  const quiet = new LoadClients(url, quietKey, 100);
  await quiet.atRate(QUIET_PER_SEC, 5);
  const alone = await quiet.atRate(QUIET_PER_SEC, QUIET_SECONDS);

  print(['held callers', '', '']);
  const idle = await memory(workerd);
  const heldKey = await tenant(url, 'held', hung.url, { slots: 1, depth: held, bytes: 1e9 });
  const callers = new LoadClients(url, heldKey, BODY_BYTES);
  const from = performance.now();
  const connections = mostConnections();
  const calls = callers.hold(held + 1, connections, workerd.insideUrl);
  await waiting(url, 'held', (n) => n === held);
  if (connections < held) {
    print(['of them from inside the process', String(held + 1 - connections), 'for lack of files']);
  }
  print(['until all of them wait', `${((performance.now() - from) / 1_000).toFixed(1)} s`, '']);
  const full = await memory(workerd);
  for (const [what, of] of [
    ['heap of the object', 'objectKb'],
    ['heap of the Worker', 'workerKb'],
    ['the whole process', 'residentKb'],
  ] as const) {
    const each = (full[of] - idle[of]) / held;
    print([`${what}, idle`, megabytes(idle[of]), '']);
    print([`the same, ${held} waiting`, megabytes(full[of]), `${each.toFixed(1)} kB a caller`]);
  }
  const besideHeld = await quiet.atRate(QUIET_PER_SEC, QUIET_SECONDS);
  const leave = performance.now();
  calls.leave();
  await waiting(url, 'held', (n) => n === 0);
  print(['all leave at once, until none waits', `${Math.round(performance.now() - leave)} ms`, '']);
  print(['calls at the endpoint, most at a time', String(hung.maxRunning), 'slots: 1']);

  const floodedKey = await tenant(url, 'flooded', slow.url, {
    slots: SLOTS,
    depth: QUEUE_DEPTH,
    bytes: QUEUE_BYTES,
  });
  const flood = new LoadClients(url, floodedKey, BODY_BYTES);
  const perSec = (OVERLOAD * SLOTS * 1_000) / CALL_MS;
  let mostWaiting = 0;
  const watch = setInterval(() => {
    void waitingNow(url, 'flooded').then((n) => {
      mostWaiting = Math.max(mostWaiting, n);
    });
  }, 500);
  const [flooded, besideFlood] = await Promise.all([
    flood.atRate(perSec, seconds),
    quiet.atRate(QUIET_PER_SEC, seconds),
  ]);
  clearInterval(watch);
  const flooding = await memory(workerd);
  const { maxRunning } = slow;
  overload(flooded, { perSec, seconds, mostWaiting, objectKb: flooding.objectKb, maxRunning });

  print(['the other tenant, ms', 'P50 / P95 / P99', 'failed']);
  for (const [name, tally] of [
    ['alone', alone],
    [`beside ${held} held callers`, besideHeld],
    [`beside ${OVERLOAD} times the capacity`, besideFlood],
  ] as const) {
    const failed = tally.count - (tally.statuses.get(200) ?? 0);
    print([name, quantiles(tally.latenciesMs.get(200) ?? []), String(failed)]);
  }
}

interface Flood {
  readonly perSec: number;
  readonly seconds: number;
  readonly mostWaiting: number;
  readonly objectKb: number;
  readonly maxRunning: number;
}

function overload(tally: Tally, flood: Flood): void {
  const { perSec, seconds, mostWaiting, objectKb, maxRunning } = flood;
  print([`${OVERLOAD} times the capacity, ${seconds} s`, '', '']);
  print([
    'calls sent',
    String(tally.count),
    `${Math.round(tally.count / seconds)} of ${perSec} a s`,
  ]);
  for (const [status, count] of [...tally.statuses].sort(([a], [b]) => a - b)) {
    const codes = [...(tally.codes.get(status) ?? [])].join(', ');
    const latency = `${quantiles(tally.latenciesMs.get(status) ?? [])} ms`;
    print([`answered ${status || 'not at all'} ${codes}`.trim(), String(count), latency]);
  }
  print(['refusals without Retry-After', String(tally.withoutRetryAfter), 'wanted: 0']);
  const bound = Math.min(QUEUE_DEPTH, Math.floor(QUEUE_BYTES / BODY_BYTES));
  print(['waiting, most at a time', String(mostWaiting), `bound: ${bound}`]);
  print(['calls at the endpoint, most at a time', String(maxRunning), `slots: ${SLOTS}`]);
  print(['heap of the object afterwards', megabytes(objectKb), '']);
}

async function tenant(
  url: string,
  name: string,
  endpoint: string,
  { slots, depth = 1_000, bytes = 1e9 }: { slots: number; depth?: number; bytes?: number },
): Promise<string> {
  const backend = { models: ['m'], endpoints: [{ url: endpoint, slots }], queue: { depth, bytes } };
  await admin(url, 'PUT', `/tenants/${name}`, { backends: { m: backend } });
  return JSON.parse(await admin(url, 'POST', `/tenants/${name}/keys`)).key;
}

async function waitingNow(url: string, name: string): Promise<number> {
  return JSON.parse(await admin(url, 'GET', `/tenants/${name}/status`)).backends.m.waiting;
}

async function waiting(url: string, name: string, is: (n: number) => boolean): Promise<void> {
  while (!is(await waitingNow(url, name))) await new Promise((r) => setTimeout(r, 50));
}

interface Memory {
  /** Resident memory of the process, as the system reports it. */
  readonly residentKb: number;
  /** Heap of the objects' isolate, to which the platform gives 128 MB. */
  readonly objectKb: number;
  readonly workerKb: number;
}

async function memory({ pid, url, inspector = '' }: RawWorkerd): Promise<Memory> {
  const poke = () => waitingNow(url, 'quiet');
  const objectKb = (await usedHeapBytes(inspector, 'objects', poke)) / 1_024;
  const workerKb = (await usedHeapBytes(inspector, 'talaria', poke)) / 1_024;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKb = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN);
  return { objectKb, workerKb, residentKb };
}

function quantiles(values: readonly number[]): string {
  if (values.length === 0) return '-';
  const sorted = [...values].sort((a, b) => a - b);
  return [0.5, 0.95, 0.99].map((q) => percentile(sorted, q).toFixed(0)).join(' / ');
}

function megabytes(kb: number): string {
  return `${(kb / 1_024).toFixed(0)} MB`;
}

function print(cells: readonly string[]): void {
  const [what = '', ...rest] = cells;
  console.log([what.padEnd(44), ...rest.map((cell) => cell.padEnd(20))].join('').trimEnd());
}
