/**
 * The dispatcher on this machine: wrangler dev as a child, its cron fired each minute (wrangler dev
 * does not do that by itself), and everything ended together. Local development only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const ADMIN_TOKEN = 'talaria-demo-admin';
const START_PATIENCE_MS = 60_000;
const STOP_PATIENCE_MS = 5_000;
const CRON_PATH = '/cdn-cgi/handler/scheduled';
const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface StackOptions {
  readonly port: number;
  /** Between two firings of the cron, real ms; 0: never. */
  readonly cronMs: number;
  /** Where KV and the objects' storage live; absent: the project's own, kept between starts. */
  readonly persistTo?: string;
  /** Called when the dispatcher ends without having been asked to. */
  readonly onExit: (output: string) => void;
}

export interface Stack {
  readonly url: string;
  stop(): Promise<void>;
}

/** True where nobody listens on the port yet. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const { port, cronMs, persistTo, onExit } = options;
  const url = `http://127.0.0.1:${port}`;
  const wrangler = fileURLToPath(
    new URL('../node_modules/wrangler/bin/wrangler.js', import.meta.url),
  );
  const args = [
    wrangler,
    'dev',
    ...['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0'],
    ...['--var', `ADMIN_TOKEN:${ADMIN_TOKEN}`, '--var', 'ENVIRONMENT:development'],
    ...['--show-interactive-dev-session', 'false', '--log-level', 'warn'],
    ...(persistTo === undefined ? [] : ['--persist-to', persistTo]),
  ];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: wrangler has children, and all of them are to end with us.
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
  let stopping = false;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => {
    if (!stopping) onExit(output);
  });
  let cron: ReturnType<typeof setInterval> | undefined;
  const stop = async () => {
    stopping = true;
    clearInterval(cron);
    signalGroup(child, 'SIGTERM');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_PATIENCE_MS);
    await exited;
    clearTimeout(late);
    // wrangler may be gone before its own children are.
    signalGroup(child, 'SIGKILL');
  };
  try {
    await becomeReady(url, exited, () => output);
  } catch (error) {
    await stop();
    throw error;
  }
  if (cronMs > 0) {
    cron = setInterval(() => {
      fetch(`${url}${CRON_PATH}`).catch(() => {});
    }, cronMs);
  }
  return { url, stop };
}

/** A request to the admin API; throws with the answer's text where it is refused. */
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

async function becomeReady(
  url: string,
  exited: Promise<void>,
  output: () => string,
): Promise<void> {
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  const until = Date.now() + START_PATIENCE_MS;
  while (Date.now() < until && !gone) {
    const ready = await fetch(`${url}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the dispatcher did not start:\n${output()}`);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}
