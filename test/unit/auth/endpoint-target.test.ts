/** How an endpoint's key is sent, and what of it no error may show. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { pingTargetOf, targetOf } from '../../../src/auth/endpoint-target.ts';
import { type TenantConfig, tenantSchema } from '../../../src/config/schema.ts';
import type { EndpointAddress } from '../../../src/endpoints/address.ts';

const ADDRESS: EndpointAddress = {
  url: 'https://gpu.example.com/v1',
  kind: 'modal',
  secret: 'GPU_KEY',
  includeUsage: true,
  timeouts: { firstByteMs: 1, idleMs: 1, totalMs: 1 },
};

const resolved = (key: string, fields: Partial<EndpointAddress>) =>
  targetOf({ ...ADDRESS, ...fields }, { GPU_KEY: key }, 't');

describe('a key of two parts', () => {
  it.each(['wk-Id12.ws-Secret34', 'wk-Id12:ws-Secret34', ' wk-Id12.ws-Secret34\n'])(
    'is sent in two headers (%j)',
    async (key) => {
      expect(await resolved(key, { authHeader: 'modal-key' })).toMatchObject({
        ok: true,
        target: {
          auth: { 'modal-key': 'wk-Id12', 'modal-secret': 'ws-Secret34' },
          key: 'ws-Secret34',
        },
      });
    },
  );

  it.each([
    'wk-Id12',
    'ws-Secret34',
    'wk-Id12.',
    'wk-Id12 ws-Secret34',
    'other.key',
    'wk-a.ws-b.c',
  ])('that lacks one is missing (%j)', async (key) => {
    const target = await resolved(key, { authHeader: 'modal-key' });
    expect(target).toEqual({ ok: false, missingSecret: 'GPU_KEY' });
  });
});

it.each([
  [{}, { authorization: 'Bearer k-1' }],
  [{ authScheme: 'Api-Key' }, { authorization: 'Api-Key k-1' }],
  [{ authHeader: 'x-api-key', authScheme: '' }, { 'x-api-key': 'k-1' }],
])('a key is sent as configured (%j)', async (fields, auth) => {
  expect(await resolved('k-1', fields)).toMatchObject({ target: { auth, key: 'k-1' } });
});

describe('a wake', () => {
  const { backends } = z.pick(tenantSchema, { backends: true }).parse({
    backends: {
      router: {
        models: ['large', 'small'],
        endpoints: [{ name: 'a', url: 'https://r.example.com/v1' }],
      },
      tool: { endpoints: [{ name: 'a', url: 'https://t.example.com/' }] },
    },
  });
  const config = { backends } as TenantConfig;
  it.each([
    ['router', 'small', 'small'],
    ['router', undefined, 'large'],
    // The configuration has changed since, or the name is no model's.
    ['router', 'gone', 'large'],
    ['tool', 'small', undefined],
  ])('of %s for the model %s asks for %s', async (backend, model, asked) => {
    const needed = model === undefined ? {} : { model };
    const ping = await pingTargetOf(config, { backend, endpoint: 'a', ...needed }, {}, 't');
    expect(ping?.target.model).toBe(asked);
  });
});
