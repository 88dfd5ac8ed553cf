/**
 * Leaks of endpoints' keys: one key in a Worker secret and one sealed in the configuration. The
 * tests cause every kind of answer, error, log line, export and row, and search all their bytes for
 * the keys. Files are read after the process was killed, as a thief of the disk would read them.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

const IN_SECRET = 'sk-canary-in-a-secret-81c2';
const SEALED = 'sk-canary-sealed-5b7e';
const MASTER = Buffer.alloc(32, 9).toString('base64');
const CANARIES = [IN_SECRET, SEALED, MASTER];
/** The keys, and their usual encodings. */
const FORMS = CANARIES.flatMap((c) => [
  c,
  Buffer.from(c).toString('base64').replace(/=+$/, ''),
  Buffer.from(c).toString('hex'),
  encodeURIComponent(c),
  createHash('sha256').update(c).digest('hex'),
]);

let dispatcher: Dispatcher;
let server: Server;
let clientKey = '';
/** The kind of the endpoint's next answer. */
let mood = 'ok';
/** Keys that the endpoint received. */
const seen = new Set<string>();
/** All output of the dispatcher that a client or an administrator received. */
const told: string[] = [];

/** An endpoint that repeats its caller's key wherever it can. */
function answer(req: IncomingMessage, res: ServerResponse): void {
  const key = String(req.headers.authorization ?? req.headers['x-api-key'] ?? '');
  seen.add(key.replace(/^Bearer /, ''));
  req.resume();
  const quoted = JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } });
  const json = { 'content-type': 'application/json', 'x-echo': key };
  const statuses: Record<string, number> = {
    ...{ bad: 400, denied: 401, forbidden: 403, broken: 500, cold: 503, busy: 503 },
  };
  req.once('end', () => {
    const status = statuses[mood] ?? 200;
    if (mood === 'dies') {
      req.socket.destroy();
    } else if (mood === 'redirect') {
      res.writeHead(302, { location: `https://example.com/?key=${key}` }).end();
    } else if (mood === 'stream') {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'x-echo': key });
      res.write('data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n');
      res.destroy();
    } else if (status === 200) {
      res.writeHead(200, json);
      res.end('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}');
    } else {
      res.writeHead(status, json).end(mood === 'busy' ? `queue ${quoted}` : quoted);
    }
  });
}

async function ask(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(dispatcher.workerd.url + path, { redirect: 'manual', ...init });
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    text = String(error);
  }
  told.push(`${path} ${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  return text;
}

function admin(method: string, path: string, body?: string): Promise<string> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  return ask(`/admin/tenants/${path}`, { method, headers, ...(body ? { body } : {}) });
}

function data(path: string, body?: object, more: Record<string, string> = {}): Promise<string> {
  const headers = { authorization: `Bearer ${clientKey}`, ...more };
  return ask(path, {
    headers,
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
}

function configOf(sealed: object): object {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const patience = { maxWaitMs: 200, maxWaitColdMs: 200 };
  return {
    backends: {
      a: {
        models: ['a'],
        endpoints: [{ name: 'a', url, auth: { secret: 'CANARY_KEY' } }],
        queue: patience,
      },
      b: { models: ['b'], endpoints: [{ name: 'b', url, auth: sealed }], queue: patience },
      cold: {
        models: ['c'],
        endpoints: [{ url, auth: sealed, coldStart: { wakePath: '/wake', releasePath: '/sleep' } }],
        queue: patience,
      },
      tool: { endpoints: [{ name: 'tool', url, auth: sealed }], queue: patience },
    },
  };
}

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
}

/** The places of a text that contain a key in any of its forms. */
function leaksIn(text: string | Buffer): string[] {
  return FORMS.filter((form) => text.includes(form));
}

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  dispatcher = await startDispatcher({ CANARY_KEY: IN_SECRET, MASTER_KEY: MASTER });
});

afterAll(async () => {
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

describe('a key of an endpoint', () => {
  it('reaches its endpoint', async () => {
    await admin('PUT', 'canary', JSON.stringify(configOf({ value: SEALED })));
    clientKey = JSON.parse(await admin('POST', 'canary/keys')).key;
    for (const model of ['a', 'b', 'c']) {
      const body = { model, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 };
      expect(await data('/v1/chat/completions', body)).toContain('choices');
    }
    expect([...seen].sort()).toEqual([IN_SECRET, SEALED].sort());
  });

  it('is in no answer, whatever the endpoint does', async () => {
    const moods = ['bad', 'denied', 'forbidden', 'broken', 'cold', 'busy', 'redirect', 'dies'];
    for (mood of [...moods, 'stream', 'ok']) {
      for (const model of ['a', 'b']) {
        const body = { model, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 };
        await data('/v1/chat/completions', { ...body, stream: mood === 'stream' });
        await data('/v1/messages', body, { 'anthropic-version': '2023-06-01' });
        await data('/v1/messages/count_tokens', body);
        await data(
          '/v1/embeddings',
          { model, input: 'x' },
          { 'idempotency-key': `${mood}-${model}` },
        );
      }
      await data('/v1/backends/tool/x');
    }
    // Errors of the endpoint were passed on, without its key.
    expect(told.join('\n')).toContain('Incorrect API key provided: Bearer [key]');
    expect(told.length).toBeGreaterThan(80);
    expect(told.filter((text) => leaksIn(text).length > 0)).toEqual([]);
  });

  it('is in no view, export or refusal of the admin API', async () => {
    for (const view of ['', '/pdgraph', '/status', '/prewarm', '/runs', '/export']) {
      expect((await admin('GET', `canary${view}`)).length).toBeGreaterThan(0);
    }
    await ask('/metrics?tenant=canary', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    await ask('/openapi.json');
    for (const auth of [
      { value: SEALED, secret: 'CANARY_KEY' },
      { value: `${SEALED}\r\nx: 1` },
      { value: [SEALED] },
      { value: SEALED, header: SEALED },
      { value: SEALED, scheme: `${SEALED}!` },
    ]) {
      const refused = await admin('PUT', 'canary', JSON.stringify(configOf(auth)));
      expect(JSON.parse(refused).error.code).toBe('invalid_request_error');
    }
    await admin('PUT', 'canary', `${JSON.stringify(configOf({ value: SEALED }))}{`);
    const exported = await admin('GET', 'canary/export');
    await admin('POST', 'canary/import?config=replace', exported);
    await admin('POST', 'canary-elsewhere/import', exported);
    expect(told.filter((text) => leaksIn(text).length > 0)).toEqual([]);
  });

  it('is in no log line', () => {
    const log = dispatcher.workerd.log();
    expect(leaksIn(log)).toEqual([]);
  });

  it('is in no file: neither KV nor a database, nor what is left of rows that were deleted', async () => {
    await until(
      async () => JSON.parse(await admin('GET', 'canary/status')).backends,
      (backends: Record<string, { running: number }>) =>
        Object.values(backends).every((b) => b.running === 0),
    );
    await dispatcher.crash();
    const files = await filesOf(join(dispatcher.stateDir, 'objects'));
    expect(files.some((f) => f.includes('kv'))).toBe(true);
    expect(files.filter((f) => /\.sqlite/.test(f)).length).toBeGreaterThan(3);
    const leaks: string[] = [];
    let sealed = 0;
    for (const file of files) {
      const bytes = await readFile(file);
      if (leaksIn(bytes).length > 0) leaks.push(file);
      if (bytes.includes('"sealed":"v1.')) sealed += 1;
    }
    expect(leaks).toEqual([]);
    // The search itself works: it finds the sealed key in KV and in the tenant's object.
    expect(sealed).toBeGreaterThanOrEqual(2);
  });

  it('still opens after a restart', async () => {
    mood = 'ok';
    seen.clear();
    const body = { model: 'b', messages: [{ role: 'user', content: 'x' }] };
    expect(await data('/v1/chat/completions', body)).toContain('choices');
    expect([...seen]).toEqual([SEALED]);
  });
});
