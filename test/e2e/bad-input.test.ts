/**
 * Wrong input of clients and administrators, accidental or deliberate: the error states what is
 * wrong in OpenAI's form, nothing fails internally, and no slot stays taken. Malformed HTTP is
 * tested in hostile-bytes.test.ts, random input in fuzz.test.ts.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const TENANT = 'inputs';
const BODY_BYTES = 2_000_000;
const NESTING = 200_000;
const CHAT = '/v1/chat/completions';

let dispatcher: Dispatcher;
let gpu: Emulator;
let url: string;
let key: string;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
  gpu = await startEmulator({
    models: ['m', 'constructor'],
    slots: 4,
    prefillMsPerToken: 0,
    decodeMsPerToken: 1,
    toolServiceMs: 1,
  });
  key = await dispatcher.tenant(TENANT, {
    backends: {
      m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots: 2 }] },
      tool: { endpoints: [{ url: gpu.url, slots: 2 }] },
    },
    limits: { bodyBytes: BODY_BYTES },
  });
});

/** After all input: valid calls are served, no slot is taken, and no internal error was logged. */
afterAll(async () => {
  const good = await post(CHAT, chat({}));
  expect(good.status).toBe(200);
  await good.text();
  const tool = await fetch(`${url}/v1/backends/tool/x`, { headers: bearer(key) });
  expect(tool.status).toBe(200);
  await tool.text();
  await nothingHeld();
  expect(gpu.stats().maxInFlight).toBeLessThanOrEqual(4);
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  await gpu.close();
});

const messages = [{ role: 'user', content: 'Hello' }];
const nested = `${'['.repeat(NESTING)}${']'.repeat(NESTING)}`;
const nestedObject = `${'{"content":'.repeat(NESTING / 10)}1${'}'.repeat(NESTING / 10)}`;

function chat(changes: object): string {
  return JSON.stringify({ model: 'm', messages, max_tokens: 2, ...changes });
}

/** A chat request with a field in JSON that `JSON.stringify` cannot write. */
function chatWith(field: string, json: string): string {
  return chat({ [field]: '@' }).replace('"@"', json);
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}${path}`, { method: 'POST', body, headers: { ...bearer(key), ...headers } });
}

function asAdmin(method: string, path: string, body?: string, token = ADMIN_TOKEN) {
  return fetch(`${url}/admin${path}`, {
    method,
    headers: bearer(token),
    ...(body === undefined ? {} : { body }),
  });
}

interface Told {
  readonly status: number;
  readonly code: string;
  readonly type?: string;
  readonly param?: string | null;
}

async function expectError(response: Response, told: Told): Promise<void> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status: told.status });
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  const { error } = JSON.parse(text);
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(error).toMatchObject({
    code: told.code,
    type: told.type ?? 'invalid_request_error',
    param: told.param ?? null,
  });
  expect(error.message.length).toBeGreaterThan(0);
}

async function nothingHeld(): Promise<void> {
  const status = await until(
    () => statusOf(url, TENANT),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
  expect(status.m).toMatchObject({ running: 0, waiting: 0 });
}

const invalid = (param: string | null = null): Told => ({
  status: 400,
  code: 'invalid_request_error',
  param,
});
const unauthorized: Told = { status: 401, code: 'invalid_api_key', type: 'authentication_error' };

describe('a model call with a bad body', () => {
  const cases: Array<[string, string, string | Uint8Array<ArrayBuffer>, Told]> = [
    ['malformed JSON', CHAT, '{"model": "m",', invalid()],
    ['an empty body', CHAT, '', invalid()],
    ['null', CHAT, 'null', invalid()],
    ['an array', CHAT, '[]', invalid()],
    ['a string', CHAT, '"x"', invalid()],
    ['a number', CHAT, '1', invalid()],
    ['a second document behind the first', CHAT, `${chat({})}{}`, invalid()],
    ['bad UTF-8', CHAT, Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), invalid()],
    ['no model', CHAT, JSON.stringify({ messages }), invalid('model')],
    ['a number for a model', CHAT, chat({ model: 7 }), invalid('model')],
    ['an empty model', CHAT, chat({ model: '' }), invalid('model')],
    ['an overlong model', CHAT, chat({ model: 'm'.repeat(257) }), invalid('model')],
    ['no messages', CHAT, JSON.stringify({ model: 'm' }), invalid('messages')],
    ['empty messages', CHAT, chat({ messages: [] }), invalid('messages')],
    ['a message that is text', CHAT, chat({ messages: ['x'] }), invalid('messages[0]')],
    ['a message without a role', CHAT, chat({ messages: [{}] }), invalid('messages[0].role')],
    ['text for stream', CHAT, chat({ stream: 'yes' }), invalid('stream')],
    ['text for max_tokens', CHAT, chat({ max_tokens: '9' }), invalid('max_tokens')],
    ['max_tokens below 0', CHAT, chat({ max_tokens: -2 }), invalid('max_tokens')],
    ['max_tokens beyond all numbers', CHAT, chatWith('max_tokens', '1e999'), invalid('max_tokens')],
    ['text for stream_options', CHAT, chat({ stream_options: 'x' }), invalid('stream_options')],
    ['a list for metadata', CHAT, chat({ metadata: [] }), invalid('metadata')],
    [
      'a line break in the name of an application',
      CHAT,
      chat({ metadata: { talaria_app: 'a\r\nx-evil: 1' } }),
      invalid('metadata.talaria_app'),
    ],
    ['no prompt', '/v1/completions', JSON.stringify({ model: 'm' }), invalid('prompt')],
    ['no input', '/v1/embeddings', JSON.stringify({ model: 'm' }), invalid('input')],
    [
      'a number for an input',
      '/v1/responses',
      JSON.stringify({ model: 'm', input: 1 }),
      invalid('input'),
    ],
    ['no model', '/v1/responses', JSON.stringify({ input: 'x' }), invalid('model')],
    ['text for stream', '/v1/responses', chat({ input: 'x', stream: 'yes' }), invalid('stream')],
    [
      'a response in the background',
      '/v1/responses',
      JSON.stringify({ model: 'm', input: 'x', background: true }),
      invalid('background'),
    ],
    ['no JSON', '/v1/responses', '{', invalid()],
    ['no query', '/v1/rerank', JSON.stringify({ model: 'm', documents: [] }), invalid('query')],
    [
      'text for documents',
      '/v1/rerank',
      JSON.stringify({ model: 'm', query: 'q', documents: 'd' }),
      invalid('documents'),
    ],
    ['no input', '/v1/moderations', JSON.stringify({ model: 'm' }), invalid('input')],
    ['no text', '/v1/audio/speech', JSON.stringify({ model: 'm' }), invalid('input')],
    ['no prompt', '/v1/images/generations', JSON.stringify({ model: 'm' }), invalid('prompt')],
    ['no model', '/v1/images/edits', '{}', invalid('model')],
    ['no form', '/v1/audio/transcriptions', '{}', invalid('content-type')],
    ['no form', '/v1/images/variations', '', invalid('content-type')],
  ];
  it.each(cases)('gets an error about %s', async (_what, path, body, told) => {
    await expectError(await post(path, body), told);
  });

  const deep: Array<[string, string, string]> = [
    ['messages', CHAT, `{"model":"m","messages":[{"role":"user","content":${nested}}]}`],
    [
      'messages of objects',
      CHAT,
      chatWith('messages', `[{"role":"user","content":${nestedObject}}]`),
    ],
    ['a system prompt', CHAT, chatWith('messages', `[{"role":"system","content":${nested}}]`)],
    ['tools', CHAT, chatWith('tools', nested)],
    ['metadata', CHAT, chatWith('metadata', `{"x":${nested}}`)],
    ['a field that nobody knows', CHAT, chatWith('x', nested)],
    [
      'stream options',
      CHAT,
      chat({ stream: true, stream_options: { x: '@' } }).replace('"@"', nested),
    ],
    ['a prompt', '/v1/completions', `{"model":"m","prompt":${nested}}`],
    ['an input', '/v1/embeddings', `{"model":"m","input":${nested}}`],
  ];
  it.each(deep)('causes no internal error by endless nesting in %s', async (_what, path, body) => {
    // Either the dispatcher or the endpoint may refuse it; in both cases it is the client's error.
    const response = await post(path, body);
    const text = await response.text();
    expect({ status: response.status, text: text.slice(0, 300) }).not.toMatchObject({
      status: 500,
    });
    await nothingHeld();
  });

  const anthropic: Array<[string, string | Uint8Array<ArrayBuffer>]> = [
    ['malformed JSON', '{"model"'],
    ['an empty body', ''],
    ['null', 'null'],
    ['bad UTF-8', Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)],
    ['no model', JSON.stringify({ messages, max_tokens: 1 })],
    ['no messages', JSON.stringify({ model: 'm', max_tokens: 1 })],
    ['empty messages', JSON.stringify({ model: 'm', max_tokens: 1, messages: [] })],
    ['no limit of tokens', JSON.stringify({ model: 'm', messages })],
    ['text for a limit', JSON.stringify({ model: 'm', messages, max_tokens: '1' })],
    ['a list for metadata', JSON.stringify({ model: 'm', messages, max_tokens: 1, metadata: [] })],
  ];
  it.each(anthropic)(
    "gets an error about %s in the form of Anthropic's API",
    async (_what, body) => {
      const response = await post('/v1/messages', body, { 'x-request-id': 'messages-01' });
      expect(response.status).toBe(400);
      expect(response.headers.get('request-id')).toBe('messages-01');
      const told = await response.json();
      expect(told).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    },
  );

  it.each([
    ['/v1/responses', `{"model":"m","input":${nested}}`],
    ['/v1/responses', `{"model":"m","instructions":${nested},"input":"x"}`],
    ['/v1/messages', chatWith('system', nested)],
    ['/v1/messages', chatWith('tools', nestedObject)],
    ['/v1/messages/count_tokens', chatWith('messages', `[{"role":"user","content":${nested}}]`)],
    ['/v1/images/generations', `{"model":"m","prompt":"x","x":${nested}}`],
  ])('causes no internal error by endless nesting at %s', async (path, body) => {
    const response = await post(path, body);
    await response.text();
    expect(response.status).not.toBe(500);
    await nothingHeld();
  });

  it('is refused when it is too large by its content-length', async () => {
    const body = chat({ user: 'x'.repeat(BODY_BYTES) });
    await expectError(await post(CHAT, body), { status: 413, code: 'request_too_large' });
    await expectError(await post('/v1/backends/tool', body), {
      status: 413,
      code: 'request_too_large',
    });
  });

  it('is refused when it is too large and comes in chunks', async () => {
    const answer = await raw(
      [
        `POST ${CHAT} HTTP/1.1`,
        'host: t',
        `authorization: Bearer ${key}`,
        'transfer-encoding: chunked',
        '',
        '',
      ].join('\r\n'),
      Array.from({ length: 40 }, () => `10000\r\n${'x'.repeat(65_536)}\r\n`),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"request_too_large"');
  });

  it('takes the last of two keys of one name, as JSON does', async () => {
    const twice = chat({}).replace('{', '{"model":"none","stream":true,');
    const answer = await post(CHAT, twice.replace('"max_tokens"', '"stream":false,"max_tokens"'));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ object: 'chat.completion' });
    const other = chat({}).replace('}]', '}],"model":"none"');
    await expectError(await post(CHAT, other), {
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
  });
});

describe('a call to something that does not exist', () => {
  const proto = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];

  it.each(['none', ...proto])('gets the error that there is no model %s', async (model) => {
    const told = { status: 404, code: 'model_not_found', param: 'model' };
    await expectError(await post(CHAT, chat({ model })), told);
    await expectError(await fetch(`${url}/v1/models/${model}`, { headers: bearer(key) }), told);
  });

  it.each(['none', ...proto])('gets the error that there is no backend %s', async (backend) => {
    const told = { status: 404, code: 'backend_not_found' };
    await expectError(await post(`/v1/backends/${backend}/x`, '{}'), told);
    await expectError(await fetch(`${url}/v1/backends/${backend}`, { headers: bearer(key) }), told);
  });

  it('gets the error that there is nothing at this path', async () => {
    for (const path of ['/', '/v1', '/v1/none', '/v2/models', '/admin', '/admin/tenants']) {
      const response = await fetch(`${url}${path}`, { headers: bearer(key) });
      await expectError(response, { status: 404, code: 'not_found' });
    }
  });

  it('never reaches a path above that of an endpoint', async () => {
    const paths = ['..', '%2e%2e', '..%2f..%2fsecret', '%5c..%5csecret', '../../../../secret'];
    for (const path of paths) {
      const head = `GET /v1/backends/tool/${path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n`;
      const answer = await raw(`${head}authorization: Bearer ${key}\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 (200|400|404) /);
    }
  });
});

describe('a client without a valid key', () => {
  const wrong: Array<[string, Record<string, string>]> = [
    ['no key', {}],
    ['a wrong key', bearer(`tal_${'0'.repeat(40)}`)],
    ['an empty key', { authorization: 'Bearer ' }],
    ['Basic auth', { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }],
    ['an overlong key', bearer('k'.repeat(4_000))],
    ['the name of a prototype', bearer('__proto__')],
    ["the administrator's token", bearer(ADMIN_TOKEN)],
  ];
  it.each(wrong)('is refused with %s', async (_what, headers) => {
    for (const path of ['/v1/models', '/v1/backends/tool', '/v1/none']) {
      await expectError(await fetch(`${url}${path}`, { headers }), unauthorized);
    }
    for (const path of [CHAT, '/v1/runs/r/events']) {
      const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: '{' });
      await expectError(response, unauthorized);
    }
  });

  it("is refused by the admin API, which takes no tenant's key either", async () => {
    for (const headers of [{}, bearer('wrong'), bearer(key)]) {
      for (const path of [
        `/tenants/${TENANT}`,
        `/tenants/${TENANT}/status`,
        '/tenants/none/runs',
      ]) {
        await expectError(await fetch(`${url}/admin${path}`, { headers }), unauthorized);
      }
    }
    await expectError(await asAdmin('DELETE', `/tenants/${TENANT}`, undefined, 'x'), unauthorized);
    await expectError(await asAdmin('PUT', `/tenants/${TENANT}`, '{}', 'x'), unauthorized);
    // An API key is none, and its client is told what is.
    const answer = await asAdmin('GET', `/tenants/${TENANT}`, undefined, key);
    expect(await answer.json()).toMatchObject({
      error: { message: "The administrator's token is missing or wrong." },
    });
  });
});

describe('bad headers', () => {
  const cases: Array<[string, string, string]> = [
    ['x-talaria-deadline-ms', 'abc', 'x-talaria-deadline-ms'],
    ['x-talaria-deadline-ms', '-1', 'x-talaria-deadline-ms'],
    ['x-talaria-deadline-ms', 'Infinity', 'x-talaria-deadline-ms'],
    ['x-talaria-max-wait-ms', '0', 'x-talaria-max-wait-ms'],
    ['x-talaria-max-wait-ms', 'NaN', 'x-talaria-max-wait-ms'],
    ['x-talaria-if-late', 'maybe', 'x-talaria-if-late'],
    ['x-talaria-app', 'a'.repeat(129), 'x-talaria-app'],
    ['x-talaria-run', 'r'.repeat(129), 'x-talaria-run'],
    ['x-talaria-unit', 'caf\u00e9', 'x-talaria-unit'],
  ];
  it.each(cases)("%s: %s is refused with the header's name", async (name, value, param) => {
    await expectError(await post(CHAT, chat({}), { [name]: value }), invalid(param));
    await expectError(await post('/v1/backends/tool', '', { [name]: value }), invalid(param));
  });

  it.each(['', 'k'.repeat(256), 'caf\u00e9'])('idempotency-key: %j is refused', async (value) => {
    for (const path of [CHAT, '/v1/backends/tool']) {
      const response = await post(path, chat({}), { 'idempotency-key': value });
      await expectError(response, invalid('idempotency-key'));
    }
  });

  it.each(['none', '__proto__', 'constructor', '%zz', '..', 'x'.repeat(2_000)])(
    'the call %s is not known',
    async (id) => {
      const response = await fetch(`${url}/v1/calls/${id}`, { headers: bearer(key) });
      expect(response.status).toBe(404);
      expect(JSON.parse(await response.text()).error.code).toMatch(/^(call_)?not_found$/);
    },
  );

  it('that an SDK adds are accepted', async () => {
    for (const value of ['Infinity', '1e308', 'abc', '-1']) {
      const response = await post(CHAT, chat({}), { 'x-stainless-timeout': value });
      expect({ value, status: response.status }).toEqual({ value, status: 200 });
      await response.text();
    }
  });

  it('are not echoed as a request id unless they could be one', async () => {
    const bad = ['x', 'a b c d e f g h', '<script>alert(1)', 'x'.repeat(129), 'caf\u00e9caf\u00e9'];
    for (const id of bad) {
      const response = await post(CHAT, '{', { 'x-request-id': id });
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      await response.text();
    }
    const injected = await raw(
      `POST ${CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer ${key}\r\n` +
        'x-request-id: abcdefgh\r\n x-evil: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
    );
    expect(injected).not.toMatch(/^x-evil/im);
    const kept = await post(CHAT, '{', { 'x-request-id': 'order:66.a_b-c' });
    expect(kept.headers.get('x-request-id')).toBe('order:66.a_b-c');
    await kept.text();
  });

  it('of any sort of failure come back with the request id', async () => {
    const id = { 'x-request-id': 'failure-0001' };
    const answers = [
      await post(CHAT, '{', id),
      await post(CHAT, chat({ model: 'none' }), id),
      await post('/v1/backends/none', '', id),
      await post('/v1/runs/none/finish', '', id),
      await fetch(`${url}/v1/models/none`, { headers: { ...bearer(key), ...id } }),
      await fetch(`${url}/v1/models`, { headers: { ...bearer('wrong'), ...id } }),
      await fetch(`${url}/none`, { headers: id }),
      await fetch(`${url}/admin/tenants/${TENANT}`, {
        method: 'PUT',
        headers: { ...bearer(ADMIN_TOKEN), ...id },
        body: '{}',
      }),
    ];
    for (const answer of answers) {
      await answer.text();
      const told = { url: answer.url, id: answer.headers.get('x-request-id') };
      expect(told).toEqual({ url: answer.url, id: 'failure-0001' });
    }
  });

  it('may name application, run and unit like prototype properties', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'valueOf']) {
      const response = await post(CHAT, chat({}), {
        'x-talaria-app': name,
        'x-talaria-run': name,
        'x-talaria-unit': name,
        'x-talaria-run-final': 'true',
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-talaria-app')).toBe(name);
      await response.text();
    }
    const runs = await (await asAdmin('GET', `/tenants/${TENANT}/runs?app=constructor`)).text();
    expect(JSON.parse(runs)).toMatchObject({ app: 'constructor', run: 'constructor' });
    const graphs = await asAdmin('GET', `/tenants/${TENANT}/pdgraph?app=toString`);
    expect(await graphs.json()).toMatchObject({ applications: [{ app: 'toString' }] });
  });
});

describe('a method that a backend does not answer with a body', () => {
  it.each(['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])(
    '%s gives its slot back',
    async (method) => {
      for (let i = 0; i < 4; i += 1) {
        const response = await fetch(`${url}/v1/backends/tool/x`, { method, headers: bearer(key) });
        expect({ method, status: response.status }).toEqual({ method, status: 200 });
        await response.text();
      }
      await nothingHeld();
    },
  );

  it.each(['TRACE', 'CONNECT', 'PROPFIND', 'NONSENSE'])(
    '%s does not count against the endpoint',
    async (method) => {
      for (let i = 0; i < 4; i += 1) {
        await raw(
          `${method} /v1/backends/tool/x HTTP/1.1\r\nhost: t\r\nauthorization: Bearer ${key}\r\n` +
            'connection: close\r\n\r\n',
        );
      }
      await nothingHeld();
      const answer = await fetch(`${url}/v1/backends/tool/x`, {
        headers: { ...bearer(key), 'x-talaria-max-wait-ms': '1' },
      });
      expect({ method, status: answer.status }).toEqual({ method, status: 200 });
      await answer.text();
    },
  );
});

describe("a tenant's configuration that is not valid", () => {
  const endpoints = [{ url: 'http://127.0.0.1:9/v1' }];
  const config = (backend: object, more: object = {}) => ({
    backends: { m: { models: ['m'], endpoints, ...backend } },
    ...more,
  });
  const at = (endpointUrl: string) => config({ endpoints: [{ url: endpointUrl }] });
  const cases: Array<[string, unknown, string | null]> = [
    ['null', null, null],
    ['a list', [], null],
    ['text', 'x', null],
    ['nothing', {}, 'backends'],
    ['no backends', { backends: {} }, 'backends'],
    ['a backend without endpoints', { backends: { m: { models: ['m'] } } }, 'backends.m.endpoints'],
    ['an empty list of endpoints', config({ endpoints: [] }), 'backends.m.endpoints'],
    ['an unknown key', config({}, { polcy: 'fcfs' }), 'polcy'],
    ['an unknown key of a backend', config({ slots: 3 }), 'backends.m.slots'],
    [
      'an unknown key of an endpoint',
      config({ endpoints: [{ url: 'http://127.0.0.1:9', slot: 1 }] }),
      'backends.m.endpoints[0].slot',
    ],
    ['an unknown policy', config({}, { policy: 'best' }), 'policy'],
    ['text for a number', config({ queue: { depth: '5' } }), 'backends.m.queue.depth'],
    ['a part of a call', config({ queue: { depth: 0.5 } }), 'backends.m.queue.depth'],
    ['a time of 0', config({ timeouts: { idleMs: 0 } }), 'backends.m.timeouts.idleMs'],
    ['a number for a model', config({ models: [1] }), 'backends.m.models[0]'],
    [
      'no slots at all',
      config({ endpoints: [{ url: 'http://127.0.0.1:9', slots: 0 }] }),
      'backends.m.endpoints[0].slots',
    ],
    ['a weight of 0', config({}, { applications: { a: { weight: 0 } } }), 'applications.a.weight'],
    [
      'no requests a minute at all',
      config({}, { limits: { requestsPerMinute: 0 } }),
      'limits.requestsPerMinute',
    ],
    [
      'a part of a token',
      config({}, { limits: { tokensPerMinute: 1.5 } }),
      'limits.tokensPerMinute',
    ],
    ['no call of a run at all', config({}, { limits: { runCalls: 0 } }), 'limits.runCalls'],
    ['an unknown limit', config({}, { limits: { requests: 1 } }), 'limits.requests'],
    ['text for bytes of a queue', config({ queue: { bytes: '1' } }), 'backends.m.queue.bytes'],
    [
      'kept answers that are too long',
      config({}, { idempotency: { answerBytes: 5_000_000 } }),
      'idempotency.answerBytes',
    ],
    [
      "a limit of a key's that is none",
      config({}, { keys: [{ id: 'k', sha256: 'a'.repeat(64), limits: { tokensPerMinute: -1 } }] }),
      'keys[0].limits.tokensPerMinute',
    ],
    ['a key that is no hash', config({}, { keys: [{ id: 'k', sha256: 'x' }] }), 'keys[0].sha256'],
    ['text that is no URL', at('endpoint'), 'backends.m.endpoints[0].url'],
    ['plain http to a public host', at('http://gpu.example.com'), 'backends.m.endpoints[0].url'],
    ['another protocol', at('file:///etc/passwd'), 'backends.m.endpoints[0].url'],
    ['a private address', at('https://10.0.0.1/v1'), 'backends.m.endpoints[0].url'],
    ['a private address in hex', at('https://0xa000001/v1'), 'backends.m.endpoints[0].url'],
    ['the address of metadata', at('http://169.254.169.254/'), 'backends.m.endpoints[0].url'],
    ['a private IPv6 address', at('https://[fd00::1]/v1'), 'backends.m.endpoints[0].url'],
    ['a private name', at('https://gpu.internal/v1'), 'backends.m.endpoints[0].url'],
    ['a private name with a dot', at('https://gpu.internal./v1'), 'backends.m.endpoints[0].url'],
    ['credentials', at('https://u:p@gpu.example.com'), 'backends.m.endpoints[0].url'],
    ['a query', at('https://gpu.example.com/?k=1'), 'backends.m.endpoints[0].url'],
    [
      "the administrator's token as the key of an endpoint",
      config({ endpoints: [{ url: 'http://127.0.0.1:9', auth: { secret: 'ADMIN_TOKEN' } }] }),
      'backends.m.endpoints[0].auth.secret',
    ],
    [
      'one endpoint twice',
      config({ endpoints: [...endpoints, ...endpoints] }),
      'backends.m.endpoints[1].name',
    ],
    [
      'one model in two backends',
      { backends: { a: { models: ['m'], endpoints }, b: { models: ['m'], endpoints } } },
      'backends.b.models[0]',
    ],
    ['a backend named client', { backends: { client: { endpoints } } }, 'backends.client'],
    ['a backend with a bad name', { backends: { 'a/b': { endpoints } } }, 'backends.a/b'],
  ];
  it.each(cases)('is refused: %s', async (_what, body, param) => {
    const before = await (await asAdmin('GET', `/tenants/${TENANT}`)).json();
    const response = await asAdmin('PUT', `/tenants/${TENANT}`, JSON.stringify(body));
    await expectError(response, invalid(param));
    const after = await (await asAdmin('GET', `/tenants/${TENANT}`)).json();
    expect(after).toEqual(before);
  });

  it('is refused where it is no JSON, no UTF-8, endless or too large', async () => {
    const put = (body: string) => asAdmin('PUT', `/tenants/${TENANT}`, body);
    await expectError(await put('{'), invalid());
    await expectError(await put(''), invalid());
    await expectError(await put(nested), invalid());
    await expectError(await put(`{"backends":{"m":${nested}}}`), invalid('backends.m'));
    const large = JSON.stringify('x'.repeat(1_000_001));
    await expectError(await put(large), { status: 413, code: 'request_too_large' });
  });

  it('is refused if a backend is named like a prototype property', async () => {
    const body = `{"backends":{"__proto__":{"endpoints":[{"url":"http://127.0.0.1:9"}]}}}`;
    const response = await asAdmin('PUT', `/tenants/${TENANT}`, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request_error' } });
  });

  it.each(['a b', '-a', 'a'.repeat(65), 'a%2Fb', '__proto__', 'caf%C3%A9', '%zz'])(
    'is refused for the tenant %s',
    async (name) => {
      const response = await asAdmin('PUT', `/tenants/${name}`, JSON.stringify(config({})));
      await expectError(response, invalid('tenant'));
    },
  );

  it('is valid with unusual but allowed names', async () => {
    const body = JSON.stringify({
      backends: { toString: { models: ['constructor'], endpoints: [{ url: `${gpu.url}/v1` }] } },
    });
    const ownKey = await dispatcher.tenant('constructor', JSON.parse(body));
    const answer = await fetch(`${url}${CHAT}`, {
      method: 'POST',
      headers: bearer(ownKey),
      body: chat({ model: 'constructor' }),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-talaria-backend')).toBe('toString');
    await answer.text();
    const tool = await fetch(`${url}/v1/backends/valueOf`, { headers: bearer(ownKey) });
    await expectError(tool, { status: 404, code: 'backend_not_found' });
    expect((await asAdmin('DELETE', '/tenants/constructor')).status).toBe(204);
  });
});

describe('the admin API', () => {
  it('has no tenant that was never created', async () => {
    const told = { status: 404, code: 'tenant_not_found' };
    for (const path of ['', '/status', '/runs', '/pdgraph', '/prewarm']) {
      await expectError(await asAdmin('GET', `/tenants/none${path}`), told);
    }
    await expectError(await asAdmin('DELETE', '/tenants/none'), told);
    await expectError(await asAdmin('POST', '/tenants/none/keys'), told);
    await expectError(await asAdmin('DELETE', '/tenants/none/keys/k'), told);
    await expectError(await asAdmin('GET', '/tenants/toString/status'), told);
  });

  it('has no key that was never created', async () => {
    for (const id of ['none', '__proto__', 'constructor', '%zz', '0']) {
      const response = await asAdmin('DELETE', `/tenants/${TENANT}/keys/${id}`);
      await expectError(response, { status: 404, code: 'key_not_found' });
    }
  });
});

describe('a run event of a client', () => {
  const event = (changes: object) => JSON.stringify({ type: 'unit_begin', unit: 'u', ...changes });
  const cases: Array<[string, string, string | null]> = [
    ['bad JSON', '{', null],
    ['an empty body', '', null],
    ['null', 'null', null],
    ['a list', '[]', null],
    ['an unknown type', event({ type: 'unit_pause' }), 'type'],
    ['no unit', '{"type":"unit_begin"}', 'unit'],
    ['an empty unit', event({ unit: '' }), 'unit'],
    ['an overlong application', event({ app: 'a'.repeat(129) }), 'app'],
    ['an unknown field', event({ units: 1 }), 'units'],
  ];
  it.each(cases)('is refused: %s', async (_what, body, param) => {
    await expectError(await post('/v1/runs/r/events', body), invalid(param));
  });

  it('is refused with a bad name of a run or of an application in a header', async () => {
    const long = 'r'.repeat(129);
    await expectError(await post(`/v1/runs/${long}/events`, event({})), invalid('run'));
    await expectError(await post('/v1/runs/caf%C3%A9/events', event({})), invalid('run'));
    const answer = await post('/v1/runs/r/events', event({}), { 'x-talaria-app': long });
    await expectError(answer, invalid('x-talaria-app'));
  });

  it('is refused where it is too large', async () => {
    const body = event({ unit: 'u'.repeat(20_000) });
    await expectError(await post('/v1/runs/r/events', body), {
      status: 413,
      code: 'request_too_large',
    });
  });

  it('of a run that is not known is refused, and does not make it known', async () => {
    const told = { status: 404, code: 'run_not_found' };
    for (const run of ['ghost', '__proto__', 'constructor']) {
      await expectError(await post(`/v1/runs/${run}/events`, event({})), told);
      await expectError(await post(`/v1/runs/${run}/events`, event({ type: 'unit_end' })), told);
      await expectError(await post(`/v1/runs/${run}/finish`, ''), told);
    }
  });
});

/** Sends raw bytes; returns what is received until the connection ends. */
function raw(head: string, parts: readonly string[] = []): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(head);
      for (const part of parts) socket.write(part);
    });
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on('data', (data) => {
      received += data.toString();
      if (parts.length > 0 && received.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(received));
  });
}
