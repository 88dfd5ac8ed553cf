/**
 * `Idempotency-Key` on bare workerd: a finished call is answered again without a second call, one
 * call at a time runs under a key, and neither a crash nor a disconnected client blocks a key.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

const CHAT = '/v1/chat/completions';
const ANSWER_BYTES = 2_000;
const BODY = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

let dispatcher: Dispatcher;
let server: Server;
let key: string;
let otherKey: string;
let calls: number;
/** How the endpoint answers; by default correctly and at once. */
let answer: (res: ServerResponse) => void;

const good = (res: ServerResponse) => {
  res.writeHead(200, { 'content-type': 'application/json', 'x-endpoint': 'e' });
  res.end(JSON.stringify({ n: calls, choices: [], usage: { prompt_tokens: 1 } }));
};

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      calls += 1;
      answer(res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  key = await dispatcher.tenant('once', {
    backends: {
      m: { models: ['m'], endpoints: [{ url, slots: 4 }] },
      tool: { endpoints: [{ url, slots: 4 }] },
    },
    idempotency: { answerBytes: ANSWER_BYTES, totalBytes: 16 * 10_000 },
  });
  otherKey = JSON.parse(await admin(dispatcher.workerd.url, 'POST', '/tenants/once/keys')).key;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|answer_not_kept|report_lost/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  calls = 0;
  answer = good;
});

interface Sent {
  readonly body?: object;
  readonly path?: string;
  readonly as?: string;
}

function send(idempotencyKey: string, sent: Sent = {}): Promise<Response> {
  const { body = {}, path = CHAT, as = key } = sent;
  return fetch(`${dispatcher.workerd.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${as}`, 'idempotency-key': idempotencyKey },
    body: JSON.stringify({ ...BODY, ...body }),
  });
}

async function codeOf(response: Response): Promise<[number, string]> {
  return [response.status, JSON.parse(await response.text()).error.code];
}

/** An endpoint that does not answer until `proceed` is called. */
function held(): { proceed: () => void; reached: Promise<void> } {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  answer = (res) => {
    reached.resolve();
    void go.promise.then(() => good(res));
  };
  return { proceed: go.resolve, reached: reached.promise };
}

describe('a key with the path in another spelling', () => {
  it.each(['/v1//chat/completions/', '//v1/v1/chat/completions', '/openai/v1/ch%61t/completions'])(
    'has the same call: %s',
    async (path) => {
      const idempotencyKey = `spelt ${path}`;
      await (await send(idempotencyKey)).text();
      const again = await send(idempotencyKey, { path });
      expect(again.status).toBe(200);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      await again.text();
      expect(calls).toBe(1);
    },
  );

  it('has another one with another model, path of a tool, or query', async () => {
    const deployment = (name: string) => `/openai/deployments/${name}/chat/completions`;
    const first = await send('models', { path: deployment('m') });
    expect(first.status).toBe(200);
    await first.text();
    for (const path of [deployment('other'), `${CHAT}?api-version=2`]) {
      expect(await codeOf(await send('models', { path }))).toEqual([
        409,
        'idempotency_key_conflict',
      ]);
    }
    const tool = (rest: string) => `/v1/backends/tool${rest}`;
    await (await send('tools', { path: tool('/a/b') })).text();
    for (const rest of ['/a/b/', '/a//b', '/A/b']) {
      expect(await codeOf(await send('tools', { path: tool(rest) }))).toEqual([
        409,
        'idempotency_key_conflict',
      ]);
    }
  });
});

describe('a finished call', () => {
  it('is answered again as it was, without a second call', async () => {
    const first = await send('finished');
    const text = await first.text();
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const again = await send('finished');
    expect(again.status).toBe(200);
    expect(await again.text()).toBe(text);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('content-type')).toBe('application/json');
    expect(again.headers.get('x-endpoint')).toBe('e');
    expect(again.headers.get('x-talaria-call')).toBe(first.headers.get('x-talaria-call'));
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(calls).toBe(1);
  });

  it('is a different one if another client sends the same key', async () => {
    await (await send('scoped')).text();
    const other = await send('scoped', { as: otherKey });
    expect(other.headers.get('idempotent-replayed')).toBeNull();
    await other.text();
    expect(calls).toBe(2);
  });

  it('is not returned for a different request, which gets an error without a retry', async () => {
    await (await send('conflict')).text();
    for (const sent of [{ body: { seed: 1 } }, { path: '/v1/backends/tool/x' }]) {
      const other = await send('conflict', sent);
      expect(other.headers.get('x-should-retry')).toBe('false');
      expect(await codeOf(other)).toEqual([409, 'idempotency_key_conflict']);
    }
    expect(calls).toBe(1);
  });

  it('outlives a crash of the dispatcher', async () => {
    const text = await (await send('durable')).text();
    await dispatcher.crash();
    const again = await send('durable');
    expect(await again.text()).toBe(text);
    expect(calls).toBe(1);
  });

  it('of a tool is kept too', async () => {
    await (await send('tool', { path: '/v1/backends/tool/x?a=1' })).text();
    const again = await send('tool', { path: '/v1/backends/tool/x?a=1' });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    await again.text();
    expect(calls).toBe(1);
  });

  it('is not stored if its answer is too long or the storage is full', async () => {
    answer = (res) => res.end(JSON.stringify({ long: 'x'.repeat(ANSWER_BYTES) }));
    await (await send('long')).text();
    await (await send('long')).text();
    expect(calls).toBe(2);
    answer = (res) => res.end(JSON.stringify({ text: 'x'.repeat(ANSWER_BYTES - 100) }));
    // The 16 shards keep 10,000 bytes each, far less than these answers.
    for (let i = 0; i < 150; i += 1) await (await send(`many-${i}`)).text();
    expect(calls).toBe(152);
    let kept = 0;
    for (let i = 0; i < 150; i += 1) {
      const again = await send(`many-${i}`);
      if (again.headers.get('idempotent-replayed')) kept += 1;
      await again.text();
    }
    expect(kept).toBeLessThan(80);
  });
});

describe('a call that still runs', () => {
  it('is not made twice, however often it is submitted', async () => {
    const { proceed, reached } = held();
    const first = send('running');
    await reached;
    const others = await Promise.all(Array.from({ length: 8 }, () => send('running')));
    for (const other of others) {
      expect(other.headers.get('retry-after')).toBe('1');
      expect(await codeOf(other)).toEqual([409, 'idempotency_key_in_progress']);
    }
    expect(await codeOf(await send('running', { body: { seed: 2 } }))).toEqual([
      409,
      'idempotency_key_conflict',
    ]);
    proceed();
    await (await first).text();
    const after = await send('running');
    expect(after.headers.get('idempotent-replayed')).toBe('true');
    await after.text();
    expect(calls).toBe(1);
  });

  it('is one call where all are submitted at the same moment', async () => {
    const { proceed, reached } = held();
    const sent = Array.from({ length: 20 }, () => send('moment'));
    await reached;
    proceed();
    const answers = await Promise.all(sent);
    const statuses = answers.map((r) => r.status).sort();
    expect(statuses).toContain(200);
    expect(statuses.every((s) => s === 200 || s === 409)).toBe(true);
    for (const one of answers) await one.text();
    expect(calls).toBe(1);
  });

  it('frees its key when its client disconnects', async () => {
    held();
    const leaving = new RawClient(dispatcher.workerd.url, key, BODY, ['idempotency-key: left']);
    await until(
      () => calls,
      (n) => n === 1,
    );
    leaving.reset();
    await leaving.closed;
    answer = good;
    const again = await until(
      () => send('left'),
      (r) => r.status !== 409,
    );
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
    await again.text();
    await until(
      async () => (await statusOf(dispatcher.workerd.url, 'once')).m,
      (m) => m?.running === 0 && m.waiting === 0,
    );
  });
});

describe('a call that failed', () => {
  it('can be tried again under the same key', async () => {
    answer = (res) => {
      res.writeHead(400, { 'content-type': 'application/json' });
      res.end('{"error":{"message":"no"}}');
    };
    const first = await send('failed');
    expect(first.status).toBe(400);
    await first.text();
    answer = good;
    const again = await send('failed');
    expect(again.status).toBe(200);
    await again.text();
    expect(calls).toBe(2);
  });

  it('ignores its key if it is a stream', async () => {
    answer = (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.end('data: {"choices":[]}\n\ndata: [DONE]\n\n');
    };
    for (let i = 0; i < 2; i += 1) {
      await (await send('stream', { body: { stream: true } })).text();
    }
    expect(calls).toBe(2);
  });
});

describe('a form', () => {
  const sendForm = (boundary: string, language: string) => {
    const part = (name: string, value: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    return fetch(`${dispatcher.workerd.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'idempotency-key': 'form',
        'content-type': `multipart/form-data; boundary=${boundary}`,
      },
      body: `${part('model', 'm')}${part('language', language)}--${boundary}--\r\n`,
    });
  };

  it('is the same when an SDK writes it anew, with another boundary', async () => {
    const first = await sendForm('one', 'en');
    expect(first.status).toBe(200);
    await first.text();
    const again = await sendForm('another', 'en');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    await again.text();
    expect(await codeOf(await sendForm('one', 'de'))).toEqual([409, 'idempotency_key_conflict']);
    expect(calls).toBe(1);
  });
});

describe('a key', () => {
  it.each(['', 'x'.repeat(256)])('of a wrong form is refused: %j', async (bad) => {
    const response = await send(bad);
    expect(await codeOf(response)).toEqual([400, 'invalid_request_error']);
  });
});
