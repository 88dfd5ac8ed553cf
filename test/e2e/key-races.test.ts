/** Tenants that put the same key at once, on bare workerd: one gets it, and nobody can take it away. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher } from './harness.ts';

const RACES = 20;
const backends = { m: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } };

let dispatcher: Dispatcher;

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
});

function admin(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}/admin/tenants/${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

const put = (tenant: string, keys: object[]) => admin('PUT', tenant, { backends, keys });

/** The status of a request with the key for a call that does not exist. */
async function statusOf(key: string): Promise<number> {
  const response = await fetch(`${dispatcher.workerd.url}/v1/calls/none`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return response.status;
}

/** Three tenants put the same key at once; answers who got it and who did not. */
async function race(name: string) {
  const key = `key-${name}`;
  const sha256 = createHash('sha256').update(key).digest('hex');
  const tenants = ['a', 'b', 'c'].map((tenant) => `${tenant}-${name}`);
  const answers = await Promise.all(tenants.map((t) => put(t, [{ id: 'k', sha256 }])));
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400]);
  const winner = tenants[answers.findIndex(({ status }) => status === 201)] ?? '';
  for (const text of texts.filter((_, i) => tenants[i] !== winner)) {
    expect(JSON.parse(text).problems).toEqual([
      { param: 'keys[0].sha256', message: 'it is the key of another tenant' },
    ]);
  }
  return { key, sha256, winner, losers: tenants.filter((tenant) => tenant !== winner) };
}

it('of tenants that put the same key at once exactly one gets it', async () => {
  for (let i = 0; i < RACES; i += 1) await race(`${i}`);
});

it('the key of a tenant works whatever those do that did not get it, until it gives it up', async () => {
  const { key, sha256, winner, losers } = await race('last');
  for (const tenant of losers) {
    expect((await put(tenant, [])).status).toBe(201);
    expect((await admin('DELETE', tenant)).status).toBe(204);
  }
  // 404 is the answer to a key that is good.
  expect(await statusOf(key)).toBe(404);
  expect((await put(losers[0] ?? '', [{ id: 'k', sha256 }])).status).toBe(400);
  expect((await put(winner, [])).status).toBe(200);
  expect(await statusOf(key)).toBe(401);
  expect((await put(losers[1] ?? '', [{ id: 'k', sha256 }])).status).toBe(201);
});
