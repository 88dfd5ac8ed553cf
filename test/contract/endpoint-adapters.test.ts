/** The contract of every platform's endpoint adapter, tested on an emulation of each platform. */
import { afterEach, describe, expect, it } from 'vitest';
import * as behaviours from '../../scripts/gpu/platforms/behaviours.ts';
import { type Behaviour, Platform } from '../../scripts/gpu/platforms/platform.ts';
import { pingTargetOf } from '../../src/auth/endpoint-target.ts';
import { parseTenantConfig } from '../../src/config/parse.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { ADAPTERS, type EndpointKind } from '../../src/endpoints/registry.ts';
import { releaseEndpoint } from '../../src/endpoints/release.ts';
import { wakeEndpoint } from '../../src/endpoints/wake.ts';

const PLATFORMS: Readonly<Record<EndpointKind, Behaviour>> = {
  'openai-generic': behaviours.generic,
  vllm: behaviours.vllm,
  runpod: behaviours.runpod,
  'runpod-lb': behaviours.runpodLoadBalancer,
  modal: behaviours.modal,
  baseten: behaviours.baseten,
  hf: behaviours.huggingFace,
};

const PING = { backend: 'm', endpoint: 'e' };
const SECRETS = { GPU_KEY: 'secret-key' };
let platform: Platform | undefined;

afterEach(async () => {
  await platform?.close();
  platform = undefined;
});

function configFor(kind: EndpointKind, at: Platform): TenantConfig {
  const parsed = parseTenantConfig(
    {
      backends: {
        m: {
          models: ['m'],
          endpoints: [
            {
              name: 'e',
              url: at.url,
              kind,
              auth: { secret: 'GPU_KEY' },
              coldStart: {},
              ...(kind === 'baseten'
                ? { statusUrl: `${at.origin}/v1/models/m/deployments/d1` }
                : {}),
            },
          ],
        },
      },
    },
    { development: true },
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

async function found(config: TenantConfig) {
  const target = await pingTargetOf(config, PING, SECRETS, '');
  if (!target) throw new Error('the endpoint has no target');
  return target;
}

async function wake(config: TenantConfig, mostMs = Infinity) {
  const { adapter, target, patienceMs } = await found(config);
  return wakeEndpoint(adapter, target, Math.min(patienceMs, mostMs));
}

async function release(config: TenantConfig) {
  const { adapter, target } = await found(config);
  return releaseEndpoint(adapter, target);
}

describe.each(Object.keys(PLATFORMS) as EndpointKind[])('%s', (kind) => {
  const start = async (state: Platform['state'], looks?: number) => {
    platform = await new Platform(PLATFORMS[kind], state, looks).start();
    return { platform, config: configFor(kind, platform) };
  };

  it('wakes a cold endpoint once, and is done when a real call was served', async () => {
    const { platform, config } = await start('cold', 1);
    const { ok, tookMs } = await wake(config);
    expect(ok).toBe(true);
    expect(tookMs).toBeGreaterThanOrEqual(0);
    expect(platform.starts).toBe(1);
    expect(platform.state).toBe('up');
    const last = platform.seen.at(-1);
    expect(last).toMatch(kind === 'modal' ? /chat\/completions/ : /^POST .*\/chat\/completions$/);
  });

  it('finds a warm endpoint warm by one call, and starts nothing', async () => {
    const { platform, config } = await start('up');
    expect(await wake(config)).toMatchObject({ ok: true });
    expect(platform.starts).toBe(0);
    expect(platform.seen.filter((r) => r.endsWith('/chat/completions'))).toHaveLength(1);
  });

  it('sends its key with everything', async () => {
    const { platform, config } = await start('cold', 1);
    await wake(config);
    // Includes requests after a redirect, which carry the key only to the same URL.
    expect(new Set(platform.authorizations)).toEqual(new Set(['Bearer secret-key']));
  });

  it('classifies the answer of a cold endpoint as cold, not as a fault or the client’s error', async () => {
    const { platform } = await start('cold');
    const behaviour = PLATFORMS[kind];
    const request = { method: 'POST', path: '/v1/chat/completions' };
    for (const state of ['cold', 'waking'] as const) {
      const { status, body = '' } = behaviour.answer(request, state);
      expect([state, ADAPTERS[kind].classify(status, body, false)]).toEqual([state, 'cold']);
    }
    expect(platform.starts).toBe(0);
  });

  it('tells busy, broken and rejected apart', () => {
    const { classify } = ADAPTERS[kind];
    expect(classify(429, '', false)).toBe('busy');
    expect(classify(503, '{"error_type":"overloaded"}', false)).toBe('busy');
    expect(classify(503, 'The request queue is full.', false)).toBe('busy');
    expect(classify(500, 'CUDA error', false)).toBe('broken');
    expect(classify(501, 'This server does not support embeddings.', false)).toBe('rejected');
    expect(classify(529, '{"type":"error"}', false)).toBe('busy');
    expect(classify(401, '', false)).toBe('denied');
    expect(classify(402, '', false)).toBe('denied');
    expect(classify(429, '{"error":{"code":"insufficient_quota"}}', false)).toBe('denied');
    expect(classify(403, '', false)).toBe('forbidden');
    expect(classify(401, '', true)).toBe('rejected');
    expect(classify(403, '', true)).toBe('rejected');
    expect(classify(422, 'no such field', false)).toBe('rejected');
    expect(classify(404, '', false)).toBe('rejected');
  });

  it('leaves open whether an endpoint is not up or is asked for what it does not have', () => {
    const { classify } = ADAPTERS[kind];
    const noModel = '{"object":"error","message":"The model `m` does not exist.","code":404}';
    const notReady = '{"error":"Model m is not ready yet."}';
    expect(classify(404, noModel, false)).toBe('unready');
    expect(classify(404, noModel, true)).toBe('rejected');
    expect(classify(400, notReady, false)).toBe('unready');
    expect(classify(400, notReady, true)).toBe('unready');
    expect(classify(400, '{"error":"The endpoint is paused"}', false)).toBe('unready');
    expect(classify(400, '{"error":{"message":"max_tokens is too large"}}', false)).toBe(
      'rejected',
    );
    expect(classify(422, notReady, false)).toBe('rejected');
  });

  it('neither wakes nor throws for an endpoint that refuses connections', async () => {
    const { platform: gone, config } = await start('cold');
    await gone.close();
    const result = await wake(config, 300);
    expect(result.ok).toBe(false);
    expect(result.reason).toMatch(/^(it could not be reached|no answer in time)$/);
    platform = undefined;
  });

  it('puts the endpoint to sleep where the platform has a request for it, and reports that', async () => {
    const { platform, config } = await start('up');
    const { ok } = await release(config);
    expect(ok).toBe('sleep' in ADAPTERS[kind]);
    expect(platform.state).toBe(ok ? 'cold' : 'up');
  });
});
