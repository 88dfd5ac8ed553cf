/** What the benchmark compares: each a process that answers calls on a port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { compatibility, freePort, ready, startRawWorkerd, workerdPath } from '../raw-workerd.ts';
import { admin } from '../stack.ts';
import { bundlePortkey, portkeyHeaders } from './portkey.ts';
import {
  FORWARDING_WORKER,
  RELAYING_WORKER,
  smallConfig,
  TWO_RPC_WORKER,
} from './small-workers.ts';

export interface Subject {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The dispatcher, whose calls belong to runs. */
  readonly isTalaria: boolean;
  stop(): Promise<void>;
}

/** The slots of the tenant that is measured: more than callers, as the others have no queue. */
const SLOTS = 256;
/** The slots of the tenant whose slots are counted. */
export const FEW_SLOTS = 4;

const SMALL_WORKERS = {
  forwards: FORWARDING_WORKER,
  relays: RELAYING_WORKER,
  'two RPCs': TWO_RPC_WORKER,
};

/** A small Worker, in a folder of its own. */
export async function smallWorker(
  name: string,
  endpoint: string,
  dir: string,
  kind: keyof typeof SMALL_WORKERS,
): Promise<Subject> {
  await mkdir(join(dir, 'objects'), { recursive: true });
  await writeFile(join(dir, 'main.js'), SMALL_WORKERS[kind]);
  const settings = { ...(await compatibility()), texts: { ENDPOINT: endpoint } };
  const disk = kind === 'two RPCs' ? { disk: join(dir, 'objects') } : {};
  const headers = { authorization: 'Bearer key' };
  return onWorkerd(name, dir, headers, (port) =>
    smallConfig({ port, module: 'main.js', ...settings, ...disk }),
  );
}

export async function portkeyOnWorkerd(
  build: string,
  endpoint: string,
  dir: string,
): Promise<Subject> {
  await mkdir(dir, { recursive: true });
  const bundle = await bundlePortkey(build, dir);
  const { date } = await compatibility();
  const texts = { NODE_ENV: 'production', ENVIRONMENT: 'production' };
  return onWorkerd('Portkey on workerd', dir, portkeyHeaders(endpoint), (port) =>
    smallConfig({ port, module: basename(bundle), date, flags: '[]', texts }),
  );
}

export async function portkeyOnNode(build: string, endpoint: string): Promise<Subject> {
  const port = await freePort();
  const env = { ...process.env, NODE_ENV: 'production' };
  const args = [build, '--headless', `--port=${port}`];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  return started('Portkey on Node', child, port, portkeyHeaders(endpoint), '/');
}

/**
 * The dispatcher's bundle with three tenants: one to be measured, one of which isolates borrow no slots,
 * and one with few slots.
 */
export async function talaria(
  name: string,
  bundle: string,
  endpoint: string,
  dir: string,
): Promise<{ measured: Subject; asking: Subject; few: Subject }> {
  const workerd = await startRawWorkerd(bundle, dir);
  const port = Number(new URL(workerd.url).port);
  const tenant = async (
    id: string,
    slots: number,
    path: string,
    lendSlots = true,
  ): Promise<Subject> => {
    const endpoints = [{ url: `${endpoint}${path}`, slots }];
    await admin(workerd.url, 'PUT', `/tenants/${id}`, {
      backends: { m: { models: ['m'], endpoints, lendSlots } },
    });
    const { key } = JSON.parse(await admin(workerd.url, 'POST', `/tenants/${id}/keys`));
    const headers = { authorization: `Bearer ${key}`, 'x-talaria-app': 'bench' };
    return { name, port, pid: workerd.pid, headers, isTalaria: true, stop: () => workerd.stop() };
  };
  return {
    measured: await tenant('measured', SLOTS, '/v1'),
    asking: { ...(await tenant('asking', SLOTS, '/v1', false)), name: `${name}, without loans` },
    few: await tenant('few', FEW_SLOTS, '/held/v1'),
  };
}

async function onWorkerd(
  name: string,
  dir: string,
  headers: Subject['headers'],
  config: (port: number) => string,
): Promise<Subject> {
  const port = await freePort();
  const file = join(dir, 'config.capnp');
  await writeFile(file, config(port));
  const child = spawn(workerdPath(), ['serve', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  return started(name, child, port, headers);
}

async function started(
  name: string,
  child: ChildProcess,
  port: number,
  headers: Subject['headers'],
  path = '/healthz',
): Promise<Subject> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      output = (output + text).slice(-10_000);
    });
  }
  const exited = once(child, 'exit');
  await ready(`http://127.0.0.1:${port}`, child, () => output, path);
  return {
    name,
    port,
    pid: child.pid ?? 0,
    headers,
    isTalaria: false,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
