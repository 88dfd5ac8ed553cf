/**
 * Jobs of two keys of one tenant on bare workerd: one key creates as many as it may, for endpoints
 * and webhook receivers that never answer; the other key's one job still runs, and its webhook is
 * sent.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes, yes').toString('base64')}`;

let dispatcher: Dispatcher;
let server: Server;
let url: string;
/** Requests that are held open, by path. */
const held: Array<{ readonly path: string; readonly res: ServerResponse }> = [];
const told: string[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    let text = '';
    req.on('data', (part) => {
      text += part;
    });
    req.once('end', () => {
      const path = req.url ?? '';
      if (path.includes('slow') || text.includes('greedy')) held.push({ path, res });
      else {
        if (path === '/hook') told.push(text);
        res.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|jobs_failed|job_not_settled/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

async function order(key: string, content: string, hook: string) {
  const response = await fetch(`${dispatcher.workerd.url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      path: '/v1/chat/completions',
      headers: { 'x-long': 'x'.repeat(4_000) },
      body: { model: 'm', messages: [{ role: 'user', content }] },
      webhook: { url: `${url}${hook}`, secret: SECRET },
    }),
  });
  return { status: response.status, json: (await response.json()) as { id: string } };
}

it('one key’s jobs, bytes and webhooks leave room for another key’s', async () => {
  const greedy = await dispatcher.tenant('greedy', {
    jobs: { concurrency: 8, totalBytes: 2_000_000, depth: 200 },
    backends: { m: { models: ['m'], endpoints: [{ url: `${url}/v1`, slots: 50 }] } },
  });
  const other = JSON.parse(await admin(dispatcher.workerd.url, 'POST', '/tenants/greedy/keys')).key;
  // Jobs that end at once, each with a webhook that is never answered.
  for (let i = 0; i < 20; i += 1) {
    expect((await order(greedy, 'quick', '/slow')).status).toBe(202);
  }
  await until(
    () => held.filter(({ path }) => path === '/slow').length,
    (n) => n >= 4,
  );
  // Then as many jobs that never end as it may have.
  let status = 202;
  for (let i = 0; i < 200 && status === 202; i += 1) {
    ({ status } = await order(greedy, 'greedy', '/slow'));
  }
  expect(status).toBe(429);
  await until(
    () => held.filter(({ path }) => path !== '/slow').length,
    (n) => n >= 6,
  );
  const { status: ordered, json } = await order(other, 'mine', '/hook');
  expect(ordered).toBe(202);
  const event = await until(
    () => told[0],
    (text) => text !== undefined,
  );
  expect(JSON.parse(event ?? '')).toMatchObject({
    type: 'job.completed',
    data: { id: json.id, response: { status_code: 200 } },
  });
  expect(held.filter(({ path }) => path !== '/slow')).toHaveLength(6);
});
