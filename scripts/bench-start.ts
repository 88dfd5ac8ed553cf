/**
 * `npm run bench:start`: how much later an object with recorded runs answers its first calls than one
 * without, on bare workerd, with what was recorded on disk. Each round is a process of its own, in
 * which another tenant's call is answered first, so that the code is loaded. A second table restarts
 * objects while calls wait and run there, whose Workers ask again.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../src/core/learning/random.ts';
import { Forked } from './gateway/forked.ts';
import { LoadEndpoint } from './load/load-endpoint.ts';
import { buildBundle, type RawWorkerd, startRawWorkerd } from './raw-workerd.ts';
import { numberOf, runCommand } from './sim/arguments.ts';
import { ADMIN_TOKEN, admin } from './stack.ts';

const USAGE = `usage: npm run bench:start -- [options]

  --rounds N   processes that are started (default 9)
  --runs N     recorded runs of the tenant that has some (default 5000)
  --held N     calls that wait and run while an object is restarted, in the second table (default 500)
  --help`;

const OPTIONS = {
  rounds: { type: 'string', default: '9' },
  runs: { type: 'string', default: '5000' },
  held: { type: 'string', default: '500' },
  help: { type: 'boolean', default: false },
} as const;

const TENANTS = ['warm', 'empty', 'full'] as const;
/** Calls one after the other right after the first, while what was recorded is read. */
const CALLS_WHILE_READING = 20;
/** How long a Worker waits before it asks a restarted object again at the most, ms. */
const ASKED_AGAIN_MS = 2_000;
const random = seededRandom(1);

/** What a tenant's first calls took, and until what was recorded was read, ms. */
const FIRST_CALLS = [
  'first call',
  'slowest of the next 20, while runs are read',
  'first call once they are read',
  'until they are read',
] as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const [rounds, runs] = [numberOf('rounds', values.rounds), numberOf('runs', values.runs)];
  const held = numberOf('held', values.held);
  const dir = await mkdtemp(join(tmpdir(), 'talaria-start-'));
  const state = join(dir, 'state');
  const bundle = await buildBundle(join(dir, 'dist'));
  const endpoint = new Forked<never, never>('endpoint.ts');
  const holding = await new LoadEndpoint(Infinity).start();
  try {
    const { port } = await endpoint.next<{ port: number }>();
    const urls = { llm: `http://127.0.0.1:${port}/v1`, held: holding.url };
    const first = await startRawWorkerd(bundle, state);
    const keys = await prepare(first, runs, Math.ceil(held / 2), urls);
    await first.stop();
    /** Each on what was stored before all rounds. */
    const start = async () => {
      await rm(join(dir, 'copy'), { recursive: true, force: true });
      await cp(state, join(dir, 'copy'), { recursive: true });
      return startRawWorkerd(bundle, join(dir, 'copy'), { abortable: true });
    };
    const [later, again]: number[][][] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      later?.push(await laterOf(await start(), keys, firstCalls));
      again?.push(await laterOf(await start(), keys, (of) => callAfterRestart(of, held)));
    }
    console.log(`ms that an object with ${runs} recorded runs answers later than an empty one\n`);
    print(FIRST_CALLS, later ?? []);
    console.log(`\nthe same after a restart with ${held} calls there, half of which wait\n`);
    print(['first call'], again ?? []);
  } finally {
    endpoint.stop();
    await holding.close();
    await rm(dir, { recursive: true, force: true });
  }
});

interface Tenant {
  readonly workerd: RawWorkerd;
  readonly name: string;
  readonly key: string;
}

/** Makes the tenants, one of them with so many recorded runs; returns their keys. */
async function prepare(
  { url }: RawWorkerd,
  runs: number,
  heldSlots: number,
  urls: { readonly llm: string; readonly held: string },
): Promise<string[]> {
  const backends = {
    llm: { models: ['m'], endpoints: [{ url: urls.llm, slots: 8 }] },
    held: { models: ['held'], endpoints: [{ url: urls.held, slots: heldSlots }] },
  };
  const keys: string[] = [];
  for (const tenant of TENANTS) {
    await admin(url, 'PUT', `/tenants/${tenant}`, { backends });
    keys.push(JSON.parse(await admin(url, 'POST', `/tenants/${tenant}/keys`)).key);
  }
  const lines = Array.from({ length: runs }, (_, i) => JSON.stringify(recordedRun(i)));
  const told = await fetch(`${url}/admin/tenants/full/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: lines.join('\n'),
  });
  const text = await told.text();
  if (JSON.parse(text).runs?.imported !== runs) throw new Error(`The import answered ${text}`);
  for (const key of keys) await call(url, key);
  return keys;
}

/** An agent's run of three to twelve units of four kinds, one of nine applications. */
function recordedRun(i: number) {
  const units = Array.from({ length: 3 + Math.floor(10 * random()) }, (_, n) => ({
    unit: ['plan', 'act', 'check', 'answer'][n % 4],
    backend: 'llm',
    calls: [
      {
        input_tokens: 200 + Math.floor(4_000 * random()),
        output_tokens: 20 + Math.floor(800 * random()),
      },
    ],
  }));
  return { run: `h${i}`, app: `app${i % 9}`, arrival_ms: 1_000 * i, units };
}

/** How much more the full object takes than the empty one, of each that is measured, ms. */
async function laterOf(
  workerd: RawWorkerd,
  [warm = '', empty = '', full = '']: readonly string[],
  measure: (of: Tenant) => Promise<number[]>,
): Promise<number[]> {
  try {
    for (let i = 0; i < 20; i += 1) await call(workerd.url, warm);
    const emptyMs = await measure({ workerd, name: 'empty', key: empty });
    const fullMs = await measure({ workerd, name: 'full', key: full });
    return fullMs.map((ms, i) => ms - (emptyMs[i] ?? 0));
  } finally {
    // It would wait for the calls that are held.
    await workerd.stop('SIGKILL');
  }
}

async function firstCalls({ workerd, name, key }: Tenant): Promise<number[]> {
  const { url } = workerd;
  // An alarm that was due may have started it.
  await workerd.abort(name);
  const startedAt = performance.now();
  const first = await call(url, key);
  // It is answered once all is read.
  const read = admin(url, 'GET', `/tenants/${name}/pdgraph`).then(
    () => performance.now() - startedAt,
  );
  const next: number[] = [];
  for (let i = 0; i < CALLS_WHILE_READING; i += 1) next.push(await call(url, key));
  const readMs = await read;
  return [first, Math.max(...next), await call(url, key), readMs];
}

/** Time of the first call after the object was restarted while others wait and run there. */
async function callAfterRestart({ workerd, name, key }: Tenant, held: number): Promise<number[]> {
  const clients = new AbortController();
  const others = Array.from({ length: held }, () =>
    call(workerd.url, key, 'held', clients.signal).catch(() => undefined),
  );
  for (let there = 0; there < held; await pause(50)) {
    const { backends } = JSON.parse(await admin(workerd.url, 'GET', `/tenants/${name}/status`));
    there = backends.held.waiting + backends.held.running;
  }
  await workerd.abort(name);
  const took = [await call(workerd.url, key)];
  await pause(ASKED_AGAIN_MS);
  clients.abort();
  await Promise.all(others);
  return took;
}

/** Time until a call is answered, ms. */
async function call(url: string, key: string, model = 'm', signal?: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'x-talaria-app': 'app1' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    ...(signal ? { signal } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return performance.now() - startedAt;
}

function print(names: readonly string[], later: readonly (readonly number[])[]): void {
  console.log('| | least | median | most |\n|---|---|---|---|');
  names.forEach((name, i) => {
    const ms = later.map((of) => of[i] ?? 0).sort((a, b) => a - b);
    const cells = [ms[0], ms[ms.length >> 1], ms.at(-1)].map((of) => (of ?? 0).toFixed(1));
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  });
}
