/**
 * `npm run clients [NAME…]`: installs coding agents and frameworks from npm, runs each in a
 * throw-away home with made-up keys against the dispatcher and a scripted model on this machine, and
 * prints what each became. `--record DIR` writes the shape of what they send, `--faults` runs
 * sessions with a spoiled answer instead, `--dir DIR` keeps what is installed.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Client, versionOf } from './clients/client.ts';
import { CODING_AGENTS } from './clients/coding-agents.ts';
import { faultSessions } from './clients/fault-sessions.ts';
import { fiveSessions } from './clients/five-sessions.ts';
import { FRAMEWORKS } from './clients/frameworks.ts';
import { install } from './clients/install.ts';
import { recordingOf } from './clients/recording.ts';
import { endSessions } from './clients/session.ts';
import { startEmulator } from './gpu/emulator.ts';
import { buildBundle, startRawWorkerd } from './raw-workerd.ts';
import { answerHelp } from './sim/arguments.ts';

const CLIENTS = [...CODING_AGENTS, ...FRAMEWORKS];
const USAGE = `usage: npm run clients -- [NAME ...] [options]

  NAME          some of ${CLIENTS.map(({ name }) => name).join(', ')};
                without a name all of them
  --dir DIR     keeps what is installed
  --record DIR  writes the shape of what each client sends
  --faults      runs sessions with a spoiled answer instead
  --help`;
const OPTIONS = {
  record: { type: 'string' },
  dir: { type: 'string' },
  faults: { type: 'boolean', default: false },
} as const;
const COLUMNS = [
  'client',
  'version',
  'works',
  'runs of 5 sessions',
  'applications',
  'units',
  'verdict',
];

answerHelp(USAGE);
const { values, positionals } = readArguments();
const unknown = positionals.filter((name) => !CLIENTS.some((client) => client.name === name));
if (unknown.length > 0) {
  fail(`Unknown client "${unknown.join('", "')}". Known: ${CLIENTS.map((c) => c.name).join(', ')}`);
}
const chosen = CLIENTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

const scratch = await mkdtemp(join(tmpdir(), 'talaria-clients-'));
const folder = values.dir ?? join(scratch, 'installed');
const speed = { prefillMsPerToken: 0.01, decodeMsPerToken: 5 };
const gpu = await startEmulator({
  models: ['demo-llm'],
  slots: 8,
  ordinaryAnswers: true,
  ...speed,
});
const stack = values.faults ? undefined : await startStack();
process.exitCode = 1;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void stop().then(() => process.exit(1)));
}
try {
  for (const cells of stack ? [COLUMNS, COLUMNS.map(() => '---')] : []) console.log(row(cells));
  for (const client of chosen) {
    const dir = await install(client, folder).catch((error: unknown) => {
      console.log(row([client.name, versionOf(client), `skipped: npm: ${firstLine(error)}`]));
    });
    if (dir === undefined) continue;
    if (stack) await judge(client, dir, stack.url);
    else await spoil(client, dir);
  }
  process.exitCode = 0;
} finally {
  await stop();
}

async function stop(): Promise<void> {
  endSessions();
  await stack?.stop();
  await gpu.close();
  await rm(scratch, { recursive: true, force: true });
}

async function startStack() {
  const bundle = await buildBundle(join(scratch, 'dist'));
  return startRawWorkerd(bundle, join(scratch, 'state'));
}

async function judge(client: Client, dir: string, url: string): Promise<void> {
  const { broken, verdict, seen, work } = await fiveSessions(client, dir, url, gpu.url);
  const { runs, applications, units, faults } = verdict;
  const works = broken.length === 0 ? 'yes' : 'no';
  const words = faults.length === 0 ? 'right' : faults.join('; ');
  const counts = [runs, applications, units].map(String);
  console.log(row([client.name, versionOf(client), works, ...counts, words]));
  for (const problem of broken) console.error(`  ${client.name}: ${problem}`);
  if (values.record === undefined) return;
  await mkdir(values.record, { recursive: true });
  const about = `${client.name} ${versionOf(client)}: s1 and s2 one after the other, p1 and p2 at the same time with the same prompt, i1 interrupted.`;
  const text = JSON.stringify(recordingOf(about, seen, work), null, 2);
  await writeFile(join(values.record, `${client.name}.json`), `${text}\n`);
}

async function spoil(client: Client, dir: string): Promise<void> {
  for (const { fault, what } of await faultSessions(client, dir, gpu.url)) {
    console.log(row([client.name, versionOf(client), fault, what]));
  }
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return fail(firstLine(error));
  }
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
