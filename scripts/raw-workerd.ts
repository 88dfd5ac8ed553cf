/**
 * Runs the built bundle on bare workerd, as production does. wrangler dev (stack.ts) has a proxy in
 * front that hides disconnects of clients, so measurements and tests of cancellation and crashes
 * use this.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ASSETS_DIR, ensureAssets } from './console-assets.ts';
import { ABORTABLE_WORKER, RECORDING_WORKER, SWITCHING_WORKER } from './object-wrappers.ts';
import { FRONT_WORKER, KV_WORKER, workerdConfig } from './workerd-config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_PATIENCE_MS = 30_000;

export interface RawWorkerd {
  readonly url: string;
  /** Address at which one request with `?calls=N` makes N calls at once from inside the process. */
  readonly insideUrl: string;
  readonly pid: number;
  /** The log that it has written so far. */
  log(): string;
  /** Address of the inspector, if it was started with `inspect`. */
  readonly inspector?: string;
  /** Fires the cron trigger with the time that it is `inMs` from now: 0 where that is absent. */
  cron(inMs?: number): Promise<void>;
  /** Aborts a tenant's object while its Workers keep running. Needs the option `abortable`. */
  abort(tenant: string): Promise<void>;
  /** Ends the process; the signal `SIGKILL` is like a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Builds the Worker and its assets as a deployment does; returns the bundle's path. */
export async function buildBundle(outDir: string): Promise<string> {
  await ensureAssets();
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  await promisify(execFile)(
    process.execPath,
    [wrangler, 'deploy', '--dry-run', '--outdir', outDir],
    { cwd: ROOT, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  );
  return join(outDir, 'index.js');
}

/** How workerd is started. */
export interface RawOptions {
  /** Secrets of the Worker, besides the administrator's token. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Opens workerd's inspector, for measurements. */
  readonly inspect?: boolean;
  /** The size that no file may exceed, as on a full disk; for tests of failing writes. */
  readonly fileKb?: number;
  /** Gives the objects an isolate of their own, as the platform does, instead of the Worker's. */
  readonly objectsApart?: boolean;
  /** The bundle of the objects where it is another version than the Worker's; they are apart then. */
  readonly objectsBundle?: string;
  /** The objects log what they are asked and what they answer (object-wrappers.ts). */
  readonly records?: boolean;
  /**
   * Each abort of a tenant's object brings it up in the other version, the Worker's or `objectsBundle`,
   * which is its first.
   */
  readonly switches?: boolean;
  /** Lets tenants' objects be aborted. */
  readonly abortable?: boolean;
}

/**
 * Starts workerd on a bundle. `stateDir` holds KV and the objects' storage, and remains after the
 * process has ended.
 */
export async function startRawWorkerd(
  bundle: string,
  stateDir: string,
  {
    secrets = {},
    inspect = false,
    fileKb,
    objectsApart = false,
    objectsBundle,
    records = false,
    switches = false,
    abortable = false,
  }: RawOptions = {},
): Promise<RawWorkerd> {
  const [port, cronPort] = [await freePort(), await freePort()];
  await mkdir(join(stateDir, 'objects'), { recursive: true });
  await writeFile(join(stateDir, 'bundle.js'), await readFile(bundle));
  await writeFile(join(stateDir, 'kv.js'), KV_WORKER);
  await writeFile(join(stateDir, 'front.js'), FRONT_WORKER);
  const abortion = abortable ? ABORTABLE_WORKER : undefined;
  const wrapper = records ? RECORDING_WORKER : switches ? SWITCHING_WORKER : abortion;
  if (wrapper) await writeFile(join(stateDir, 'wrapper.js'), wrapper);
  const otherObjects = objectsBundle !== undefined;
  if (otherObjects) await writeFile(join(stateDir, 'objects.js'), await readFile(objectsBundle));
  const config = join(stateDir, 'config.capnp');
  const settings = {
    ...(await compatibility()),
    ...{ secrets, objectsApart, otherObjects, wrapper, hasBoth: switches, assets: ASSETS_DIR },
  };
  await writeFile(config, workerdConfig(port, cronPort, join(stateDir, 'objects'), settings));
  const inspector = inspect ? `127.0.0.1:${await freePort()}` : undefined;
  const inspecting = inspector ? [`--inspector-addr=${inspector}`] : [];
  const serve = [workerdPath(), 'serve', config, '--experimental', ...inspecting];
  // SIGXFSZ is ignored, so that a write beyond the limit fails and does not end the process.
  const limited = `trap '' XFSZ; ulimit -f ${(fileKb ?? 0) * 2}; exec "$@"`;
  const [command = '', ...args] =
    fileKb === undefined ? serve : ['sh', '-c', limited, '', ...serve];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (text: Buffer) => {
    output += text.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const insideUrl = `http://127.0.0.1:${cronPort}`;
  await ready(url, child, () => output);
  return {
    url,
    insideUrl,
    pid: child.pid ?? 0,
    log: () => output,
    ...(inspector ? { inspector } : {}),
    cron: async (inMs = 0) => {
      const fired = await fetch(`${insideUrl}/?in=${inMs}`);
      if (!fired.ok) throw new Error(`cron: ${fired.status} ${await fired.text()}`);
    },
    abort: async (tenant) => {
      const told = await fetch(`${insideUrl}/?abort=${tenant}`);
      const text = await told.text();
      if (text !== '"died"') throw new Error(`abort: ${told.status} ${text}`);
    },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
}

/** A port that no process listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** The workerd that wrangler brings. */
export function workerdPath(): string {
  const require = createRequire(import.meta.url);
  const { default: path } = require('workerd') as { default: string };
  return path;
}

/** Resolves when a path answers; rejects where the process ends or takes too long. */
export async function ready(
  url: string,
  child: ChildProcess,
  output: () => string,
  path = '/healthz',
): Promise<void> {
  const until = Date.now() + START_PATIENCE_MS;
  while (Date.now() < until && child.exitCode === null) {
    const up = await fetch(url + path).then(
      (r) => r.ok,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The process did not start:\n${output()}`);
}

/** The compatibility settings of wrangler.toml, so that tests run what is deployed. */
export async function compatibility(): Promise<{ date: string; flags: string }> {
  const toml = await readFile(join(ROOT, 'wrangler.toml'), 'utf8');
  const date = /^compatibility_date = "(.*)"/m.exec(toml)?.[1];
  const flags = /^compatibility_flags = (\[.*\])/m.exec(toml)?.[1];
  if (!date || !flags) throw new Error('wrangler.toml: no compatibility date or flags');
  return { date, flags };
}
