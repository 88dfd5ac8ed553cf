/**
 * `npm start`: starts the dispatcher on loopback with a tenant `demo`, in front of two emulated GPU
 * endpoints or of the server that `UPSTREAM` names, and prints how to call it. It runs until it is
 * interrupted and leaves no process behind.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveTraffic } from './demo-traffic.ts';
import { startEmulator } from './gpu/emulator.ts';
import { claimState, isAlive } from './local-state.ts';
import { ADMIN_TOKEN, admin, isPortFree, startStack, untilReady } from './stack.ts';
import { findUpstream, KEY_BINDING, type Upstream, upstreamBackends } from './upstream.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const API_KEY = 'talaria-demo-key';
const DEFAULT_PORT = 8787;
const CRON_MS = 60_000;
const COLD_START_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;

const port = Number(process.env.PORT ?? DEFAULT_PORT);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  fail(`PORT: expected a number from 1 to 65535, got "${process.env.PORT}"`);
}
if (!(await isPortFree(port))) {
  fail(`Port ${port} is taken. Choose another: PORT=${port + 1} npm start`);
}

const found = await findUpstream(process.env);
if (found && !found.ok) fail(found.problem);

const stops: Array<() => Promise<void>> = [];
let stopping = false;
const stop = (code: number) => {
  if (stopping) return;
  stopping = true;
  void Promise.allSettled(stops.map((s) => s())).then(() => process.exit(code));
};
process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));
process.on('SIGHUP', () => stop(0));
// npm and the shell that it starts may be killed without a signal to this process, so it watches
// them and ends when they do.
const launchers = process.env.npm_lifecycle_event === undefined ? [] : launchersOf(process.ppid);
setInterval(() => {
  if (!launchers.every(isAlive)) stop(0);
}, 1_000).unref();

try {
  const served = found ? ofUpstream(found.upstream) : await ofEmulators();
  console.log('Starting the dispatcher ...');
  const { persistTo, heldAt, release } = await claimState(`${ROOT}.wrangler`, port);
  process.on('exit', release);
  if (persistTo !== undefined) {
    const where = relative(ROOT, persistTo);
    console.log(
      `Another npm start runs here, at port ${heldAt}: this one keeps its state in ${where}.`,
    );
  }
  const key = found?.upstream.key;
  const traffic = await serveTraffic({
    ...{ url: `http://127.0.0.1:${port}`, apiKey: API_KEY, tenant: 'demo', model: served.model },
    ...(served.tools === undefined ? {} : { tools: served.tools }),
  });
  stops.push(traffic.close);
  const stack = await startStack({
    port,
    ...(persistTo === undefined ? {} : { persistTo }),
    cronMs: CRON_MS,
    bindings: {
      // An earlier start configured endpoints that no longer exist, so only this start's version is
      // ready.
      ...{ READY_TENANT: 'demo', READY_VERSION: String(Date.now()) },
      ...(key === undefined ? {} : { [KEY_BINDING]: key }),
      DEMO_TRAFFIC_URL: traffic.url,
    },
    onExit: (output) => {
      console.error(`The dispatcher ended:\n${output}`);
      stop(1);
    },
  });
  stops.push(stack.stop);
  const keys = [{ id: 'demo', sha256: createHash('sha256').update(API_KEY).digest('hex') }];
  await admin(stack.url, 'PUT', '/tenants/demo', { backends: served.backends, keys });
  await untilReady(stack.url);
  console.log(welcome(stack.url, served));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  stop(1);
}

/** The backends of the tenant, and the text that describes them. */
interface Served {
  readonly backends: object;
  readonly model: string;
  /** The backend of its tools; absent where it has none. */
  readonly tools?: string;
  readonly endpoints: readonly string[];
  /** Text that is printed with the first example call. */
  readonly note: string;
}

function ofUpstream(upstream: Upstream): Served {
  const { url, models, slots, slotsFrom } = upstream;
  const names = models.slice(0, 3).join(', ') + (models.length > 3 ? ', …' : '');
  const isAssumed = slotsFrom === 'the default' || slotsFrom === "Ollama's default";
  const from = isAssumed
    ? `${slotsFrom}: set UPSTREAM_SLOTS to what the server runs at once`
    : `by ${slotsFrom}`;
  const [count, calls] = [counted(models.length, 'model'), counted(slots, 'call')];
  return {
    backends: upstreamBackends(upstream),
    model: models[0] ?? '',
    endpoints: [`${url} (${count}: ${names})`, `${calls} at a time (${from})`],
    note: '',
  };
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

async function ofEmulators(): Promise<Served> {
  const cold = { coldStartMs: COLD_START_MS, idleTimeoutMs: IDLE_TIMEOUT_MS };
  const models = ['demo-llm', 'demo-embed'];
  const speed = { prefillMsPerToken: 0.1, decodeMsPerToken: 20 };
  const gpu = await startEmulator({ models, slots: 8, ordinaryAnswers: true, ...speed, ...cold });
  stops.push(gpu.close);
  const instant = { prefillMsPerToken: 0, decodeMsPerToken: 0 };
  const tools = await startEmulator({ models: [], slots: 16, ...instant });
  stops.push(tools.close);
  const coldStart = { estimateMs: COLD_START_MS, idleTimeoutMs: IDLE_TIMEOUT_MS };
  return {
    backends: {
      llm: {
        models,
        endpoints: [{ name: 'gpu-1', url: `${gpu.url}/v1`, slots: 8, coldStart }],
      },
      tools: { endpoints: [{ name: 'tools-1', url: `${tools.url}/tools`, slots: 16 }] },
    },
    model: 'demo-llm',
    tools: 'tools',
    endpoints: [
      `${gpu.url}/v1 (models ${models.join(', ')}; 8 slots; cold, wakes in ${COLD_START_MS / 1000} s)`,
      `${tools.url}/tools (backend "tools")`,
    ],
    note: ' (the first call wakes the endpoint)',
  };
}

function welcome(url: string, { model, endpoints, note }: Served): string {
  return `
Talaria listens at ${url}

  console      ${url}/console/#token=${ADMIN_TOKEN}

  tenant       demo
  API key      ${API_KEY}
  admin token  ${ADMIN_TOKEN}
  endpoints    ${endpoints.join('\n               ')}

Try it${note}:

curl ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${API_KEY}' -H 'content-type: application/json' \\
  -d '{"model":${JSON.stringify(model)},"messages":[{"role":"user","content":"Hello"}],"max_tokens":20}'

import OpenAI from 'openai';
const client = new OpenAI({ baseURL: '${url}/v1', apiKey: '${API_KEY}' });
const answer = await client.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);

What it learned:

curl ${url}/admin/tenants/demo/pdgraph -H 'authorization: Bearer ${ADMIN_TOKEN}'

Ctrl-C ends it.`;
}

/** The parent process and, if it can be determined, the parent's parent. */
function launchersOf(parent: number): number[] {
  try {
    const shown = execFileSync('ps', ['-o', 'ppid=', '-p', String(parent)], { encoding: 'utf8' });
    return [parent, Number(shown)].filter((pid) => pid > 1);
  } catch {
    return [parent];
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
