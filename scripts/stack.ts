/**
 * Runs the dispatcher on this machine for local development: wrangler dev as a child process, with
 * its cron trigger fired each minute, which wrangler dev does not do itself. Tests and measurements
 * use raw-workerd.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureAssets } from './console-assets.ts';
import { type Health, Liveness } from './liveness.ts';

export const ADMIN_TOKEN = 'talaria-demo-admin';
const START_PATIENCE_MS = 60_000;
const STOP_PATIENCE_MS = 5_000;
/** The time between two checks whether it answers. */
const WATCH_MS = 3_000;
const CRON_PATH = '/cdn-cgi/handler/scheduled';
const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface StackOptions {
  readonly port: number;
  /** The time between two firings of the cron trigger in real ms; 0 means never. */
  readonly cronMs: number;
  /**
   * Folder of KV and the objects' storage; absent: the project's own, which is kept between starts.
   */
  readonly persistTo?: string;
  /** Bindings of the Worker besides its own; they do not appear in the process list. */
  readonly bindings?: Readonly<Record<string, string>>;
  /** Called when the dispatcher ended without `stop` and could not be restarted. */
  readonly onExit: (output: string) => void;
}

export interface Stack {
  readonly url: string;
  stop(): Promise<void>;
}

/** True if no process listens on the port. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

export async function startStack(options: StackOptions): Promise<Stack> {
  await ensureAssets();
  const { port, cronMs, onExit } = options;
  const url = `http://127.0.0.1:${port}`;
  let dev = await launch(options, url);
  let stopping = false;
  const liveness = new Liveness();
  let restarting = false;
  const onFailure = (error: unknown) => {
    if (!stopping) onExit(error instanceof Error ? error.message : String(error));
  };
  const check = async () => {
    if (restarting || !liveness.mustRestart(await askHealth(url)) || stopping) return;
    // wrangler restarts a runtime that was killed, but sometimes fails to reconnect to it.
    restarting = true;
    console.error('The dispatcher does not answer; it is being restarted.');
    await dev.stop();
    if (!stopping) dev = await launch(options, url);
    restarting = false;
  };
  const watch = setInterval(() => void check().catch(onFailure), WATCH_MS);
  const cron = cronMs > 0 ? setInterval(() => void fireCron(url), cronMs) : undefined;
  return {
    url,
    stop: async () => {
      stopping = true;
      clearInterval(watch);
      clearInterval(cron);
      await dev.stop();
    },
  };
}

/** Starts wrangler dev and resolves when it answers; rejects with its output if it does not. */
async function launch(
  { port, persistTo, bindings = {} }: StackOptions,
  url: string,
): Promise<{ stop(): Promise<void> }> {
  const wrangler = fileURLToPath(
    new URL('../node_modules/wrangler/bin/wrangler.js', import.meta.url),
  );
  const envFile = writeEnvFile(bindings);
  const args = [
    wrangler,
    'dev',
    ...['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0'],
    ...['--var', `ADMIN_TOKEN:${ADMIN_TOKEN}`, '--var', 'ENVIRONMENT:development'],
    ...['--show-interactive-dev-session', 'false', '--log-level', 'warn'],
    ...(persistTo === undefined ? [] : ['--persist-to', persistTo]),
    ...['--env-file', envFile.path],
  ];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that wrangler's children can be ended with it.
    detached: true,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1', CI: '1' },
  });
  let output = '';
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-20_000);
    if (process.env.TALARIA_LOG) process.stderr.write(text);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    signalGroup(child, 'SIGTERM');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_PATIENCE_MS);
    await exited;
    clearTimeout(late);
    // wrangler may end before its own children do.
    signalGroup(child, 'SIGKILL');
    envFile.remove();
  };
  const until = Date.now() + START_PATIENCE_MS;
  while (Date.now() < until && child.exitCode === null) {
    if (await isUp(url)) return { stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`the dispatcher did not start:\n${output}`);
}

async function fireCron(url: string): Promise<void> {
  // A failed firing is ignored: the next minute's firing does the missed work.
  await fetch(`${url}${CRON_PATH}`).catch(() => {});
}

/** Writes bindings to a file that only this user can read, because all users can see arguments. */
function writeEnvFile(bindings: Readonly<Record<string, string>>) {
  const dir = mkdtempSync(join(tmpdir(), 'talaria-env-'));
  const path = join(dir, 'bindings.env');
  const lines = Object.entries(bindings).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(path, lines.join(''), { mode: 0o600 });
  return { path, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/**
 * Resolves when the dispatcher reports that it is ready, which means that its tenant is configured.
 */
export async function untilReady(url: string): Promise<void> {
  while (!(await answers(`${url}/readyz`))) await new Promise((r) => setTimeout(r, 50));
}

async function isUp(url: string): Promise<boolean> {
  return (await askHealth(url)) === 'up';
}

async function answers(url: string): Promise<boolean> {
  return (await ask(url)) === 'up';
}

function askHealth(url: string): Promise<Health> {
  return ask(`${url}/healthz`);
}

function ask(url: string): Promise<Health> {
  return fetch(url, { signal: AbortSignal.timeout(WATCH_MS) }).then(
    (answer) => (answer.ok ? 'up' : 'broken'),
    (error: unknown) =>
      error instanceof Error && error.name === 'TimeoutError' ? 'silent' : 'broken',
  );
}

/** Sends a request to the admin API; throws with the answer's text if it is refused. */
export async function admin(
  url: string,
  method: string,
  path: string,
  body?: object,
): Promise<string> {
  const response = await fetch(`${url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The process group has already ended.
  }
}
