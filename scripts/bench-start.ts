/**
 * `npm run bench:start`: how much later an object with 5,000 recorded runs answers its first calls
 * than an empty one, on bare workerd, with what was recorded on disk. Each round is a process of its
 * own, in which another tenant's call is answered first, so that the code is loaded.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/core/learning/random.ts';
import { Forked } from './gateway/forked.ts';
import { buildBundle, startRawWorkerd } from './raw-workerd.ts';
import { ADMIN_TOKEN, admin } from './stack.ts';

const TENANTS = ['warm', 'empty', 'full'] as const;
const CALLS = 3;
const random = seededRandom(1);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    runs: { type: 'string', default: '5000' },
  },
});
const dir = await mkdtemp(join(tmpdir(), 'talaria-start-'));
const state = join(dir, 'state');
const bundle = await buildBundle(join(dir, 'dist'));
const endpoint = new Forked<never, never>('endpoint.ts');
try {
  const { port } = await endpoint.next<{ port: number }>();
  const keys = await prepare(Number(values.runs), `http://127.0.0.1:${port}/v1`);
  const later: number[][] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) later.push(await measure(keys));
  console.log(
    `ms that an object with ${values.runs} recorded runs answers later than an empty one\n`,
  );
  console.log('| call | least | median | most |\n|---|---|---|---|');
  for (let call = 0; call < CALLS; call += 1) {
    const ms = later.map((of) => of[call] ?? 0).sort((a, b) => a - b);
    const cells = [ms[0], ms[ms.length >> 1], ms.at(-1)].map((of) => (of ?? 0).toFixed(1));
    console.log(`| ${call + 1} | ${cells.join(' | ')} |`);
  }
} finally {
  endpoint.stop();
  await rm(dir, { recursive: true, force: true });
}

/** Makes the tenants, one of them with so many recorded runs; returns their keys. */
async function prepare(runs: number, endpointUrl: string): Promise<string[]> {
  const workerd = await startRawWorkerd(bundle, state);
  const endpoints = [{ url: endpointUrl, slots: 8 }];
  const keys: string[] = [];
  for (const tenant of TENANTS) {
    const config = { backends: { llm: { models: ['m'], endpoints } } };
    await admin(workerd.url, 'PUT', `/tenants/${tenant}`, config);
    keys.push(JSON.parse(await admin(workerd.url, 'POST', `/tenants/${tenant}/keys`)).key);
  }
  const lines = Array.from({ length: runs }, (_, i) => JSON.stringify(recordedRun(i)));
  const told = await fetch(`${workerd.url}/admin/tenants/full/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: lines.join('\n'),
  });
  const text = await told.text();
  if (JSON.parse(text).runs?.imported !== runs) throw new Error(`The import answered ${text}`);
  for (const key of keys) await call(workerd.url, key);
  await workerd.stop();
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

/** How much later the full object answers than the empty one, of each of the first calls, ms. */
async function measure([warm = '', empty = '', full = '']: readonly string[]): Promise<number[]> {
  const workerd = await startRawWorkerd(bundle, state);
  try {
    for (let i = 0; i < 20; i += 1) await call(workerd.url, warm);
    const [emptyMs, fullMs] = [await calls(workerd.url, empty), await calls(workerd.url, full)];
    return fullMs.map((ms, i) => ms - (emptyMs[i] ?? 0));
  } finally {
    await workerd.stop();
  }
}

async function calls(url: string, key: string): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < CALLS; i += 1) took.push(await call(url, key));
  return took;
}

/** Time until a call is answered, ms. */
async function call(url: string, key: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'x-talaria-app': 'app1' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return performance.now() - startedAt;
}
