/** Runs one session of a client in a throw-away home, with made-up keys and no network but loopback. */
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, DEMO_KEY, DEMO_URL } from './client.ts';

const HOMES = fileURLToPath(new URL('homes', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));
const PATIENCE_MS = 120_000;
const KILL_AFTER_MS = 5_000;
/** Nothing listens there, so that a client that wants the Internet fails at once. */
const NOWHERE = 'http://127.0.0.1:9';

/** Ends the sessions that are running; each is a process group of its own. */
export function endSessions(): void {
  for (const end of running) end();
}

const running = new Set<() => void>();

export interface Place {
  /** Where the client is installed. */
  readonly dir: string;
  readonly home: string;
  /** The folder in which the client works. */
  readonly work: string;
  readonly url: string;
}

export interface Outcome {
  /** Exit code; null if it had to be ended or was interrupted. */
  readonly code: number | null;
  readonly output: string;
  readonly ms: number;
}

/** Copies the files that configure the client into its home, with the address to call. */
export async function furnish(client: Client, { dir, home, url }: Place): Promise<void> {
  await mkdir(home, { recursive: true });
  const own = join(HOMES, client.name);
  const files = await readdir(own, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const file of files.filter((f) => f.isFile())) {
    const from = join(file.parentPath, file.name);
    const to = join(home, from.slice(own.length));
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, (await readFile(from, 'utf8')).replaceAll(DEMO_URL, url));
  }
  if (client.command) return;
  const program = await readFile(join(PROGRAMS, `${client.name}.mjs`), 'utf8');
  const made = program
    .replaceAll(DEMO_URL, url)
    .replaceAll(`'${DEMO_KEY}'`, 'process.env.TALARIA_API_KEY');
  await writeFile(join(dir, `${client.name}.mjs`), made);
}

/** Copies a folder with a few files, so that an agent has something to look at. */
export async function makeWork(work: string): Promise<void> {
  await mkdir(join(work, 'src'), { recursive: true });
  await writeFile(join(work, 'README.md'), '# A small project\n\nIt adds numbers.\n');
  await writeFile(join(work, 'src', 'add.js'), 'export const add = (a, b) => a + b;\n');
  await cp(join(work, 'README.md'), join(work, 'NOTES.md'));
}

/** Runs the client with a prompt. `interrupt`: ends it as Ctrl-C does once that resolves. */
export function runSession(
  client: Client,
  place: Place,
  prompt: string,
  key: string,
  interrupt?: Promise<unknown>,
): Promise<Outcome> {
  return run(client, place, client.args(prompt, key), key, interrupt);
}

/** Ends what the client has left running in the background. */
export async function leave(client: Client, place: Place): Promise<void> {
  if (client.stop) await run(client, place, client.stop, DEMO_KEY);
}

async function run(
  client: Client,
  { dir, home, work, url }: Place,
  args: readonly string[],
  key: string,
  interrupt?: Promise<unknown>,
): Promise<Outcome> {
  const startedAt = performance.now();
  const [command, ...before] = client.command
    ? [join(dir, 'node_modules', '.bin', client.command)]
    : [process.execPath, join(dir, `${client.name}.mjs`)];
  const child = spawn(command, [...before, ...args], {
    cwd: work,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      ...{ HOME: home, TMPDIR: home, LANG: 'C.UTF-8', TERM: 'dumb', CI: '1', NO_COLOR: '1' },
      ...{ HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, http_proxy: NOWHERE, https_proxy: NOWHERE },
      ...{ NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' },
      ...{ DO_NOT_TRACK: '1', OTEL_SDK_DISABLED: 'true', TALARIA_API_KEY: key },
      ...client.env?.(url, key),
    },
  });
  let output = '';
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const signal = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // The process group has already ended.
    }
  };
  const end = () => signal('SIGKILL');
  running.add(end);
  const timers = [setTimeout(end, PATIENCE_MS)];
  void interrupt?.then(() => {
    signal('SIGINT');
    timers.push(setTimeout(end, KILL_AFTER_MS));
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      output += String(error);
      resolve(null);
    });
    child.once('exit', (status) => resolve(status));
  });
  timers.forEach(clearTimeout);
  // A client may leave helpers of its own behind.
  end();
  running.delete(end);
  return { code, output, ms: Math.round(performance.now() - startedAt) };
}
