/**
 * The built bundle on bare workerd, as production runs it. wrangler dev puts a proxy in front that
 * hides clients which leave; tests of cancellation and of crashes, and measurements, run here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ADMIN_TOKEN } from './stack.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_PATIENCE_MS = 30_000;

export interface RawWorkerd {
  readonly url: string;
  readonly pid: number;
  /** What it wrote to its log so far. */
  log(): string;
  /** Fires the cron trigger. */
  cron(): Promise<void>;
  /** Ends it; with `SIGKILL` as a crash does. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Builds the Worker as a deployment would; returns the bundle's path. */
export async function buildBundle(outDir: string): Promise<string> {
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  await promisify(execFile)(
    process.execPath,
    [wrangler, 'deploy', '--dry-run', '--outdir', outDir],
    { cwd: ROOT, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  );
  return join(outDir, 'index.js');
}

/** Starts workerd on a bundle; `stateDir` holds KV and the objects, and outlives it. */
export async function startRawWorkerd(bundle: string, stateDir: string): Promise<RawWorkerd> {
  const [port, cronPort] = [await freePort(), await freePort()];
  await mkdir(join(stateDir, 'objects'), { recursive: true });
  await writeFile(join(stateDir, 'bundle.js'), await readFile(bundle));
  await writeFile(join(stateDir, 'kv.js'), KV_WORKER);
  await writeFile(join(stateDir, 'front.js'), FRONT_WORKER);
  const config = join(stateDir, 'config.capnp');
  await writeFile(config, capnp(port, cronPort, join(stateDir, 'objects'), await settings()));
  const child = spawn(workerdPath(), ['serve', config, '--experimental'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: Buffer) => {
    output += text.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await ready(url, child, () => output);
  return {
    url,
    pid: child.pid ?? 0,
    log: () => output,
    cron: async () => {
      const fired = await fetch(`http://127.0.0.1:${cronPort}/`);
      if (!fired.ok) throw new Error(`cron: ${fired.status} ${await fired.text()}`);
    },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
}

/** A port that nobody listens on. */
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

function workerdPath(): string {
  const require = createRequire(import.meta.url);
  const { default: path } = require('workerd') as { default: string };
  return path;
}

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const until = Date.now() + START_PATIENCE_MS;
  while (Date.now() < until && child.exitCode === null) {
    const up = await fetch(`${url}/healthz`).then(
      (r) => r.ok,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`workerd did not start:\n${output()}`);
}

/** Compatibility as wrangler.toml has it, so that tests run what is deployed. */
async function settings(): Promise<{ date: string; flags: string }> {
  const toml = await readFile(join(ROOT, 'wrangler.toml'), 'utf8');
  const date = /^compatibility_date = "(.*)"/m.exec(toml)?.[1];
  const flags = /^compatibility_flags = (\[.*\])/m.exec(toml)?.[1];
  if (!date || !flags) throw new Error('wrangler.toml: no compatibility date or flags');
  return { date, flags };
}

function capnp(
  port: number,
  cronPort: number,
  disk: string,
  { date, flags }: { date: string; flags: string },
): string {
  const compatibility = `compatibilityDate = "${date}", compatibilityFlags = ${flags}`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "front", worker = (
      modules = [(name = "front.js", esModule = embed "front.js")], ${compatibility},
      bindings = [(name = "TALARIA", service = "talaria")])),
    (name = "talaria", worker = (
      modules = [(name = "index.js", esModule = embed "bundle.js")], ${compatibility},
      bindings = [
        (name = "TENANTS", kvNamespace = "kv"),
        (name = "TENANT", durableObjectNamespace = "TenantObject"),
        (name = "DIRECTORY", durableObjectNamespace = "TenantDirectory"),
        (name = "IDEMPOTENCY", durableObjectNamespace = "IdempotencyShard"),
        (name = "ROUND", durableObjectNamespace = "ForecastRound"),
        (name = "JOBS", durableObjectNamespace = "JobsObject"),
        (name = "ADMIN_TOKEN", text = "${ADMIN_TOKEN}"),
        (name = "ENVIRONMENT", text = "development")],
      durableObjectNamespaces = [
        (className = "TenantObject", uniqueKey = "tenant", enableSql = true),
        (className = "TenantDirectory", uniqueKey = "directory", enableSql = true),
        (className = "IdempotencyShard", uniqueKey = "idempotency", enableSql = true),
        (className = "ForecastRound", uniqueKey = "round", enableSql = true),
        (className = "JobsObject", uniqueKey = "jobs", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      globalOutbound = "network")),
    (name = "kv", worker = (
      modules = [(name = "kv.js", esModule = embed "kv.js")], ${compatibility},
      bindings = [(name = "STORE", durableObjectNamespace = "Store")],
      durableObjectNamespaces = [(className = "Store", uniqueKey = "kv", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"))),
    (name = "disk", disk = (path = "${disk}", writable = true)),
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:${port}", http = (), service = "talaria"),
    (name = "cron", address = "127.0.0.1:${cronPort}", http = (), service = "front")]
);
`;
}

/** KV as the runtime asks for it: GET, PUT and DELETE of a key. */
const KV_WORKER = `export class Store {
  constructor(state) { this.storage = state.storage; }
  async fetch(request) {
    // Some requests encode a colon and some do not.
    const key = decodeURIComponent(new URL(request.url).pathname);
    if (request.method === 'PUT') { await this.storage.put(key, await request.text()); return new Response(); }
    if (request.method === 'DELETE') { await this.storage.delete(key); return new Response(); }
    const value = await this.storage.get(key);
    return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
  }
}
export default { fetch: (request, env) => env.STORE.get(env.STORE.idFromName('kv')).fetch(request) };
`;

/** Fires the cron trigger, which bare workerd does not. */
const FRONT_WORKER = `export default {
  async fetch(request, env) {
    const result = await env.TALARIA.scheduled({ cron: '* * * * *', scheduledTime: new Date() });
    return Response.json(result);
  },
};
`;
