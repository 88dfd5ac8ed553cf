/**
 * An engine that has fewer slots than are configured, and tells no times: it is asked for its load
 * beside its calls. What is asked answers in any way, or not at all, and no call notices.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

type Answer = (res: ServerResponse, req: IncomingMessage) => void;

const SLOTS = 2;
const CONFIGURED = 8;
const COMPLETION = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1 },
});

let dispatcher: Dispatcher;
let server: Server;
let engineUrl: string;
/** Calls that the engine has, the first `SLOTS` of which run. */
let held: ServerResponse[] = [];
/** What it answers by path; 404 else. */
let told: Readonly<Record<string, Answer>> = {};
let asked: Array<{ path: string; key: string | undefined }> = [];
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher({ ENGINE_KEY: 'the-key' });
  server = createServer((req, res) => {
    req.resume();
    if (req.url === '/v1/chat/completions') return void held.push(res);
    asked.push({ path: req.url ?? '', key: req.headers.authorization });
    const answer = told[req.url ?? ''];
    if (answer) answer(res, req);
    else res.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  engineUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await dispatcher.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const text =
  (body: () => string): Answer =>
  (res) =>
    res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(body());

/** The load as llama.cpp tells it. */
const gauges = () => {
  const running = Math.min(SLOTS, held.length);
  return `llamacpp:requests_processing ${running}\nllamacpp:requests_deferred ${held.length - running}\n`;
};

const list = () =>
  JSON.stringify(
    Array.from({ length: SLOTS }, (_, id) => ({ id, is_processing: id < held.length })),
  );

/** A tenant with a call more than it has slots, all sent; `finish` lets the engine end one. */
async function loaded(answers: Readonly<Record<string, Answer>>) {
  [held, told, asked] = [[], answers, []];
  tenants += 1;
  const tenant = `load-${tenants}`;
  const auth = { secret: 'ENGINE_KEY' };
  const endpoints = [{ name: 'e', url: `${engineUrl}/v1`, slots: CONFIGURED, auth }];
  const key = await dispatcher.tenant(tenant, { backends: { llm: { models: ['m'], endpoints } } });
  const call = async () => {
    const answer = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'a' }] }),
    });
    return `${answer.status} ${await answer.text()}`;
  };
  const calls = Array.from({ length: CONFIGURED + 4 }, call);
  await until(
    () => held.length,
    (count) => count === CONFIGURED,
  );
  const finish = () => held.shift()?.writeHead(200, JSON_TYPE).end(COMPLETION);
  const endpoint = async () => {
    const status = await admin(dispatcher.workerd.url, 'GET', `/tenants/${tenant}/status`);
    return JSON.parse(status).backends.llm.endpoints[0];
  };
  /** Ends all calls, and expects that each was answered. */
  const finishAll = async () => {
    let ended = 0;
    for (const one of calls) void one.then(() => (ended += 1));
    await until(
      () => {
        finish();
        return ended;
      },
      (count) => count === calls.length,
    );
    for (const answer of await Promise.all(calls)) expect(answer).toMatch(/^200 /);
  };
  return { finish, finishAll, endpoint };
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('an engine with fewer slots than are configured', () => {
  it.each<[string, Record<string, Answer>]>([
    ['by its metrics', { '/metrics': text(gauges) }],
    [
      'by its metrics, compressed though nobody asked',
      {
        '/metrics': (res) =>
          res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(gauges())),
      },
    ],
    ['by its slots, where it has no metrics', { '/slots': text(list) }],
  ])('gets no more calls than those: %s', async (_, answers) => {
    const { finish, finishAll, endpoint } = await loaded(answers);
    finish();
    const limited = await until(endpoint, ({ usable_slots }) => usable_slots < CONFIGURED);
    expect(limited).toMatchObject({ usable_slots: SLOTS, slots_limited_by: 'engine' });
    expect(dispatcher.workerd.log()).toContain('slots_limited');
    // With its own key, as a call has it.
    expect(new Set(asked.map(({ key }) => key))).toEqual(new Set(['Bearer the-key']));
    while (held.length > SLOTS) finish();
    await until(endpoint, ({ running }) => running === SLOTS);
    expect(held.length).toBeLessThanOrEqual(SLOTS);
    await finishAll();
  });
});

describe('calls go on at all configured slots where an engine answers', () => {
  it.each<[string, Answer, number?]>([
    ['nothing of the kind', (res) => res.writeHead(404).end()],
    ['that it has that disabled', (res) => res.writeHead(501).end('{"error":{"code":501}}')],
    ['that it wants another key', (res) => res.writeHead(401).end(gauges())],
    [
      'a page of HTML',
      (res) => res.writeHead(200).end('<html>llamacpp:requests_deferred 9</html>'),
    ],
    ['a redirect', (res) => res.writeHead(302, { location: '/elsewhere' }).end()],
    ['with a broken connection', (res) => res.destroy()],
    ['with half of it', (res) => res.writeHead(200, { 'content-length': 900 }).end('llamacpp:re')],
    ['with bytes', (res) => res.writeHead(200).end(Buffer.alloc(5_000, 0xff))],
    [
      'with what is said to be compressed',
      (res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('no'),
    ],
    ['never', () => {}, 1],
    ['endlessly', endless, 3],
  ])('%s', async (_, answer, most = 3) => {
    const elsewhere = { '/metrics': answer, '/slots': answer, '/props': answer };
    const { finish, finishAll, endpoint } = await loaded(elsewhere);
    finish();
    await until(
      () => asked.length,
      (count) => count > 0,
    );
    await finishAll();
    expect(await endpoint()).toMatchObject({ usable_slots: CONFIGURED, slots_limited_by: null });
    expect(asked.length).toBeLessThanOrEqual(most);
    expect(asked.map(({ path }) => path)).not.toContain('/elsewhere');
  });
});

/** Lines without end, for as long as they are read. */
function endless(res: ServerResponse): void {
  const lines = 'vllm:request_bucket{le="1"} 1\n'.repeat(1_000);
  const more = () => {
    while (!res.destroyed) if (!res.write(lines)) return void res.once('drain', more);
  };
  res.writeHead(200);
  more();
}
