/**
 * An endpoint that is not up although it counts as warm, over HTTP: what clients are told, what the
 * administrator sees, and what the endpoint is sent.
 */
import { exports } from 'cloudflare:workers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PATIENT } from '../patience.ts';

const ADMIN = { authorization: 'Bearer test-admin', 'content-type': 'application/json' };
const COMPLETION = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1 },
};
const NO_MODEL = { object: 'error', message: 'The model `m` does not exist.', code: 404 };

let answer: (request: Request) => Response | Promise<Response>;
const seen: Request[] = [];

beforeAll(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    seen.push(request);
    return answer(request);
  });
});

beforeEach(() => {
  seen.length = 0;
  answer = () => Response.json(COMPLETION);
});

const clock = Date.now;
let aheadMs = 0;

beforeAll(() => {
  vi.spyOn(Date, 'now').mockImplementation(() => clock() + aheadMs);
});

afterAll(() => {
  vi.restoreAllMocks();
});

type Tenant = Awaited<ReturnType<typeof newTenant>>;

/** A minute after a call that was served, and reported. */
async function servedLongAgo(tenant: Tenant): Promise<void> {
  await (await tenant.chat()).text();
  await vi.waitUntil(async () => (await tenant.endpoint()).running === 0, PATIENT);
  aheadMs += 60_000;
}

async function newTenant(endpoint: object = {}, backend: object = {}) {
  const path = `http://t/admin/tenants/t-${crypto.randomUUID()}`;
  const json = async (method: string, at: string, body?: object) => {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const told = await exports.default.fetch(at, { method, headers: ADMIN, ...text });
    return JSON.parse(await told.text());
  };
  const coldStart = { estimateMs: 20_000, idleTimeoutMs: 600_000 };
  const gpu = { name: 'gpu', url: 'https://gpu.example.com/v1', coldStart, ...endpoint };
  await json('PUT', path, { backends: { m: { models: ['m'], endpoints: [gpu], ...backend } } });
  const { key } = await json('POST', `${path}/keys`);
  const post = (to: string, body: object) =>
    exports.default.fetch(`http://t${to}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...body }),
    });
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    chat: (fields: object = {}) => post('/v1/chat/completions', fields),
    count: () => post('/v1/messages/count_tokens', {}),
    endpoint: async () => (await json('GET', `${path}/status`)).backends.m.endpoints[0],
    prewarming: () => json('GET', `${path}/prewarm`),
  };
}

/** Answers as an endpoint that is not up, for this many requests. */
function downFor(requests: number, how: () => Response) {
  let left = requests;
  answer = () => {
    left -= 1;
    return left >= 0 ? how() : Response.json(COMPLETION);
  };
}

describe('a call to an endpoint that went cold unnoticed', () => {
  it.each([
    ['the model does not exist', () => Response.json(NO_MODEL, { status: 404 })],
    ['not ready', () => Response.json({ error: 'Model m is not ready yet.' }, { status: 400 })],
    ['bad gateway', () => new Response('<html>', { status: 502 })],
    ['connection refused', () => Promise.reject(new TypeError('Connection refused'))],
  ] as const)('waits for its wake and is served (%s)', async (_, how) => {
    const tenant = await newTenant();
    await servedLongAgo(tenant);
    downFor(4, how as () => Response);
    const served = await tenant.chat();
    expect(served.status).toBe(200);
    expect(await served.json()).toHaveProperty('choices');
    expect((await tenant.endpoint()).state).toBe('warm');
  });

  it('is the client’s own at an endpoint that was warm a moment ago, and wakes nothing', async () => {
    const tenant = await newTenant();
    await (await tenant.chat()).text();
    seen.length = 0;
    answer = () => Response.json(NO_MODEL, { status: 404 });
    const told = await tenant.chat({ max_tokens: 3 });
    expect([told.status, await told.json()]).toEqual([404, NO_MODEL]);
    expect(seen).toHaveLength(1);
  });

  it('is refused at once where the endpoint refuses the key, and is no reason for a wake', async () => {
    const tenant = await newTenant();
    await servedLongAgo(tenant);
    seen.length = 0;
    answer = () => Response.json({ error: { message: 'no such key' } }, { status: 401 });
    expect((await tenant.chat()).status).toBe(502);
    expect(seen).toHaveLength(1);
  });
});

describe('a call that gets no first byte in time', () => {
  /**
   * The first request gets no answer, until it is given up. Tells the most tokens that each request
   * asks for; a wake asks for one.
   */
  function hangOnce(): number[] {
    const tokens: number[] = [];
    answer = async (request) => {
      const { signal } = request;
      tokens.push((await request.json<{ max_tokens: number }>()).max_tokens);
      if (tokens.length > 1) return Response.json(COMPLETION);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    return tokens;
  }

  it('has the next one wait for a wake, where the endpoint was idle', async () => {
    const tenant = await newTenant({}, { timeouts: { firstByteMs: 50 } });
    await servedLongAgo(tenant);
    const tokens = hangOnce();
    const late = await tenant.chat({ max_tokens: 7 });
    expect([late.status, await late.json()]).toMatchObject([
      504,
      { error: { code: 'upstream_timeout' } },
    ]);
    const served = await tenant.chat({ max_tokens: 8 });
    expect(served.status).toBe(200);
    await served.text();
    expect(tokens).toEqual([7, 1, 8]);
  });

  it('is late by itself where the endpoint was warm a moment ago', async () => {
    const tenant = await newTenant({}, { timeouts: { firstByteMs: 50 } });
    await (await tenant.chat()).text();
    const tokens = hangOnce();
    const late = await tenant.chat({ max_tokens: 7 });
    expect(late.status).toBe(504);
    await late.text();
    expect((await tenant.endpoint()).state).toBe('warm');
    await (await tenant.chat({ max_tokens: 8 })).text();
    expect(tokens).toEqual([7, 8]);
  });
});

describe('a token count that finds the endpoint cold', () => {
  it.each([
    ['503', () => new Response('loading', { status: 503 })],
    ['404', () => Response.json(NO_MODEL, { status: 404 })],
    ['502', () => new Response('', { status: 502 })],
  ] as const)('is answered with the time of a start, and booked as a wake (%s)', async (_, how) => {
    const tenant = await newTenant();
    await servedLongAgo(tenant);
    downFor(3, how);
    const told = await tenant.count();
    expect([told.status, told.headers.get('retry-after')]).toEqual([503, '20']);
    expect(await told.json()).toMatchObject({
      error: { message: expect.stringMatching(/not up/) },
    });
    await vi.waitFor(async () => expect((await tenant.endpoint()).state).toBe('warm'), PATIENT);
    await (await tenant.chat()).text();
    const { wakes } = await tenant.prewarming();
    expect(wakes[0].wake).toMatchObject({ cause: 'demand', reason: 'a request without a slot' });
  });

  it('concerns the count alone where the endpoint is known to be warm', async () => {
    const tenant = await newTenant();
    await (await tenant.chat()).text();
    answer = () => Response.json(NO_MODEL, { status: 404 });
    expect((await tenant.count()).status).toBe(404);
    expect((await tenant.endpoint()).state).toBe('warm');
  });
});

describe('what the administrator sees of an endpoint', () => {
  it('is presumed or known, learned from so much, and why its last wake failed', async () => {
    const tenant = await newTenant({ auth: { secret: 'NOT_SET' } });
    const before = await tenant.endpoint();
    expect(before).toMatchObject({
      state: 'cold',
      presumed: true,
      circuit: 'closed',
      goes_cold: 'by-itself',
      last_wake_error: null,
      cold_start: { ms: 20_000, configured_ms: 20_000, observations: 0, last_at: null },
      idle_timeout: { ms: 600_000, configured_ms: 600_000, observations: 0, last_at: null },
    });
    // The secret is not set, so that the wake cannot be sent.
    const call = tenant.chat({ metadata: { talaria_max_wait_ms: '1000' } });
    await vi.waitFor(
      async () => expect((await tenant.endpoint()).last_wake_error).not.toBeNull(),
      PATIENT,
    );
    const { last_wake_error: error } = await tenant.endpoint();
    expect(error.reason).toBe('its key is missing, or it is not configured');
    expect(error.at).toBeLessThanOrEqual(Date.now());
    expect((await call).status).toBe(503);
  });

  it('is the same in the view of prewarming, and in the metrics', async () => {
    const tenant = await newTenant();
    await (await tenant.chat()).text();
    const [{ endpoints }] = (await tenant.prewarming()).backends;
    expect(endpoints[0]).toMatchObject({
      endpoint: 'gpu',
      state: 'warm',
      presumed: false,
      decision: expect.any(String),
      cold_start: { configured_ms: 20_000 },
    });
    expect(endpoints[0].state_since).toBeLessThanOrEqual(Date.now());
    const metrics = await exports.default.fetch(`http://t/metrics?tenant=${tenant.name}`, {
      headers: ADMIN,
    });
    const text = await metrics.text();
    const labels = `tenant="${tenant.name}",backend="m",endpoint="gpu"`;
    expect(text).toContain(`talaria_endpoint_state{${labels},state="warm",presumed="false"} 1\n`);
    expect(text).toContain(
      `talaria_endpoint_idle_timeout_seconds{${labels},source="configured"} 600\n`,
    );
    expect(text).toContain(`talaria_endpoint_circuit_open{${labels}} 0\n`);
  });
});

it('a key in two parts is sent in two headers, with calls and with wakes', async () => {
  const auth = { value: 'wk-ID123.ws-SECRET456', header: 'modal-key' };
  const tenant = await newTenant({ kind: 'modal', auth });
  expect((await tenant.chat()).status).toBe(200);
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const { headers } of seen) {
    expect([headers.get('modal-key'), headers.get('modal-secret')]).toEqual([
      'wk-ID123',
      'ws-SECRET456',
    ]);
    expect(headers.get('authorization')).toBeNull();
  }
});
