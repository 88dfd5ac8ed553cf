/**
 * Wakes at platforms that answer anything while they load: only a real answer ends a wake, each
 * platform's way to refuse for good is reported, and one request is out at a time.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointTarget, PlatformRequest } from '../../../src/endpoints/adapter.ts';
import { ADAPTERS, ENDPOINT_KINDS, type EndpointKind } from '../../../src/endpoints/registry.ts';
import { wakeEndpoint } from '../../../src/endpoints/wake.ts';
import { COMPLETION, type Reaction, VirtualPlatform } from './virtual-platform.ts';

const KEY = 'secret-key-0123456789';
const TARGET: EndpointTarget = {
  url: 'http://gpu.test/v2/abc123/openai/v1',
  auth: { authorization: `Bearer ${KEY}` },
  key: KEY,
  model: 'm',
};
const PATIENCE_MS = 120_000;

/** What platforms answer to a call while the model is not there. */
const LOADING: Readonly<Record<string, Reaction>> = {
  'a 500': { status: 500, body: 'Internal Server Error' },
  'a 502': { status: 502, body: '<html>Bad Gateway</html>' },
  'a 503 of llama.cpp': { status: 503, body: '{"error":{"message":"Loading model","code":503}}' },
  'a 504': { status: 504, body: '' },
  'a 521 of a proxy': { status: 521 },
  'a 404 of vLLM': {
    status: 404,
    body: '{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","code":404}',
  },
  'a 404 of a gateway without a route': { status: 404, body: '404 page not found' },
  'an empty 404': { status: 404 },
  'a 404 of FastAPI': { status: 404, body: '{"detail":"Not Found"}' },
  'a 400 of KServe': { status: 400, body: '{"error":"Model m is not ready yet."}' },
  'a 400 of RunPod': { status: 400, body: '{"error":"no workers available"}' },
  'a 400 of Modal': { status: 400, body: 'modal-http: missing request body' },
  'a 408 of Modal': {
    status: 408,
    body: 'Missing request, possibly due to expiry or cancellation',
  },
  'a 409': { status: 409, body: '{"message":"The deployment is still initialising"}' },
  'a 425': { status: 425, body: 'Too Early' },
  'a 429': { status: 429, body: '{"error":"rate limited"}' },
  'a 303 to itself': { status: 303 },
  'a 307 elsewhere': { status: 307 },
  'a page of HTML with 200': { status: 200, body: '<!doctype html><title>Starting</title>' },
  'an empty 200': { status: 200 },
  'a 204': { status: 204 },
  'JSON without choices': { status: 200, body: '{"status":"IN_QUEUE","id":"sync-1"}' },
  'an error in a 200': {
    status: 200,
    body: '{"code":404,"message":"The model `m` does not exist.","object":"error"}',
  },
  'choices beside an error': { status: 200, body: '{"choices":[],"error":{"message":"loading"}}' },
  'null choices': { status: 200, body: '{"choices":null}' },
  'cut-off JSON': { status: 200, body: '{"choi' },
  'a JSON array': { status: 200, body: '[]' },
  'a refused connection': 'refused',
};

/** Only calls get the loading answer: what else a wake asks is answered as the platform would. */
function toCalls(reaction: Reaction) {
  return (request: PlatformRequest): Reaction =>
    isCall(request) ? reaction : { status: 503, body: '' };
}

function isCall({ method, url }: PlatformRequest): boolean {
  return method === 'POST' && /\/(chat\/)?completions$|\/embeddings$/.test(url);
}

/** How an endpoint of each kind is told, when it is up. */
function up({ url }: PlatformRequest): { status: number; body?: string } {
  if (url.endsWith('/is_sleeping')) return { status: 200, body: '{"is_sleeping":false}' };
  return { status: 200, body: COMPLETION };
}

function wake(
  kind: EndpointKind,
  platform: VirtualPlatform,
  target = TARGET,
  patience = PATIENCE_MS,
) {
  return wakeEndpoint(ADAPTERS[kind], target, patience, platform);
}

describe.each(ENDPOINT_KINDS)('a wake of %s', (kind) => {
  it.each(Object.entries(LOADING))('looks again after %s', async (_, reaction) => {
    const platform = new VirtualPlatform({ startMs: 20_000, loading: toCalls(reaction), up });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: true });
    expect(platform.isUp).toBe(true);
    expect(result.tookMs).toBeGreaterThanOrEqual(20_000);
    // Found within a second of being up.
    expect(result.tookMs).toBeLessThan(21_000);
    expect(result.tookMs).toBe(platform.elapsedMs);
    expect(result.refusals).toBeGreaterThan(5);
    expect(result.refusals).toBeLessThan(90);
    expect(platform.mostAtOnce).toBe(1);
  });

  it.each([401, 402, 403])(
    'fails at once where %i refuses the key, and says so',
    async (status) => {
      const body = `{"error":{"message":"Incorrect API key provided: ${KEY}"}}`;
      const platform = new VirtualPlatform({ startMs: 1_000, loading: toCalls({ status, body }) });
      const result = await wake(kind, platform);
      expect(result).toMatchObject({ ok: false, refusals: 1 });
      expect(result.reason).toBe(`status ${status}: Incorrect API key provided: [key]`);
      expect(platform.elapsedMs).toBeLessThan(1_000);
    },
  );

  it.each([
    [429, '{"error":{"message":"You exceeded it.","code":"insufficient_quota"}}'],
    [400, '{"error":{"message":"Billing hard limit","code":"billing_hard_limit_reached"}}'],
    [400, '{"error":{"message":"API key not valid. Please pass a valid API key."}}'],
  ])('fails at once where the account is refused (%i %s)', async (status, body) => {
    const platform = new VirtualPlatform({ startMs: 1_000, loading: toCalls({ status, body }) });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: false, refusals: 1 });
    expect(platform.elapsedMs).toBeLessThan(1_000);
  });

  it.each([
    [400, '{"error":"The endpoint is paused, ask a maintainer to restart it"}'],
    [404, 'modal-http: app for invoked web endpoint is stopped'],
    [404, '{"message":"This deployment was deactivated"}'],
  ])('ends after a few looks at one that a person has stopped (%i %s)', async (status, body) => {
    const loading = toCalls({ status, body });
    const platform = new VirtualPlatform({ startMs: Infinity, loading });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: false, refusals: 3 });
    expect(result.reason).toMatch(/paused|stopped|deactivated/);
    expect(platform.elapsedMs).toBeLessThan(10_000);
  });

  it('goes on where the answer "paused" does not stay', async () => {
    const loading = (request: PlatformRequest, sinceMs: number): Reaction =>
      isCall(request) && sinceMs < 400
        ? { status: 400, body: '{"error":"The endpoint is paused"}' }
        : { status: 503 };
    const platform = new VirtualPlatform({ startMs: 20_000, loading, up });
    expect(await wake(kind, platform)).toMatchObject({ ok: true });
  });

  it('costs its patience at most at a platform that answers garbage for ever, and says what', async () => {
    const loading = () => ({ status: 200, body: '<html>Hello</html>' });
    const platform = new VirtualPlatform({ startMs: Infinity, loading });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: false, reason: 'status 200: a page of HTML' });
    expect(result.tookMs).toBeLessThanOrEqual(PATIENCE_MS);
    expect(result.tookMs).toBeGreaterThan(PATIENCE_MS * 0.95);
    expect(platform.elapsedMs).toBe(result.tookMs);
    expect(platform.seen.length).toBeLessThan(250);
  });

  it('costs its patience at most at a platform that hangs for ever', async () => {
    const platform = new VirtualPlatform({ startMs: Infinity, loading: () => 'hang' });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: false, reason: 'no answer in time' });
    expect(platform.elapsedMs).toBeLessThan(PATIENCE_MS + 2);
    expect(platform.mostAtOnce).toBe(1);
  });

  it('is served by the first call where the platform holds it until it is up', async () => {
    const loading = (request: PlatformRequest): Reaction =>
      isCall(request) ? 'hold' : { status: 503 };
    const platform = new VirtualPlatform({ startMs: 29_000, loading, up });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: true, refusals: 0 });
    expect(platform.seen.filter(({ path }) => path.endsWith('completions'))).toHaveLength(1);
    expect(result.tookMs).toBeLessThan(30_000);
  });

  it('holds one call for half of its patience, for platforms that begin to load anew with each', async () => {
    // The load begins with the call, and ends with it where it is cancelled.
    const platform = new VirtualPlatform({ startMs: Infinity, loading: () => 'hang' });
    let held = 0;
    const io = {
      now: () => platform.now(),
      wait: (ms: number) => platform.wait(ms),
      send: async (request: PlatformRequest, target: EndpointTarget, limitMs: number) => {
        if (!isCall(request)) return platform.send(request, target, Math.min(limitMs, 5));
        held += 1;
        await platform.wait(Math.min(limitMs, 55_000));
        const answer = { status: 200, body: COMPLETION, isWhole: true };
        return limitMs < 55_000
          ? ({ kind: 'silent' } as const)
          : ({ kind: 'answered', answer } as const);
      },
    };
    const result = await wakeEndpoint(ADAPTERS['openai-generic'], TARGET, PATIENCE_MS, io);
    expect(result.ok).toBe(true);
    expect(held).toBeLessThan(10);
  });

  it('meets an endpoint that loses calls while it loads, and is warm for ten seconds at a time', async () => {
    // Each call that finds it cold begins a load of 20 s and is lost, as are those that follow.
    let readyAt = -Infinity;
    const platform = new VirtualPlatform({ startMs: Infinity, loading: () => 'hang' });
    const io = {
      now: () => platform.now(),
      wait: (ms: number) => platform.wait(ms),
      send: async (request: PlatformRequest, target: EndpointTarget, limitMs: number) => {
        if (!isCall(request)) return platform.send(request, target, Math.min(limitMs, 5));
        const now = platform.now();
        if (now > readyAt + 10_000) readyAt = now + 20_000;
        const isWarm = now >= readyAt;
        await platform.wait(isWarm ? 5 : limitMs);
        const answer = { status: 200, body: COMPLETION, isWhole: true };
        return isWarm ? ({ kind: 'answered', answer } as const) : ({ kind: 'silent' } as const);
      },
    };
    const result = await wakeEndpoint(ADAPTERS['openai-generic'], TARGET, PATIENCE_MS, io);
    expect(result.ok).toBe(true);
  });

  it('is not kept from an endpoint by a first call that gets lost', async () => {
    let lost = 0;
    const loading = (request: PlatformRequest): Reaction => {
      if (!isCall(request)) return { status: 503 };
      lost += 1;
      return lost > 1 ? { status: 503 } : 'hang';
    };
    const platform = new VirtualPlatform({ startMs: 20_000, loading, up });
    const result = await wake(kind, platform);
    expect(result).toMatchObject({ ok: true });
    expect(result.tookMs).toBeLessThanOrEqual(PATIENCE_MS / 4 + 1_000);
  });

  it('holds for any mixture of answers', async () => {
    const reaction = fc.constantFrom<Reaction>(...Object.values(LOADING));
    await fc.assert(
      fc.asyncProperty(
        fc.array(reaction, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 100_000 }),
        async (reactions, startMs) => {
          const loading = (request: PlatformRequest, _: number, count: number): Reaction =>
            isCall(request)
              ? (reactions[count % reactions.length] as Reaction)
              : { status: 503, body: '' };
          const platform = new VirtualPlatform({ startMs, loading, up });
          const result = await wake(kind, platform);
          expect(result).toMatchObject({ ok: true });
          expect(platform.isUp).toBe(true);
          expect(platform.mostAtOnce).toBe(1);
          expect(result.tookMs - startMs).toBeLessThan(Math.max(1_000, startMs * 0.05));
        },
      ),
      { numRuns: 150, seed: 16 },
    );
  });
});

describe('a wake', () => {
  it('asks a server without chat completions for a text or an embedding', async () => {
    const answers: Record<string, { status: number; body?: string }> = {
      '/embeddings': { status: 200, body: '{"data":[{"embedding":[0.1,0.2]}]}' },
    };
    const only = ({ url }: PlatformRequest) =>
      Object.entries(answers).find(([end]) => url.endsWith(end))?.[1] ?? {
        status: 404,
        body: '{"detail":"Not Found"}',
      };
    const platform = new VirtualPlatform({
      startMs: 10_000,
      loading: () => ({ status: 503 }),
      up: only,
    });
    expect(await wake('openai-generic', platform)).toMatchObject({ ok: true });
    expect(platform.elapsedMs).toBeLessThan(11_000);
    delete answers['/embeddings'];
    answers['/v1/completions'] = { status: 200, body: '{"choices":[{"text":"a"}]}' };
    const base = new VirtualPlatform({
      startMs: 10_000,
      loading: () => ({ status: 503 }),
      up: only,
    });
    expect(await wake('openai-generic', base)).toMatchObject({ ok: true });
  });

  it('believes a list of models only later, where the server does nothing else', async () => {
    const loading = () => undefined;
    const onlyModels = ({ url }: PlatformRequest) =>
      url.endsWith('/models')
        ? { status: 200, body: '{"data":[{"id":"m"}]}' }
        : { status: 404, body: '{"detail":"Not Found"}' };
    const platform = new VirtualPlatform({ startMs: 0, loading, up: onlyModels });
    const result = await wake('openai-generic', platform);
    expect(result).toMatchObject({ ok: true });
    expect(result.tookMs).toBeGreaterThanOrEqual(PATIENCE_MS / 4);
  });

  it('asks `readyPath` instead where one is configured', async () => {
    const platform = new VirtualPlatform({
      startMs: 5_000,
      loading: () => ({ status: 503 }),
      up: ({ url }) => (url === 'http://gpu.test/ready' ? { status: 200 } : { status: 404 }),
    });
    const target = { ...TARGET, readyPath: '/ready' };
    expect(await wake('openai-generic', platform, target)).toMatchObject({ ok: true });
    expect(new Set(platform.seen.map(({ path }) => path))).toEqual(new Set(['GET /ready']));
  });

  it('of a tool takes any answer of its own, but none of its platform', async () => {
    const tool: EndpointTarget = { url: 'http://gpu.test/tools', auth: {} };
    for (const status of [200, 204, 400, 401, 403, 404, 405, 422]) {
      const platform = new VirtualPlatform({
        startMs: 5_000,
        loading: () => ({ status: 502 }),
        up: () => ({ status, body: 'use POST' }),
      });
      const result = await wakeEndpoint(ADAPTERS['openai-generic'], tool, PATIENCE_MS, platform);
      expect([status, result.ok, platform.isUp]).toEqual([status, true, true]);
    }
    const sklearn = new VirtualPlatform({
      startMs: 5_000,
      loading: () => ({ status: 400, body: '{"error":"Model sklearn-iris is not ready yet."}' }),
    });
    const result = await wakeEndpoint(ADAPTERS['openai-generic'], tool, PATIENCE_MS, sklearn);
    expect(result).toMatchObject({ ok: true });
    expect(sklearn.isUp).toBe(true);
  });

  it('makes no call at a vLLM server that it could not wake', async () => {
    let failures = 3;
    const platform = new VirtualPlatform({
      startMs: 0,
      starts: ({ url }) => url.endsWith('/wake_up') && failures <= 0,
      loading: ({ url }) => {
        if (url.endsWith('/is_sleeping')) return { status: 200, body: '{"is_sleeping":true}' };
        failures -= 1;
        return url.endsWith('/wake_up') ? { status: 502 } : 'hang';
      },
      up,
    });
    expect(await wake('vllm', platform)).toMatchObject({ ok: true });
    const calls = platform.seen.filter(({ path }) => path.endsWith('completions'));
    expect(calls).toHaveLength(1);
  });

  it('tells a server to wake again that was put to sleep meanwhile', async () => {
    let asleep = true;
    let wakes = 0;
    const platform = new VirtualPlatform({
      startMs: Infinity,
      loading: ({ url }) => {
        if (url.endsWith('/is_sleeping')) {
          return { status: 200, body: `{"is_sleeping":${asleep}}` };
        }
        if (url.endsWith('/wake_up')) {
          wakes += 1;
          // Somebody puts it to sleep once more.
          asleep = wakes < 2;
          return { status: 200 };
        }
        return asleep ? { status: 500 } : { status: 200, body: COMPLETION };
      },
    });
    expect(await wake('vllm', platform)).toMatchObject({ ok: true });
    expect(wakes).toBe(2);
  });

  it('reports an endpoint whose platform says that it was deactivated', async () => {
    const target = { ...TARGET, statusUrl: 'http://api.test/deployment' };
    const platform = new VirtualPlatform({
      startMs: Infinity,
      loading: ({ url }) =>
        url === target.statusUrl
          ? { status: 200, body: '{"status":"INACTIVE"}' }
          : { status: 404, body: '{"error":"not found"}' },
    });
    expect(await wake('baseten', platform, target)).toMatchObject({ ok: false, refusals: 3 });
  });

  it('survives a clock that leaps', async () => {
    for (const leapMs of [3_600_000, -3_600_000]) {
      const platform = new VirtualPlatform({
        startMs: 20_000,
        loading: () => ({ status: 503 }),
        up,
      });
      let calls = 0;
      const io = {
        now: () => platform.now() + (calls > 10 ? leapMs : 0),
        wait: (ms: number) => platform.wait(ms),
        send: (...args: Parameters<VirtualPlatform['send']>) => {
          calls += 1;
          return platform.send(...args);
        },
      };
      const result = await wakeEndpoint(ADAPTERS['openai-generic'], TARGET, PATIENCE_MS, io);
      expect(result.ok).toBe(true);
      expect(Math.abs(result.tookMs - 20_000)).toBeLessThan(2_000);
    }
  });
});
