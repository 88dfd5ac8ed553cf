/** What a waiting call is told follows the order in force, and counts down. */
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

/** Each output token takes a second, so that a call of `maxOutputTokens: 8` takes 8 s. */
const SPEED = { inputMs: 0, outputMs: 1_000 };

function dispatcherOf(policy: 'fcfs' | 'app-fcfs' | 'gittins', fields = {}): Dispatcher {
  const backends = { llm: backendSpec({ slots: 1, speed: SPEED, ...fields }) };
  return new Dispatcher(configOf({ policy, backends }), { random: seededRandom(1) }, 0);
}

function submit(
  dispatcher: Dispatcher,
  callId: string,
  at: number,
  more: Partial<CallRequest> = {},
) {
  const call = callRequest(callId, { arrivedAt: at, maxOutputTokens: 8, ...more });
  return dispatcher.step([{ type: 'submitted', call }], at);
}

function placeOf(dispatcher: Dispatcher, callId: string, at: number) {
  const call = dispatcher.call(callId);
  return call && dispatcher.place(call, at);
}

describe('the place of a waiting call', () => {
  it('is behind the calls that go before it, with their work', () => {
    const dispatcher = dispatcherOf('fcfs');
    for (const [at, id] of ['running', 'a', 'b', 'c'].entries()) submit(dispatcher, id, at);
    const places = ['a', 'b', 'c'].map((id) => placeOf(dispatcher, id, 4));
    expect(places.map((place) => place?.position)).toEqual([1, 2, 3]);
    const [first = 0, second = 0, third = 0] = places.map((place) => place?.waitMs ?? 0);
    expect(first).toBeGreaterThan(4_000);
    expect(first).toBeLessThan(12_000);
    for (const more of [second - first, third - second]) {
      expect(more).toBeGreaterThan(5_000);
      expect(more).toBeLessThan(11_000);
    }
  });

  it('counts down while the call that runs goes on, and as others end', () => {
    const dispatcher = dispatcherOf('fcfs');
    submit(dispatcher, 'running', 0);
    submit(dispatcher, 'a', 0);
    submit(dispatcher, 'b', 0);
    const told = [0, 1_500, 3_000, 5_000].map((at) => placeOf(dispatcher, 'b', at)?.waitMs ?? 0);
    expect(told).toEqual([...told].sort((x, y) => y - x));
    expect((told[0] ?? 0) - (told[3] ?? 0)).toBeGreaterThan(3_000);
    const result = okResult(8, { serviceMs: 8_000 });
    dispatcher.step([{ type: 'ended', callId: 'running', result }], 8_000);
    expect(placeOf(dispatcher, 'b', 8_000)).toMatchObject({ position: 1 });
  });

  it.each(['fcfs', 'gittins'] as const)(
    'counts each slot that a call ahead takes, under %s',
    (policy) => {
      const waitBehind = (sequences: number) => {
        const dispatcher = dispatcherOf(policy, { endpoints: [{ id: 'e1', slots: 4 }] });
        for (let i = 0; i < 4; i += 1) submit(dispatcher, `running-${i}`, 0);
        for (let i = 0; i < 3; i += 1) submit(dispatcher, `wide-${i}`, 1, { sequences });
        submit(dispatcher, 'mine', 2, { maxOutputTokens: 80 });
        return placeOf(dispatcher, 'mine', 2)?.waitMs ?? 0;
      };
      // Three rounds of all four slots, against one round of three of them.
      expect(waitBehind(4) - waitBehind(1)).toBeGreaterThan(12_000);
      // A call takes no more slots than there are.
      expect(waitBehind(400)).toBe(waitBehind(4));
    },
  );

  it('is undefined of a call that has its slot', () => {
    const dispatcher = dispatcherOf('fcfs');
    submit(dispatcher, 'running', 0);
    expect(placeOf(dispatcher, 'running', 1)).toBeUndefined();
  });

  it('counts what other keys get in turn, whatever the length of their lines', () => {
    const dispatcher = dispatcherOf('fcfs');
    submit(dispatcher, 'running', 0, { keyId: 'busy' });
    for (let i = 0; i < 50; i += 1) submit(dispatcher, `b${i}`, 1, { keyId: 'busy' });
    submit(dispatcher, 'mine', 2, { keyId: 'other' });
    expect(placeOf(dispatcher, 'mine', 2)?.position).toBeLessThan(4);
    expect(placeOf(dispatcher, 'b49', 2)?.position).toBeGreaterThan(49);
  });

  it('includes the start of an endpoint that is cold', () => {
    const coldStart = { estimateMs: 30_000, idleTimeoutMs: 60_000 };
    const endpoints = [{ id: 'e1', slots: 1, coldStart }];
    const dispatcher = dispatcherOf('fcfs', { endpoints });
    submit(dispatcher, 'a', 0);
    const atFirst = placeOf(dispatcher, 'a', 0)?.waitMs ?? 0;
    expect(atFirst).toBeGreaterThanOrEqual(30_000);
    expect(placeOf(dispatcher, 'a', 10_000)?.waitMs).toBe(atFirst - 10_000);
  });
});

describe('a wake', () => {
  it('names the model of the call that goes next', () => {
    const coldStart = { estimateMs: 30_000, idleTimeoutMs: 60_000 };
    const dispatcher = dispatcherOf('fcfs', { endpoints: [{ id: 'e1', slots: 1, coldStart }] });
    const effects = submit(dispatcher, 'a', 0, { model: 'small' });
    expect(effects).toContainEqual(expect.objectContaining({ type: 'wake', model: 'small' }));
  });
});

describe('slots that an engine does not have', () => {
  it('are noticed by its own times and told once', () => {
    const dispatcher = dispatcherOf('fcfs', { endpoints: [{ id: 'e1', slots: 16 }] });
    for (let i = 0; i < 40; i += 1) submit(dispatcher, `c${i}`, i);
    const waited = { prefillMs: 500, decodeMs: 1_500, serviceMs: 8_000 };
    const told = [];
    for (let i = 0; i < 10; i += 1) {
      const event = { type: 'ended' as const, callId: `c${i}`, result: okResult(8, waited) };
      told.push(...dispatcher.step([event], 8_000 + i).filter((e) => e.type === 'slots-limited'));
    }
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ endpoint: 'e1', configured: 16, by: 'calls' });
    expect(dispatcher.backends.get('llm')?.endpoints.get('e1')?.slots.usable).toBeLessThan(9);
  });
});

describe('an engine that tells no times', () => {
  const coldStart = { estimateMs: 30_000, idleTimeoutMs: 60_000 };
  const ended = (n: number) => ({
    type: 'ended' as const,
    callId: `c${n}`,
    result: okResult(8, { serviceMs: 8_000 }),
  });

  it('is asked beside its calls, and gets as many as it says that it has slots for', () => {
    const dispatcher = dispatcherOf('fcfs', { endpoints: [{ id: 'e1', slots: 16 }] });
    for (let i = 0; i < 40; i += 1) submit(dispatcher, `c${i}`, i);
    const effects = dispatcher.step([ended(0)], 8_000);
    const order = { backend: 'llm', endpoint: 'e1' };
    expect(effects).toContainEqual({ type: 'ask-load', ...order });
    expect(dispatcher.step([ended(1)], 8_100)).not.toContainEqual(
      expect.objectContaining({ type: 'ask-load' }),
    );
    const load = { slots: 4, running: 4, waiting: 12 };
    const told = dispatcher.step([{ type: 'load-told', ...order, load }], 8_200);
    expect(told).toEqual([
      { type: 'slots-limited', ...order, configured: 16, usable: 4, by: 'engine' },
    ]);
    const endpoint = dispatcher.backends.get('llm')?.endpoints.get('e1');
    for (let i = 2; i < 20; i += 1) dispatcher.step([ended(i)], 8_300 + i);
    expect(endpoint?.slots.inFlight).toBe(4);
    expect(endpoint?.slots.limitedBy).toBe('engine');
  });

  it('is not asked while it is cold, alone with a call, or has failed one', () => {
    const dispatcher = dispatcherOf('fcfs', { endpoints: [{ id: 'e1', slots: 8, coldStart }] });
    for (let i = 0; i < 3; i += 1) submit(dispatcher, `c${i}`, i);
    const order = { backend: 'llm', endpoint: 'e1' };
    dispatcher.step([{ type: 'wake-answered', ...order, ok: true, tookMs: 9 }], 10);
    const failed = { ...ended(0), result: { ...ended(0).result, outcome: 'failed' as const } };
    const asks = [failed, ended(1), ended(2)].flatMap((event, i) =>
      dispatcher.step([event], 20 + i),
    );
    expect(asks).not.toContainEqual(expect.objectContaining({ type: 'ask-load' }));
  });

  it('may answer when it is not configured any more', () => {
    const dispatcher = dispatcherOf('fcfs', { endpoints: [{ id: 'e1', slots: 8 }] });
    for (const order of [
      { backend: 'llm', endpoint: 'gone' },
      { backend: 'gone', endpoint: 'e1' },
    ]) {
      expect(dispatcher.step([{ type: 'load-told', ...order, load: { slots: 1 } }], 1)).toEqual([]);
    }
  });
});

describe('in an order that a run keeps', () => {
  it('a wait holds what the runs ahead are yet to ask', () => {
    const waitOf = (policy: 'app-fcfs' | 'fcfs') => {
      const dispatcher = dispatcherOf(policy);
      const unit = llm('unit', [8]);
      for (let i = 0; i < 30; i += 1) {
        dispatcher.models.learn(runOf('loop', unit, unit, unit, unit), i, dispatcher.speeds);
      }
      submit(dispatcher, 'running', 0);
      submit(dispatcher, 'ahead', 0, { app: 'loop' });
      submit(dispatcher, 'last', 1);
      return placeOf(dispatcher, 'last', 1)?.waitMs ?? 0;
    };
    expect(waitOf('app-fcfs') - waitOf('fcfs')).toBeGreaterThan(8_000);
  });
});

describe('the expected wait of a backend', () => {
  function busy(calls: number, policy: 'fcfs' | 'gittins' = 'fcfs') {
    const dispatcher = dispatcherOf(policy);
    submit(dispatcher, 'first', 0);
    const result = okResult(8, { serviceMs: 8_000 });
    dispatcher.step([{ type: 'ended', callId: 'first', result }], 8_000);
    for (let i = 0; i < calls; i += 1) submit(dispatcher, `c${i}`, 8_000);
    return dispatcher;
  }

  function waitMs(dispatcher: Dispatcher, at: number): number {
    return dispatcher.backends.get('llm')?.waits.lastMs(at) ?? Number.NaN;
  }

  it('is that of a call that goes after all that wait', () => {
    const dispatcher = busy(5);
    const told = waitMs(dispatcher, 8_000);
    submit(dispatcher, 'last', 8_000);
    expect(placeOf(dispatcher, 'last', 8_000)?.waitMs).toBeCloseTo(told, 6);
    expect(told).toBeGreaterThan(4 * 8_000);
  });

  it('counts down while the call that runs goes on, in any order', () => {
    for (const policy of ['fcfs', 'gittins'] as const) {
      const dispatcher = busy(3, policy);
      const before = waitMs(dispatcher, 8_000);
      expect(before - waitMs(dispatcher, 13_000)).toBeGreaterThan(3_000);
    }
  });

  it('is 0 while a slot is free', () => {
    expect(waitMs(busy(0), 8_000)).toBe(0);
    expect(waitMs(busy(1), 8_000)).toBeGreaterThan(0);
  });
});
