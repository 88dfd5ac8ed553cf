/**
 * No key can hurt another: whatever key A does, drawn from a seed, key B of the same tenant gets as
 * many slots as A while both wait, another tenant is served, nothing fails inside and no slot is lost.
 * Counted at the endpoint, so that nothing depends on how fast the machine is. TALARIA_E2E_GREEDY
 * draws more behaviours than CI does, TALARIA_E2E_GREEDY_SEED others.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import { ChosenEndpoint } from './chosen-endpoint.ts';
import { drawBehaviour, GreedyClient } from './greedy-client.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const BEHAVIOURS = Number(process.env.TALARIA_E2E_GREEDY ?? 20);
const SEED = Number(process.env.TALARIA_E2E_GREEDY_SEED ?? 15);
/** Calls of B beside each behaviour of A. */
const GOOD_CALLS = 30;
/** B's calls take so long, ms; none of A's takes less. */
const CALL_MS = 10;

let dispatcher: Dispatcher;
let other: ChosenEndpoint;
let otherKey: string;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  other = await new ChosenEndpoint().start();
  otherKey = await dispatcher.tenant('other', {
    backends: { m: { models: ['m'], endpoints: [{ url: other.url, slots: 2 }] } },
  });
});

afterAll(async () => {
  await dispatcher.close();
  await other.close();
});

/** A call of a client that does nothing odd. */
async function goodCall(key: string, who: string, onSent: () => void = () => {}): Promise<string> {
  const sent = fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'x-who': who, 'x-answer': `ok ${CALL_MS}` },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  onSent();
  const response = await sent;
  return `${response.status} ${response.ok ? (await response.arrayBuffer()) && '' : await response.text()}`;
}

async function behave(n: number): Promise<void> {
  const { url } = dispatcher.workerd;
  const random = seededRandom(SEED * 1_000 + n);
  const behaviour = drawBehaviour(random);
  const slots = [1, 2, 4][n % 3] ?? 1;
  const endpoint = await new ChosenEndpoint().start();
  const tenant = `greedy-${n}`;
  const coldStart = random() < 0.4 ? { coldStart: { estimateMs: 5_000 } } : {};
  const a = await dispatcher.tenant(tenant, {
    backends: {
      m: {
        models: ['m'],
        endpoints: [{ url: endpoint.url, slots, ...coldStart }],
      },
    },
    limits: { bodyBytes: 100_000 },
    prewarm: { mode: 'off' },
  });
  const b = JSON.parse(await admin(url, 'POST', `/tenants/${tenant}/keys`)).key;
  const what = `behaviour ${n} of seed ${SEED}: ${JSON.stringify({ ...behaviour, slots, ...coldStart })}`;

  const greedy = new GreedyClient(url, a, behaviour, random);
  greedy.start();
  await until(
    () => [...greedy.statuses.values()].reduce((sum, count) => sum + count, endpoint.of('a')),
    (seen) => seen > 0,
  );
  // B always has more calls outstanding than there are slots, so it waits all the time.
  const passed: number[] = [];
  const answers: string[] = [];
  let left = GOOD_CALLS;
  let [aBefore, bBefore, aAfter, bAfter] = [-1, 0, 0, 0];
  const loop = async () => {
    while (left > 0) {
      left -= 1;
      const from = endpoint.of('a');
      answers.push(await goodCall(b, 'b'));
      passed.push(endpoint.of('a') - from);
      if (aBefore < 0) [aBefore, bBefore] = [endpoint.of('a'), endpoint.of('b')];
      if (left > 0) [aAfter, bAfter] = [endpoint.of('a'), endpoint.of('b')];
    }
  };
  let isOver = false;
  const others: string[] = [];
  const otherLoop = (async () => {
    while (!isOver) others.push(await goodCall(otherKey, 'c'));
  })();
  const callers = 3 * slots;
  await Promise.all(Array.from({ length: callers }, loop));
  isOver = true;
  await otherLoop;
  await greedy.stop();
  endpoint.isKind = true;

  expect(new Set(answers), what).toEqual(new Set(['200 ']));
  expect(new Set(others), what).toEqual(new Set(['200 ']));
  // None of A's calls is shorter than B's, so of equal shares of time B has as many as A, or more.
  expect(aAfter - aBefore, what).toBeLessThanOrEqual(2 * (bAfter - bBefore) + 2 * slots);
  // So a call is passed by about as many of A's as of its own key's that are ahead of it.
  const sorted = passed.sort((x, y) => x - y);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Infinity;
  expect(p95, what).toBeLessThanOrEqual(2 * callers + 2 * slots);
  // A cancellation may reach the endpoint after the next call.
  const leaves = behaviour.actions.includes('leaving call');
  if (!leaves) expect(endpoint.maxRunning, what).toBeLessThanOrEqual(slots);
  expect(greedy.crashes, what).toEqual([]);
  await until(
    () => statusOf(url, tenant),
    (s) => s.m?.running === 0 && s.m.waiting === 0,
  );
  await endpoint.close();
}

it(`leaves another key its share, ${BEHAVIOURS} behaviours of seed ${SEED}`, async () => {
  for (let n = 0; n < BEHAVIOURS; n += 1) await behave(n);
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
}, 3_600_000);
