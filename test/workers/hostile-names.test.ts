/**
 * Names of prototype properties, and characters that end a header or an event, wherever input
 * becomes a name: tenants, backends, models, applications, runs, units, calls, keys.
 */
import { env, exports } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseTenantConfig } from '../../src/config/parse.ts';

const PROTOTYPES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'],
  ...['__defineGetter__', '__lookupSetter__', 'isPrototypeOf', 'then', 'length', 'name'],
];
const SPLITTING = [
  'a\r\nx-injected: 1',
  'a\nx-injected: 1',
  'a\r\n\r\nHTTP/1.1 200 OK\r\n',
  'a\rx-injected: 1',
  'a\u0000b',
  'a\u2028b',
  'a\u0085x-injected: 1',
  '\u560a\u560dx-injected: 1',
  'data: a\n\nevent: error',
];
const ADMIN = { authorization: 'Bearer test-admin' };
const TENANT = `t-${crypto.randomUUID()}`;
const ENDPOINTS = [{ url: 'http://127.0.0.1:9/v1' }];
let key = '';

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(`http://talaria.test${path}`, init));
}

function data(path: string, body?: object, headers: Record<string, string> = {}) {
  const auth = { authorization: `Bearer ${key}`, ...headers };
  return call(
    path,
    body === undefined
      ? { headers: auth }
      : { method: 'POST', headers: auth, body: JSON.stringify(body) },
  );
}

function chat(more: object = {}, headers: Record<string, string> = {}) {
  const messages = [{ role: 'user', content: 'x' }];
  return data('/v1/chat/completions', { model: 'm', messages, ...more }, headers);
}

/** Fails if anything was added to Object.prototype. */
function expectClean(): void {
  const empty: Record<string, unknown> = {};
  for (const name of ['polluted', 'url', 'slots', 'secret', 'weight']) {
    expect(empty[name]).toBeUndefined();
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
}

beforeAll(async () => {
  const config = { backends: { m: { models: ['m'], endpoints: ENDPOINTS } } };
  const put = { method: 'PUT', headers: ADMIN, body: JSON.stringify(config) };
  expect((await call(`/admin/tenants/${TENANT}`, put)).status).toBe(201);
  const made = await call(`/admin/tenants/${TENANT}/keys`, { method: 'POST', headers: ADMIN });
  ({ key } = (await made.json()) as { key: string });
});

afterEach(() => {
  vi.restoreAllMocks();
  expectClean();
});

function endpointAnswers(): void {
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () =>
    Response.json({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }),
  );
}

describe.each(PROTOTYPES)('the name %s', (name) => {
  it('belongs to no backend, model, run, call, key or tenant', async () => {
    const notFound = [
      await data(`/v1/backends/${name}/x`),
      await data(`/v1/models/${name}`),
      await chat({ model: name }),
      await data(`/v1/runs/${name}/finish`, {}),
      await data(`/v1/calls/${name}`),
      await call(`/admin/tenants/${TENANT}/keys/${name}`, { method: 'DELETE', headers: ADMIN }),
    ];
    for (const answer of notFound) {
      const { error } = (await answer.json()) as { error: { code: string } };
      expect([answer.status, error.code]).toEqual([404, expect.stringMatching(/_not_found$/)]);
      expect(error.code).not.toBe('not_found');
    }
    const tenant = await call(`/admin/tenants/${name}`, { headers: ADMIN });
    expect(tenant.status).toBe(name.startsWith('_') ? 400 : 404);
  });

  it('may be an application, a run and a unit, and is learned like any other', async () => {
    endpointAnswers();
    for (const unit of [name, 'other', name]) {
      const answer = await chat(
        {},
        { 'x-talaria-app': name, 'x-talaria-run': `of ${name}`, 'x-talaria-unit': unit },
      );
      expect([answer.status, answer.headers.get('x-talaria-app')]).toEqual([200, name]);
      await answer.text();
    }
    expect((await data(`/v1/runs/of%20${name}/finish`, {})).status).toBe(200);
    const [graph] = JSON.parse(
      (await env.TENANT.getByName(TENANT).view('pdgraph', name)) ?? '{}',
    ).applications;
    expect(graph).toMatchObject({ app: name, runs: 1, units: [{ unit: name }, { unit: 'other' }] });
    expect(graph.units[1].next).toEqual([{ unit: name, probability: 1 }]);
  });
});

describe('a configuration', () => {
  const tryPut = async (text: string) => {
    const tenant = `t-${crypto.randomUUID()}`;
    const answer = await call(`/admin/tenants/${tenant}`, {
      method: 'PUT',
      headers: ADMIN,
      body: text,
    });
    const { error } = (await answer.json()) as { error?: { param: string } };
    return { status: answer.status, param: error?.param };
  };
  const backend = JSON.stringify({ models: ['p'], endpoints: ENDPOINTS });

  it.each([
    [`{"__proto__":{"polluted":1},"backends":{"m":${backend}}}`, '__proto__'],
    [`{"backends":{"__proto__":${backend},"m":${backend}}}`, 'backends.__proto__'],
    [
      `{"backends":{"m":{"__proto__":{"slots":1},"endpoints":[{"url":"http://127.0.0.1"}]}}}`,
      'backends.m.__proto__',
    ],
    [
      `{"backends":{"m":{"endpoints":[{"url":"http://127.0.0.1","__proto__":{"auth":{"secret":"X"}}}]}}}`,
      'backends.m.endpoints[0].__proto__',
    ],
    [
      `{"applications":{"__proto__":{"weight":1000}},"backends":{"m":${backend}}}`,
      'applications.__proto__',
    ],
    [`{"backends":{"m":${backend}},"constructor":{"prototype":{"polluted":1}}}`, 'constructor'],
  ])('is refused with %s', async (text, param) => {
    expect(await tryPut(text)).toEqual({ status: 400, param });
  });

  it.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])(
    'may have a backend and an application that are named %s',
    async (name) => {
      const config = {
        applications: { [name]: { weight: 2 } },
        backends: { [name]: { models: ['m'], endpoints: ENDPOINTS } },
      };
      const parsed = parseTenantConfig(config, { development: true });
      expect(parsed.ok && Object.keys(parsed.config.backends)).toEqual([name]);
      expect((await tryPut(JSON.stringify(config))).status).toBe(201);
    },
  );

  it('is refused in an import as well', async () => {
    const config = `{"backends":{"__proto__":${backend},"m":${backend}}}`;
    const answer = await call(`/admin/tenants/t-${crypto.randomUUID()}/import`, {
      method: 'POST',
      headers: ADMIN,
      body: `{"talaria_export":1,"config":${config}}`,
    });
    expect(answer.status).toBe(400);
  });
});

describe.each(SPLITTING)('the text %j', (text) => {
  it('is refused as a name in the body, and in no header of the answer', async () => {
    for (const field of ['talaria_app', 'talaria_run', 'talaria_unit']) {
      const answer = await chat({ metadata: { [field]: text } });
      expect(answer.status).toBe(400);
      expect(answer.headers.get('x-injected')).toBeNull();
      expect([...answer.headers.values()].join()).not.toContain('x-injected');
    }
  });

  it('may appear in an error, escaped as JSON', async () => {
    const answer = await chat({ model: text });
    const body = await answer.text();
    expect(answer.status).toBe(404);
    expect(JSON.parse(body).error.message).toContain(text);
    expect(body).not.toContain(text.includes('\n') ? text : '\u0000');
    expect([...answer.headers.values()].join()).not.toContain('x-injected');
  });

  it('is refused in paths and queries that become names', async () => {
    const escaped = encodeURIComponent(text);
    const answers = [
      await data(`/v1/runs/${escaped}/events`, { type: 'unit_begin', unit: 'u', app: 'a' }),
      await data('/v1/runs/r/events', { type: 'unit_begin', unit: text, app: 'a' }),
      await data('/v1/runs/r/events', { type: 'unit_begin', unit: 'u', app: text }),
      await data(`/v1/backends/${escaped}/x`),
      await data(`/v1/calls/${escaped}`),
      await call(`/admin/tenants/${escaped}`, { headers: ADMIN }),
      await call(`/metrics?tenant=${escaped}`, { headers: ADMIN }),
    ];
    for (const answer of answers) {
      expect([400, 404]).toContain(answer.status);
      expect([...answer.headers.values()].join()).not.toContain('x-injected');
      await answer.json();
    }
  });

  it('is no name in a configuration', () => {
    const named = (endpoint: object, name = 'm') =>
      parseTenantConfig(
        { backends: { [name]: { endpoints: [{ ...ENDPOINTS[0], ...endpoint }] } } },
        { development: true },
      ).ok;
    expect(named({})).toBe(true);
    expect(named({ name: text })).toBe(false);
    expect(named({}, text)).toBe(false);
    expect(named({ auth: { secret: text } })).toBe(false);
    expect(named({ auth: { secret: 'K', scheme: text } })).toBe(false);
  });
});

describe('a name that was never filled in', () => {
  it.each(['undefined', 'null', '%RUN%', '{{ run }}'])('is none of a run: %s', async (name) => {
    const path = `/v1/runs/${encodeURIComponent(name)}`;
    const begin = { type: 'unit_begin', unit: 'u', app: 'a' };
    const answers = [
      ['run', await data(`${path}/events`, begin)],
      ['run', await data(`${path}/finish`, {})],
      ['unit', await data('/v1/runs/r-1/events', { ...begin, unit: name })],
    ] as const;
    for (const [param, answer] of answers) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { param } });
    }
    // Nothing names the application, so the begin of a unit opens no run.
    const opens = { 'x-talaria-app': name };
    const unopened = await data('/v1/runs/r-2/events', { ...begin, app: name }, opens);
    expect(unopened.status).toBe(404);
    const named = await data(
      '/v1/runs/r-3/events',
      { ...begin, app: name },
      { 'x-talaria-app': 'a' },
    );
    expect(named.status).toBe(202);
  });
});
