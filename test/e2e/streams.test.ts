/**
 * Data between an endpoint and a client, on bare workerd: it passes unchanged and without delay,
 * and faults are reported in the form of each API. Each test sets the behaviour of the endpoint's
 * server.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beforeBreak, type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

type Behaviour = (res: ServerResponse, req: IncomingMessage) => void;

let dispatcher: Dispatcher;
let url: string;
let key: string;
let serverUrl: string;
let behave: Behaviour;
const server = createServer((req, res) => behave(res, req));

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  key = await keyOf('streams');
});

/**
 * A tenant of its own for tests of faults, because a failing endpoint gets no calls for a while.
 */
function keyOf(tenant: string, timeouts: object = {}): Promise<string> {
  const endpoints = [{ url: `${serverUrl}/v1`, slots: 1 }];
  return dispatcher.tenant(tenant, {
    backends: { m: { models: ['m'], endpoints, timeouts } },
    limits: { bodyBytes: 6_000_000 },
  });
}

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

/** There is one slot, so a served call shows that the previous call freed it. */
function call(path: string, changes: object = {}, own = key): Promise<Response> {
  const messages = [{ role: 'user', content: 'Hello' }];
  const body = { model: 'm', stream: true, messages, max_tokens: 9, input: 'Hello', ...changes };
  return fetch(`${url}/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${own}` },
    body: JSON.stringify(body),
  });
}

function streaming(res: ServerResponse): ServerResponse {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  return res;
}

/**
 * Writes pieces one by one, each after the previous one was sent, so that they arrive separately.
 */
async function inPieces(res: ServerResponse, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => res.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  res.end();
}

const CHAT = [
  'data: {"choices":[{"index":0,"delta":{"content":"ü🚀"}}]}\r\n\r\n',
  ': c\n\n',
  'data:{"choices":[{"index":0,"delta":{},\ndata: "finish_reason":"stop"}]}\n\n',
];
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n';
const DONE = 'data: [DONE]\n\n';
const RESPONSES = [
  'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n',
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"delta":"ü🚀"}\n\n',
];
const COMPLETED =
  'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":1}}}\n\n';
const MESSAGES = [
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"ü🚀"}}\n\n',
];
const STOPPED = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

const APIS: Array<[string, { path: string; events: string[]; end: string }]> = [
  ['chat', { path: '/chat/completions', events: CHAT, end: DONE }],
  ['Responses', { path: '/responses', events: RESPONSES, end: COMPLETED }],
  ['messages', { path: '/messages', events: MESSAGES, end: STOPPED }],
];

describe('a stream', () => {
  it('passes unchanged but for the usage chunk, cut at every position', async () => {
    const whole = Buffer.from([...CHAT, USAGE, DONE].join(''));
    const wanted = [...CHAT, DONE].join('');
    for (let at = 0; at <= whole.length; at += 1) {
      behave = (res) => {
        void inPieces(streaming(res), [whole.subarray(0, at), whole.subarray(at)]);
      };
      const answer = await call('/chat/completions');
      expect(await answer.text()).toBe(wanted);
    }
  });

  it.each(APIS)('of %s passes unchanged, byte by byte', async (_, { path, events, end }) => {
    const text = [...events, end].join('');
    behave = (res) => {
      const bytes = [...Buffer.from(text)].map((byte) => Buffer.of(byte));
      void inPieces(streaming(res), bytes);
    };
    const answer = await call(path, { stream_options: { include_usage: true } });
    expect(answer.headers.get('cache-control')).toBe('no-cache, private');
    expect(await answer.text()).toBe(text);
  });

  it.each(APIS)('of %s brings each event before the next is sent', async (_, api) => {
    const events = [...api.events, api.end];
    let more: () => void = () => {};
    behave = (res) => {
      streaming(res);
      const left = [...events];
      more = () => {
        const next = left.shift();
        if (next === undefined) res.end();
        else res.write(next);
      };
      more();
    };
    const answer = await call(api.path);
    const decoder = new TextDecoder();
    let received = '';
    for await (const piece of answer.body ?? []) {
      received += decoder.decode(piece, { stream: true });
      more();
    }
    expect(received).toBe(events.join(''));
  });

  it('of a tool brings each byte before the next is sent', async () => {
    const bytes = [...Buffer.from('data: ü🚀')];
    let more: () => void = () => {};
    behave = (res) => {
      streaming(res);
      const left = [...bytes];
      more = () => {
        const next = left.shift();
        if (next === undefined) res.end();
        else res.write(Buffer.of(next));
      };
      more();
    };
    const answer = await fetch(`${url}/v1/backends/m/x`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const received: number[] = [];
    for await (const piece of answer.body ?? []) {
      received.push(...(piece as Uint8Array));
      more();
    }
    expect(received).toEqual(bytes);
  });

  it('that gave a reason to finish is whole, also without [DONE]', async () => {
    behave = (res) => void streaming(res).end(CHAT.join(''));
    expect(await (await call('/chat/completions')).text()).toBe(CHAT.join(''));
  });

  it("with the endpoint's own error passes as it is, and no other error follows", async () => {
    const told = 'data: {"error":{"message":"of its own"}}\n\n';
    behave = (res) => void streaming(res).end(CHAT[0] + told);
    expect(await (await call('/chat/completions')).text()).toBe(CHAT[0] + told);
  });
});

/** The stream has passed on `whole`, and nothing but a comment behind it, and breaks off. */
async function expectBroken(answer: Response, whole: string): Promise<void> {
  const text = await beforeBreak(answer);
  expect(text?.replace(/\n\n: upstream_[^\n]+\n\n$/, '')).toBe(whole);
}

describe.each(APIS)('a fault in a stream of %s', (name, { path, events, end }) => {
  const whole = events.slice(0, 2).join('');

  it('breaks it off where the endpoint does, also within an event', async () => {
    for (const half of ['', 'event: x\nda', end.slice(0, 9)]) {
      behave = (res) => {
        streaming(res).write(whole + half, () => res.destroy());
      };
      const own = await keyOf(`cut-${name}-${half.length}`);
      await expectBroken(await call(path, {}, own), whole);
    }
  });

  it('breaks it off where the endpoint ends it in order, but too early', async () => {
    behave = (res) => void streaming(res).end(whole);
    const own = await keyOf(`short-${name}`);
    await expectBroken(await call(path, {}, own), whole);
  });

  it('is told when the endpoint goes silent, before and after its first byte', async () => {
    const own = await keyOf(`hasty-${name}`, { firstByteMs: 1_500, idleMs: 1_500 });
    behave = (res) => void streaming(res).write(whole);
    await expectBroken(await call(path, {}, own), whole);
    behave = () => {};
    const never = await call(path, {}, own);
    expect(never.status).toBe(504);
    const { error } = (await never.json()) as { error: { code?: string; type: string } };
    expect(error.code ?? error.type).toBe(
      name === 'messages' ? 'timeout_error' : 'upstream_timeout',
    );
  });

  it('is told when it takes longer than any call may', async () => {
    const own = await keyOf(`endless-${name}`, { totalMs: 2_500, idleMs: 2_000 });
    behave = (res) => {
      streaming(res).write(events[0]);
      const more = setInterval(() => res.write(events[1]), 50);
      res.once('close', () => clearInterval(more));
    };
    expect(await beforeBreak(await call(path, {}, own))).toContain(events[1]);
  });

  it.each(['left open', 'reset'])('is none after its last event: %s', async (how) => {
    const text = [...events, end].join('');
    let closed = 0;
    const tenant = `after-${name}-${how.length}`;
    const own = await keyOf(tenant);
    for (let i = 0; i < 4; i += 1) {
      behave = (res) => {
        res.once('close', () => {
          closed += 1;
        });
        streaming(res).write(text, () => how === 'reset' && res.socket?.resetAndDestroy());
      };
      const answer = await call(path, { stream_options: { include_usage: true } }, own);
      expect(await answer.text()).toBe(text);
    }
    // The endpoint is cancelled, and its slot is free.
    await until(
      () => closed,
      (n) => n === 4,
    );
    await until(
      () => statusOf(url, tenant),
      (backends) => backends.m?.running === 0,
    );
  });
});

describe('a stream with all reasons to finish', () => {
  it.each(['left open', 'reset'])('is whole when it is %s before [DONE]', async (how) => {
    const own = await keyOf(`finished-${how.length}`);
    behave = (res) => {
      streaming(res).write(CHAT.join(''), () => how === 'reset' && res.socket?.resetAndDestroy());
    };
    for (let i = 0; i < 4; i += 1) {
      expect(await (await call('/chat/completions', {}, own)).text()).toBe(CHAT.join(''));
    }
  });

  it.each(['""', '"null"', '" None "', 'null'])(
    'is not one whose reasons are %s',
    async (reason) => {
      const chunk = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":${reason}}]}\n\n`;
      behave = (res) => void streaming(res).end(chunk);
      const own = await keyOf(`reasons-${reason.length}`);
      await expectBroken(await call('/chat/completions', {}, own), chunk);
    },
  );
});

/** A tool call whose body is sent piece by piece. */
function uploading(headers: Record<string, string | number>, own = key) {
  const req = request(`${url}/v1/backends/m/up`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${own}`, ...headers },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    req.once('response', resolve);
    req.once('error', reject);
  });
  return { req, answer };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

describe('the body of a tool call', () => {
  it('is relayed piece by piece, while the answer comes', async () => {
    behave = (res, req) => {
      res.writeHead(200, { 'x-length': req.headers['content-length'] ?? 'none' });
      res.flushHeaders();
      req.pipe(res);
    };
    const { req, answer } = uploading({ 'content-type': 'text/x-odd' });
    req.write('ping 0');
    const echo = await answer;
    let echoed = '';
    let sent = 1;
    for await (const piece of echo) {
      echoed += piece.toString();
      if (sent < 5) req.write(` ping ${sent}`);
      else if (!req.writableEnded) req.end();
      sent += 1;
    }
    expect(echoed).toBe('ping 0 ping 1 ping 2 ping 3 ping 4');
    expect(echo.headers['x-length']).toBe('none');
  });

  it('arrives whole and with its length where it is long', async () => {
    behave = (res, req) => {
      const hash = createHash('sha256');
      req.on('data', (part) => hash.update(part));
      req.once('end', () => res.end(`${req.headers['content-length']} ${hash.digest('hex')}`));
    };
    const bytes = Buffer.from(Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7) % 251));
    const { req, answer } = uploading({ 'content-length': bytes.length });
    req.end(bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await textOf(await answer)).toBe(`${bytes.length} ${sha256}`);
  });

  it('is refused where it turns out to be too long, which is not the fault of the endpoint', async () => {
    behave = (res, req) => {
      req.resume();
      req.once('end', () => res.end('whole'));
    };
    for (let i = 0; i < 4; i += 1) {
      const { req, answer } = uploading({});
      req.on('error', () => {});
      req.write(Buffer.alloc(3_000_000));
      req.write(Buffer.alloc(3_000_001));
      const refused = await answer;
      expect(refused.statusCode).toBe(413);
      expect(await textOf(refused)).toContain('request_too_large');
      req.destroy();
    }
    const { req, answer } = uploading({});
    req.end('short');
    expect(await textOf(await answer)).toBe('whole');
  });

  it('that breaks off gives the slot back', async () => {
    let closed = 0;
    behave = (_res, req) => {
      req.resume();
      req.once('close', () => {
        closed += 1;
      });
    };
    const { req, answer } = uploading({});
    answer.catch(() => {});
    req.write('half');
    await until(
      () => statusOf(url, 'streams'),
      (backends) => backends.m?.running === 1,
    );
    req.socket?.resetAndDestroy();
    await until(
      () => closed,
      (n) => n === 1,
    );
    behave = (res) => void res.end('served');
    const next = uploading({});
    next.req.end('x');
    expect(await textOf(await next.answer)).toBe('served');
  });
});

describe('a redirect', () => {
  it('to the same URL continues a long call', async () => {
    const seen: string[] = [];
    behave = (res, req) => {
      req.resume();
      seen.push(`${req.method} ${req.url}`);
      const round = seen.length;
      if (round > 3) return void res.end('{"choices":[]}');
      res.writeHead(303, { location: `/v1/chat/completions?token=${round}` }).end();
    };
    const answer = await call('/chat/completions', { stream: false });
    expect(await answer.text()).toBe('{"choices":[]}');
    const path = '/v1/chat/completions';
    expect(seen).toEqual([
      `POST ${path}`,
      ...[1, 2, 3].map((round) => `GET ${path}?token=${round}`),
    ]);
  });

  it.each([
    ['to another path', 303, '/v1/elsewhere?token=1'],
    ['to another host', 303, 'http://localhost:1/v1/chat/completions?token=1'],
    ['without end', 303, '/v1/chat/completions?token=RANDOM'],
    ['that keeps the method', 307, '/v1/chat/completions?token=1'],
  ])('%s is a fault of the endpoint', async (_, status, location) => {
    let calls = 0;
    behave = (res, req) => {
      req.resume();
      calls += 1;
      res.writeHead(status, { location: location.replace('RANDOM', String(calls)) }).end();
    };
    const own = await keyOf(`redirects-${status}-${location.length}`);
    const answer = await call('/chat/completions', { stream: false }, own);
    expect(answer.status).toBe(502);
    expect(calls).toBeLessThan(30);
  });
});
