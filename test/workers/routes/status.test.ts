/** `GET /readyz` waits for a tenant if the Worker's bindings name one. */
import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { app } from '../../../src/app.ts';

async function ready(bindings: object): Promise<{ status: number; body: unknown }> {
  const request = new Request('https://talaria.test/readyz');
  const response = await app.fetch(request, { ...env, ...bindings }, createExecutionContext());
  return { status: response.status, body: await response.json() };
}

const WAITING = { status: 503, body: { status: 'not ready', cause: 'tenant ready-1' } };
const READY = { status: 200, body: { status: 'ready' } };

it('is ready at once if no tenant is named', async () => {
  expect(await ready({})).toEqual(READY);
});

it('is ready when the tenant is configured in the named version', async () => {
  const bindings = { READY_TENANT: 'ready-1', READY_VERSION: '5' };
  expect(await ready(bindings)).toEqual(WAITING);
  const put = (version: number) =>
    env.TENANTS.put('tenant:ready-1', JSON.stringify({ version, config: { backends: {} } }));
  await put(4);
  expect(await ready(bindings)).toEqual(WAITING);
  await put(5);
  expect(await ready(bindings)).toEqual(READY);
});
