/**
 * Requests that take no slot: how many run at once, which endpoint they go to, and the effect of a
 * refusal.
 */
import { describe, expect, it } from 'vitest';
import { SideCalls } from '../../../../durable-objects/tenant/side-calls.ts';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, configOf } from '../../../dispatch-builders.ts';

const BOUNDS = { ofKey: 2, atEndpoint: 3 };
const COLD = { estimateMs: 8_000, idleTimeoutMs: 60_000 };

function newBackend(endpoints: BackendSpec['endpoints'] = [{ id: 'e1', slots: 1 }]) {
  const config = configOf({ backends: { llm: backendSpec({ endpoints }) } });
  const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  const backend = dispatcher.backends.get('llm');
  if (!backend) throw new Error('no backend');
  const sideCalls = new SideCalls();
  const choose = (keyId: string, now = 0) => sideCalls.choose(keyId, backend, BOUNDS, now);
  const begin = (keyId: string, now = 0) => {
    const chosen = choose(keyId, now);
    if ('status' in chosen) throw new Error(chosen.code);
    return sideCalls.begin(keyId, backend, chosen.endpoint, 1_000, now);
  };
  const wake = (endpoint: string, now: number) =>
    dispatcher.step([{ type: 'wake-answered', backend: 'llm', endpoint, ok: true }], now);
  return { dispatcher, backend, sideCalls, choose, begin, wake };
}

const idOf = (chosen: object) =>
  (chosen as { endpoint?: { spec: { id: string } } }).endpoint?.spec.id;

describe('places for requests without a slot', () => {
  it('are bounded for each key, and each is given up once', () => {
    const { sideCalls, choose, begin } = newBackend();
    const first = begin('a');
    begin('a');
    expect(choose('a')).toMatchObject({ code: 'rate_limit_exceeded', retryAfterMs: 1_000 });
    expect(choose('a')).toMatchObject({ detail: expect.stringContaining('2 requests') });
    expect(idOf(choose('b'))).toBe('e1');
    expect(first(undefined, 10)).toBe(true);
    expect(first({}, 10)).toBe(false);
    expect(sideCalls.counts()).toEqual([['a', 1]]);
    expect(idOf(choose('a'))).toBe('e1');
  });

  it('are bounded at each endpoint', () => {
    const { choose, begin } = newBackend();
    for (const key of ['a', 'b', 'c']) begin(key);
    expect(choose('d')).toMatchObject({ code: 'queue_full', retryAfterMs: 1_000 });
    expect(choose('d')).toMatchObject({ detail: expect.stringContaining('3 requests') });
  });

  it('are freed after a time if they are not given up', () => {
    const { sideCalls, choose, begin } = newBackend();
    begin('a');
    const second = begin('a', 500);
    expect(choose('a', 999)).toMatchObject({ code: 'rate_limit_exceeded' });
    expect(idOf(choose('a', 1_000))).toBe('e1');
    expect(sideCalls.counts()).toEqual([['a', 1]]);
    choose('a', 1_500);
    expect(second({}, 1_600)).toBe(false);
    expect(sideCalls.counts()).toEqual([]);
  });
});

describe('the endpoint for a request without a slot', () => {
  it('is rather one that never goes cold than one that the request would keep warm', () => {
    const { wake, choose } = newBackend([
      { id: 'cold', slots: 1, coldStart: COLD },
      { id: 'always', slots: 1 },
    ]);
    wake('cold', 0);
    expect(idOf(choose('a'))).toBe('always');
  });

  it('is none while all are cold, and nothing is woken', () => {
    const { dispatcher, choose, wake } = newBackend([{ id: 'e1', slots: 1, coldStart: COLD }]);
    expect(choose('a')).toMatchObject({ code: 'backend_warming', retryAfterMs: 8_000 });
    expect(dispatcher.step([{ type: 'tick' }], 1)).toEqual([]);
    wake('e1', 2);
    expect(idOf(choose('a', 2))).toBe('e1');
    dispatcher.step([{ type: 'tick' }], 60_002);
    expect(choose('a', 60_002)).toMatchObject({ code: 'backend_warming' });
  });

  it('stays warm by it, as on the platform, but does not count as serving', () => {
    const { dispatcher, backend, wake } = newBackend([{ id: 'e1', slots: 1, coldStart: COLD }]);
    wake('e1', 0);
    const endpoint = backend.endpoints.get('e1');
    const servedAt = endpoint?.lastServedAt;
    const used = (now: number) =>
      dispatcher.step([{ type: 'side-call', backend: 'llm', endpoint: 'e1' }], now);
    used(50_000);
    dispatcher.step([{ type: 'tick' }], 100_000);
    expect(endpoint?.state).toBe('warm');
    expect(endpoint?.lastServedAt).toBe(servedAt);
    dispatcher.step([{ type: 'tick' }], 110_000);
    expect(endpoint?.state).toBe('cold');
    // It wakes nothing, and a backend that no longer exists is no error.
    used(120_000);
    expect(endpoint?.state).toBe('cold');
    dispatcher.step([{ type: 'side-call', backend: 'gone', endpoint: 'e1' }], 130_000);
  });

  it('that refused a key gets no more requests of that key, and of no key after refusing two', () => {
    const { choose, begin } = newBackend();
    begin('a')({ turnedAway: true, retryAfterMs: 5_000 }, 0);
    expect(choose('a')).toMatchObject({ code: 'upstream_busy', retryAfterMs: 5_000 });
    expect(idOf(choose('b'))).toBe('e1');
    begin('b')({ turnedAway: true }, 0);
    expect(choose('c')).toMatchObject({ code: 'upstream_busy', retryAfterMs: 1_000 });
    expect(idOf(choose('c', 1_000))).toBe('e1');
    expect(choose('a', 1_000)).toMatchObject({ retryAfterMs: 4_000 });
    expect(idOf(choose('a', 5_000))).toBe('e1');
  });

  it('cannot ask for a pause without end', () => {
    const { choose, begin } = newBackend();
    begin('a')({ turnedAway: true, retryAfterMs: 1e12 }, 0);
    expect(choose('a')).toMatchObject({ retryAfterMs: 30_000 });
  });
});
