/**
 * One key's call that its endpoint refuses, answers as cold or forbids, next to another key's
 * normal calls at the same backend: it is tried a few times at most, it wakes nothing twice, and
 * every call of the other key is served.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Answer, ChosenEndpoint } from './chosen-endpoint.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const SLOTS = 4;
const GOOD_CALLS = 60;
/** The most attempts of a call: the first one, and three after refusals. */
const MOST_ATTEMPTS = 4;

let dispatcher: Dispatcher;
const endpoints: ChosenEndpoint[] = [];
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
});

interface Scene {
  readonly tenant: string;
  readonly endpoint: ChosenEndpoint;
  /** A call of key A that gets this answer. */
  bad(answer: Answer, headers?: Record<string, string>): Promise<Response>;
  /** Calls of key B, eight at a time; returns the statuses of their answers. */
  good(count?: number): Promise<number[]>;
}

async function scene(more: object = {}, kind: 'chat' | 'tool' = 'tool'): Promise<Scene> {
  const endpoint = await new ChosenEndpoint().start();
  endpoints.push(endpoint);
  tenants += 1;
  const tenant = `bad-call-${tenants}`;
  const a = await dispatcher.tenant(tenant, {
    backends: { m: { models: ['m'], endpoints: [{ url: endpoint.url, slots: SLOTS, ...more }] } },
    prewarm: { mode: 'off' },
  });
  const b = JSON.parse(await admin(dispatcher.workerd.url, 'POST', `/tenants/${tenant}/keys`)).key;
  const path = kind === 'tool' ? '/v1/backends/m/x' : '/v1/chat/completions';
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
  const call = (key: string, headers: Record<string, string>) =>
    fetch(`${dispatcher.workerd.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body,
    });
  return {
    tenant,
    endpoint,
    bad: (answer, headers = {}) =>
      call(a, { 'x-who': 'a', 'x-call': 'a', 'x-answer': answer, ...headers }),
    good: async (count = GOOD_CALLS) => {
      const statuses: number[] = [];
      let left = count;
      const loop = async () => {
        while (left > 0) {
          left -= 1;
          const answer = await call(b, { 'x-who': 'b', 'x-answer': 'ok 5' });
          await answer.text();
          statuses.push(answer.status);
        }
      };
      await Promise.all(Array.from({ length: 2 * SLOTS }, loop));
      return statuses;
    },
  };
}

function served(count = GOOD_CALLS): number[] {
  return Array.from({ length: count }, () => 200);
}

async function allFree(tenant: string): Promise<void> {
  await until(
    () => statusOf(dispatcher.workerd.url, tenant),
    (s) => s.m?.running === 0 && s.m.waiting === 0,
  );
}

// Most of the time of these is pauses of a call, so they run at once.
describe.concurrent('one call that its endpoint refuses', () => {
  const turnedAway: ReadonlyArray<[Answer, string]> = [
    ['429 0', 'upstream_busy'],
    ['503 0', 'backend_warming'],
    ['529 0', 'upstream_busy'],
    ['429 0 3600', 'upstream_busy'],
    ['503 0 3600', 'backend_warming'],
  ];

  it.each(turnedAway)(
    'with %s, is tried four times at most, and no other call waits for it',
    async (answer, code) => {
      const { endpoint, bad, good, tenant } = await scene();
      // A short longest wait, so that its pauses end within the test.
      const refused = bad(answer, { 'x-talaria-max-wait-ms': '4000' });
      await until(
        () => endpoint.of('a'),
        (n) => n > 0,
      );
      // More calls of the other key, until the bad call has its final answer.
      let statuses: number[] = [];
      let isOver = false;
      const over = refused.then(() => {
        isOver = true;
      });
      do statuses = statuses.concat(await good());
      while (!isOver);
      await over;
      expect(statuses).toEqual(served(statuses.length));
      const response = await refused;
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).not.toBeNull();
      expect(((await response.json()) as { error: { code: string } }).error.code).toBe(code);
      expect(endpoint.of('a')).toBeLessThanOrEqual(MOST_ATTEMPTS);
      expect(Number(response.headers.get('x-talaria-attempts'))).toBe(endpoint.of('a'));
      await allFree(tenant);
    },
  );

  it('and asks for half a minute, delays itself and not the endpoint', async () => {
    const { endpoint, bad, good } = await scene();
    const refused = bad('429 0 30');
    await until(
      () => endpoint.of('a'),
      (n) => n > 0,
    );
    const statuses = await good();
    // It is still in its pause: it was sent once, and all others were served meanwhile.
    expect(endpoint.of('a')).toBe(1);
    expect(statuses).toEqual(served());
    refused.catch(() => {});
  });

  it('as a job, delays only itself as well', async () => {
    const { endpoint, good, tenant } = await scene();
    const { url } = dispatcher.workerd;
    const key = JSON.parse(await admin(url, 'POST', `/tenants/${tenant}/keys`)).key;
    const headers = { authorization: `Bearer ${key}` };
    const ordered = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        path: '/v1/backends/m/x',
        headers: { 'x-who': 'a', 'x-answer': '503 0 30' },
      }),
    });
    expect(ordered.status).toBe(202);
    const { id } = (await ordered.json()) as { id: string };
    await until(
      () => endpoint.of('a'),
      (n) => n > 0,
    );
    expect(await good()).toEqual(served());
    expect(endpoint.of('a')).toBe(1);
    await fetch(`${url}/v1/jobs/${id}`, { method: 'DELETE', headers });
  });
});

describe('one call that is answered as if its endpoint were cold', () => {
  const coldStart = { estimateMs: 20_000, idleTimeoutMs: 600_000 };

  it('wakes it once, changes nothing learned, and gets its answer', async () => {
    const { endpoint, bad, good, tenant } = await scene({ coldStart });
    // The first wake is for a call that is served, so the endpoint is warm.
    expect(await good(8)).toEqual(served(8));
    const wakesBefore = endpoint.wakes;
    const refused = bad('503 0', { 'x-talaria-max-wait-ms': '4000' });
    let statuses: number[] = [];
    let isOver = false;
    const over = refused.then(() => {
      isOver = true;
    });
    do statuses = statuses.concat(await good());
    while (!isOver);
    await over;
    expect(statuses).toEqual(served(statuses.length));
    expect(endpoint.of('a')).toBeLessThanOrEqual(MOST_ATTEMPTS);
    expect(endpoint.wakes - wakesBefore).toBeLessThanOrEqual(1);
    expect((await refused).status).toBe(503);
    await expectNothingLearned(tenant);
  });

  it('wakes it at most twice if there are no other calls', async () => {
    const { endpoint, bad, tenant } = await scene({ coldStart });
    const response = await bad('503 0', { 'x-talaria-max-wait-ms': '3000' });
    expect(response.status).toBe(503);
    expect(endpoint.of('a')).toBeLessThanOrEqual(MOST_ATTEMPTS);
    expect(Number(response.headers.get('x-talaria-attempts'))).toBe(endpoint.of('a'));
    // One wake for the call that came to a cold endpoint, and one for its answer.
    expect(endpoint.wakes).toBeLessThanOrEqual(2);
    await expectNothingLearned(tenant);
  });

  it('a dozen at a time and repeatedly, wakes it only a few times', async () => {
    const { endpoint, bad, good, tenant } = await scene({ coldStart });
    expect(await good(8)).toEqual(served(8));
    const wakesBefore = endpoint.wakes;
    let isOver = false;
    const flood = Array.from({ length: 12 }, async () => {
      while (!isOver) await (await bad('503 0', { 'x-talaria-max-wait-ms': '100' })).text();
    });
    const statuses = await good(GOOD_CALLS);
    isOver = true;
    await Promise.all(flood);
    expect(statuses).toEqual(served(GOOD_CALLS));
    expect(endpoint.wakes - wakesBefore).toBeLessThanOrEqual(3);
    await expectNothingLearned(tenant);
  });

  /** A wake that is answered at once must not change the learned length of a cold start. */
  async function expectNothingLearned(tenant: string): Promise<void> {
    const { url } = dispatcher.workerd;
    const status = JSON.parse(await admin(url, 'GET', `/tenants/${tenant}/status`));
    expect(status.backends.m.endpoints[0].cold_start_ms).toBe(coldStart.estimateMs);
  }
});

describe('prompts that a filter answers 403', () => {
  it('get that answer, and make the backend unavailable to no other call', async () => {
    const { endpoint, bad, good, tenant } = await scene({}, 'chat');
    let isOver = false;
    const seen = new Set<number>();
    const flagged = Array.from({ length: 2 }, async () => {
      while (!isOver) {
        const response = await bad('403 0');
        await response.text();
        seen.add(response.status);
      }
    });
    const statuses = await good();
    isOver = true;
    await Promise.all(flagged);
    expect(statuses).toEqual(served());
    // The status of the filter each time, and never that the backend is unavailable.
    expect([...seen]).toEqual([403]);
    expect(endpoint.maxRunning).toBeLessThanOrEqual(SLOTS);
    await allFree(tenant);
  });
});
