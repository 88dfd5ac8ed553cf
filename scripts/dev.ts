/**
 * `npm start`: the dispatcher and two emulated GPU endpoints on loopback, a tenant `demo`, and how to
 * call it. Runs until interrupted; leaves no process behind.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type Emulator, startEmulator } from './gpu/emulator.ts';
import { ADMIN_TOKEN, admin, isPortFree, startStack } from './stack.ts';

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
// npm and the shell that it starts may be killed without a word to us: then we end as well.
const launchers = process.env.npm_lifecycle_event === undefined ? [] : launchersOf(process.ppid);
setInterval(() => {
  if (!launchers.every(isAlive)) stop(0);
}, 1_000).unref();

try {
  const [gpu, tools] = await startEndpoints();
  console.log('Starting the dispatcher ...');
  const stack = await startStack({
    port,
    cronMs: CRON_MS,
    onExit: (output) => {
      console.error(`The dispatcher ended:\n${output}`);
      stop(1);
    },
  });
  stops.push(stack.stop);
  await admin(stack.url, 'PUT', '/tenants/demo', demoTenant(gpu, tools));
  console.log(welcome(stack.url, gpu, tools));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  stop(1);
}

async function startEndpoints(): Promise<[Emulator, Emulator]> {
  const cold = { coldStartMs: COLD_START_MS, idleTimeoutMs: IDLE_TIMEOUT_MS };
  const gpu = await startEmulator({
    models: ['demo-llm', 'demo-embed'],
    slots: 8,
    prefillMsPerToken: 0.1,
    decodeMsPerToken: 20,
    ...cold,
  });
  stops.push(gpu.close);
  const tools = await startEmulator({
    models: [],
    slots: 16,
    prefillMsPerToken: 0,
    decodeMsPerToken: 0,
  });
  stops.push(tools.close);
  return [gpu, tools];
}

function demoTenant(gpu: Emulator, tools: Emulator): object {
  const coldStart = { estimateMs: COLD_START_MS, idleTimeoutMs: IDLE_TIMEOUT_MS };
  return {
    backends: {
      llm: {
        models: ['demo-llm', 'demo-embed'],
        endpoints: [{ name: 'gpu-1', url: `${gpu.url}/v1`, slots: 8, coldStart }],
      },
      tools: { endpoints: [{ name: 'tools-1', url: `${tools.url}/tools`, slots: 16 }] },
    },
    keys: [{ id: 'demo', sha256: createHash('sha256').update(API_KEY).digest('hex') }],
  };
}

function welcome(url: string, gpu: Emulator, tools: Emulator): string {
  return `
Talaria listens at ${url}

  tenant       demo
  API key      ${API_KEY}
  admin token  ${ADMIN_TOKEN}
  endpoints    ${gpu.url}/v1 (models demo-llm, demo-embed; 8 slots; cold, wakes in ${COLD_START_MS / 1000} s)
               ${tools.url}/tools (backend "tools")

Try it (the first call wakes the endpoint):

curl ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${API_KEY}' -H 'content-type: application/json' \\
  -d '{"model":"demo-llm","messages":[{"role":"user","content":"Hello"}],"max_tokens":20}'

import OpenAI from 'openai';
const client = new OpenAI({ baseURL: '${url}/v1', apiKey: '${API_KEY}' });
const answer = await client.chat.completions.create({
  model: 'demo-llm',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);

What it learned:

curl ${url}/admin/tenants/demo/pdgraph -H 'authorization: Bearer ${ADMIN_TOKEN}'

Ctrl-C ends it.`;
}

/** The parent and, where it can be found out, its parent. */
function launchersOf(parent: number): number[] {
  try {
    const shown = execFileSync('ps', ['-o', 'ppid=', '-p', String(parent)], { encoding: 'utf8' });
    return [parent, Number(shown)].filter((pid) => pid > 1);
  } catch {
    return [parent];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives where it may only not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
