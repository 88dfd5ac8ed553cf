/**
 * `npm run bench:gateway`: what a call costs, beside a Worker that only forwards, a Worker that also
 * makes two RPCs to an object, and Portkey's gateway on workerd and on Node. All forward to the same
 * endpoint, which answers at once; rounds of all of them are interleaved. Each answer is checked in
 * full, and the endpoint counts its calls. Prints tables in Markdown (docs/benchmarks.md). Client and
 * endpoint have processes of their own but share the machine's cores, so run it on an idle one.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Forked } from './gateway/forked.ts';
import { BARE, type Measured, tables, talariaOn, twoRpc } from './gateway/gateway-table.ts';
import { type Bench, HALF_OF, measureAll, run } from './gateway/measuring.ts';
import { installPortkey } from './gateway/portkey.ts';
import {
  FEW_SLOTS,
  portkeyOnNode,
  portkeyOnWorkerd,
  type Subject,
  smallWorker,
  talaria,
} from './gateway/subjects.ts';
import { buildBundle } from './raw-workerd.ts';
import { numberOf, runCommand } from './sim/arguments.ts';

const USAGE = `usage: npm run bench:gateway -- [options]

  --seconds N   of each measurement (default 2)
  --rounds N    of all measurements (default 5)
  --warm N      seconds before, of each kind: what runs often is compiled by then (default 10)
  --only TEXT   subjects whose name contains it, or one of several with commas between
  --at LIST     connections (default 1,16,64)
  --half        also at half of the rate that 16 connections reach
  --paced       also of streams of an engine: 64 at a time, a token each 30 ms
  --loans       also of Talaria without loans of slots
  --relays      also of a Worker that only relays each piece of an answer in JavaScript
  --kinds LIST  plain, streamed (default both)
  --help`;

const OPTIONS = {
  seconds: { type: 'string', default: '2' },
  rounds: { type: 'string', default: '5' },
  warm: { type: 'string', default: '10' },
  only: { type: 'string', default: '' },
  at: { type: 'string', default: '1,16,64' },
  half: { type: 'boolean', default: false },
  paced: { type: 'boolean', default: false },
  loans: { type: 'boolean', default: false },
  relays: { type: 'boolean', default: false },
  kinds: { type: 'string', default: 'plain,streamed' },
  help: { type: 'boolean', default: false },
} as const;

/** Storage in memory, on Linux. */
const MEMORY = '/dev/shm';

await runCommand(OPTIONS, USAGE, async (values) => {
  const seconds = numberOf('seconds', values.seconds);
  const rounds = numberOf('rounds', values.rounds);
  const warmSeconds = numberOf('warm', values.warm);
  const loads: Array<Measured['load']> = values.at.split(',').map((n) => numberOf('at', n));
  if (values.half) loads.push('half');
  if (values.paced) loads.push('paced');
  const kinds = values.kinds.split(',').map((kind) => kind === 'streamed');
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
  const places = existsSync(MEMORY)
    ? { 'on disk': tmpdir(), 'in memory': MEMORY }
    : { 'on disk': tmpdir() };
  const dirs = new Map<string, string>();
  for (const [name, parent] of Object.entries(places)) {
    dirs.set(name, await mkdtemp(join(parent, 'talaria-gateway-')));
  }
  const bench: Bench = {
    endpoint: new Forked('./endpoint.ts'),
    client: new Forked('./load-client.ts'),
    number: 0,
  };
  const stops: Array<() => Promise<void>> = [];
  try {
    const { port } = await bench.endpoint.next<{ port: number }>();
    const { only, loans, relays } = values;
    const endpoint = `http://127.0.0.1:${port}`;
    const subjects = await start(endpoint, dirs, { only, loans, relays }, stops, bench);
    const measured = await measureAll(bench, subjects, {
      kinds,
      loads,
      rounds,
      seconds,
      warmSeconds,
    });
    const place = (one: Measured) => subjects.findIndex(({ name }) => name === one.subject);
    console.log(tables(measured.sort((a, b) => place(a) - place(b))));
  } finally {
    for (const stop of stops) await stop();
    bench.client.stop();
    bench.endpoint.stop();
    for (const dir of dirs.values()) await rm(dir, { recursive: true, force: true });
  }
});

/** Starts what is wanted; what cannot be had is left out with a word. */
async function start(
  endpoint: string,
  dirs: ReadonlyMap<string, string>,
  {
    only,
    loans,
    relays,
  }: { readonly only: string; readonly loans: boolean; readonly relays: boolean },
  stops: Array<() => Promise<void>>,
  bench: Bench,
): Promise<Subject[]> {
  const subjects: Subject[] = [];
  const add = (subject: Subject) => {
    subjects.push(subject);
    stops.push(() => subject.stop());
  };
  const isWanted = (name: string) => only.split(',').some((text) => name.includes(text));
  const scratch = dirs.get('on disk') ?? tmpdir();
  if (isWanted(BARE)) add(await smallWorker(BARE, endpoint, join(scratch, 'bare'), 'forwards'));
  const relaying = `${BARE}, relaying`;
  if (relays && isWanted(relaying)) {
    add(await smallWorker(relaying, endpoint, join(scratch, 'relay'), 'relays'));
  }
  for (const [place, dir] of dirs) {
    if (!isWanted(twoRpc(place))) continue;
    add(await smallWorker(twoRpc(place), endpoint, join(dir, 'two-rpc'), 'two RPCs'));
  }
  if (isWanted('Portkey')) {
    const dir = join(scratch, 'portkey');
    await installPortkey(dir).then(
      async (build) => {
        const v1 = `${endpoint}/v1`;
        if (isWanted('Portkey on workerd')) add(await portkeyOnWorkerd(build, v1, join(dir, 'w')));
        if (isWanted('Portkey on Node')) add(await portkeyOnNode(build, v1));
      },
      (error) => console.log(`Portkey is left out, since npm cannot install it: ${error}\n`),
    );
  }
  const wanted = [...dirs].filter(([place]) => isWanted(talariaOn(place)));
  if (wanted.length === 0) return subjects;
  const bundle = await buildBundle(join(scratch, 'dist'));
  for (const [place, dir] of wanted) {
    await mkdir(dir, { recursive: true });
    const started = await talaria(talariaOn(place), bundle, endpoint, join(dir, 'talaria'));
    add(started.measured);
    // It is the same process, which stops once.
    if (loans) subjects.push(started.asking);
    await countSlots(bench, started.few);
  }
  return subjects;
}

/** Sixteen callers of few slots: the endpoint must never have more calls at a time than slots. */
async function countSlots(bench: Bench, subject: Subject): Promise<void> {
  for (const isStreamed of [false, true]) {
    const { most } = await run(bench, subject, isStreamed, HALF_OF, 1);
    const kind = isStreamed ? 'streamed' : 'plain';
    console.log(`${subject.name}: ${most} ${kind} calls at a time on ${FEW_SLOTS} slots\n`);
    if (most > FEW_SLOTS) throw new Error(`${most} calls at a time on ${FEW_SLOTS} slots`);
  }
}
