/**
 * Attempts of one call through the dispatcher: whether there is another one, where, and how many.
 */

import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import { RetryBudget } from '../../../../src/core/backends/retry-budget.ts';
import type { Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const FAULT: CallResult = { ...okResult(0), outcome: 'failed', endpointFault: true };
const BUSY: CallResult = { ...FAULT, endpointFault: false, busy: true };
const COLD: CallResult = { ...FAULT, endpointFault: false, cold: true };

function dispatcherWith(endpoints: BackendSpec['endpoints'], extra: Partial<BackendSpec> = {}) {
  const config = configOf({ policy: 'fcfs', slots: 1 });
  const [name = '', backend] = Object.entries(config.backends)[0] ?? [];
  if (!backend) throw new Error('no backend');
  const backends = { [name]: { ...backend, endpoints, ...extra } };
  return new Dispatcher({ ...config, backends }, { random: seededRandom(1) }, 0);
}

const TWO = [
  { id: 'a', slots: 4 },
  { id: 'b', slots: 4 },
];
const grants = (effects: readonly Effect[]) =>
  effects.flatMap((e) => (e.type === 'granted' ? [`${e.callId}@${e.endpoint}`] : []));
const submit = (d: Dispatcher, id: string, now: number) =>
  d.step([{ type: 'submitted', call: callRequest(id, { runId: id, arrivedAt: now }) }], now);
const again = (d: Dispatcher, callId: string, result: CallResult, now: number) =>
  d.step([{ type: 'ended', callId, result, again: true }], now);

describe('an attempt that failed', () => {
  it('is made again on the other endpoint, and each slot is given back once', () => {
    const d = dispatcherWith(TWO);
    const [first] = grants(submit(d, 'x', 0));
    const effects = again(d, 'x', FAULT, 10);
    expect(effects.filter((e) => e.type === 'released')).toHaveLength(1);
    expect(grants(effects)).toEqual([first === 'x@a' ? 'x@b' : 'x@a']);
    d.step([{ type: 'ended', callId: 'x', result: okResult(5) }], 20);
    for (const backend of d.backends.values()) expect(backend.pool.running).toBe(0);
  });

  it('is over where each endpoint has failed it, or its Worker does not ask', () => {
    const d = dispatcherWith(TWO);
    submit(d, 'x', 0);
    expect(grants(again(d, 'x', FAULT, 1))).toHaveLength(1);
    expect(grants(again(d, 'x', FAULT, 2))).toEqual([]);
    expect(d.call('x')).toBeUndefined();
    submit(d, 'y', 3);
    expect(grants(d.step([{ type: 'ended', callId: 'y', result: FAULT }], 4))).toEqual([]);
    expect(d.call('y')).toBeUndefined();
  });

  it('pauses after a refusal, alone; then it goes before calls that came after it', () => {
    const d = dispatcherWith([{ id: 'a', slots: 1 }]);
    submit(d, 'x', 0);
    for (const id of ['y', 'z']) submit(d, id, 1);
    expect(grants(again(d, 'x', { ...BUSY, retryAfterMs: 600 }, 10))).toEqual(['y@a']);
    expect(d.dueAt(10)).toBe(610);
    expect(grants(d.step([{ type: 'tick' }], 610))).toEqual([]);
    expect(grants(d.step([{ type: 'ended', callId: 'y', result: okResult(5) }], 620))).toEqual([
      'x@a',
    ]);
  });

  it.each([BUSY, COLD, { ...BUSY, retryAfterMs: 30_000 }])(
    'that is refused each time is made four times, then the refusal is final: %o',
    (result) => {
      const d = dispatcherWith([{ id: 'a', slots: 4 }]);
      submit(d, 'x', 0);
      let attempts = 1;
      let now = 0;
      while (d.call('x') && attempts < 50) {
        again(d, 'x', result, now + 1);
        now = Math.min(now + 60_000, d.dueAt(now + 1));
        if (d.call('x')) attempts += grants(d.step([{ type: 'tick' }], now)).length;
      }
      expect(attempts).toBe(4);
    },
  );

  it('is final at once if the endpoint asks for a pause of more than half a minute', () => {
    const d = dispatcherWith([{ id: 'a', slots: 4 }]);
    submit(d, 'x', 0);
    again(d, 'x', { ...BUSY, retryAfterMs: 31_000 }, 1);
    expect(d.call('x')).toBeUndefined();
  });

  it('that was refused goes at once to another endpoint that can take it', () => {
    const d = dispatcherWith(TWO);
    const [first] = grants(submit(d, 'x', 0));
    expect(grants(again(d, 'x', BUSY, 1))).toEqual([first === 'x@a' ? 'x@b' : 'x@a']);
  });

  it('takes from the retry budget after a fault', () => {
    const d = dispatcherWith(TWO);
    let attempts = 0;
    for (let i = 0; i < 400; i += 1) {
      const id = `c${i}`;
      const now = i * 60_000;
      submit(d, id, now);
      attempts += 1;
      attempts += grants(again(d, id, FAULT, now + 1)).length;
      d.step([{ type: 'cancelled', callId: id }], now + 2);
    }
    // Ten retries were in the budget, and each of 400 calls adds a tenth.
    expect(attempts - 400).toBeLessThanOrEqual(50);
    expect(attempts - 400).toBeGreaterThanOrEqual(45);
  });

  it('is final if its pause would exceed its longest wait', () => {
    const d = dispatcherWith([{ id: 'a', slots: 1 }], { maxWaitMs: 3_000 });
    submit(d, 'x', 0);
    again(d, 'x', COLD, 1_000);
    expect(d.call('x')).toBeDefined();
    d.step([{ type: 'tick' }], 2_000);
    again(d, 'x', COLD, 2_500);
    expect(d.call('x')).toBeUndefined();
  });
});

describe('a backend with another to fall back on', () => {
  it('refuses new and waiting calls at once while the circuit breakers of all its endpoints are open', () => {
    const d = dispatcherWith([{ id: 'a', slots: 1 }], { failover: true });
    for (const id of ['x', 'y', 'z']) {
      submit(d, id, 0);
      d.step([{ type: 'ended', callId: id, result: FAULT }], 0);
    }
    const refused = (effects: readonly Effect[]) =>
      effects.filter((e) => e.type === 'refused').map((e) => e.code);
    expect(refused(submit(d, 'w', 1))).toEqual(['backend_down']);
    // Half open: one trial call is let through.
    expect(grants(submit(d, 'v', 600))).toEqual(['v@a']);
    expect(refused(submit(d, 'u', 601))).toEqual([]);
    const down = d.step([{ type: 'ended', callId: 'v', result: FAULT }], 602);
    expect(refused(down)).toEqual(['backend_down']);
  });
});

describe('RetryBudget', () => {
  it('is a tenth of the calls, and ten at the start', () => {
    const budget = new RetryBudget();
    const spent = () => Array.from({ length: 100 }, () => budget.spend()).filter(Boolean).length;
    expect(spent()).toBe(10);
    for (let i = 0; i < 31; i += 1) budget.earn();
    expect(spent()).toBe(3);
    for (let i = 0; i < 1_000; i += 1) budget.earn();
    expect(spent()).toBe(10);
  });
});

describe('a call whose connection was lost before any byte', () => {
  const LOST: CallResult = { ...FAULT, mayBeCold: true, connectionLost: true };

  it('is sent once more to the only endpoint, and then counts', () => {
    const d = dispatcherWith([{ id: 'a', slots: 1 }]);
    expect(grants(submit(d, 'x', 0))).toEqual(['x@a']);
    expect(grants(again(d, 'x', LOST, 1))).toEqual(['x@a']);
    const effects = again(d, 'x', LOST, 2);
    expect(grants(effects)).toEqual([]);
    // The slot is free for the next call.
    expect(grants(submit(d, 'y', 3))).toEqual(['y@a']);
  });

  it('is no fault of the endpoint the first time', () => {
    const d = dispatcherWith([{ id: 'a', slots: 1 }]);
    for (let i = 0; i < 9; i += 1) {
      expect(grants(submit(d, `c${i}`, i))).toEqual([`c${i}@a`]);
      expect(grants(again(d, `c${i}`, LOST, i))).toEqual([`c${i}@a`]);
      d.step([{ type: 'ended', callId: `c${i}`, result: okResult(1) }], i);
    }
  });

  it('is sent again out of the retry budget only', () => {
    const d = dispatcherWith([{ id: 'a', slots: 100 }]);
    let sentAgain = 0;
    for (let i = 0; i < 50; i += 1) {
      submit(d, `c${i}`, i);
      const isAgain = grants(again(d, `c${i}`, LOST, i)).length > 0;
      if (isAgain) sentAgain += 1;
      d.step([{ type: 'ended', callId: `c${i}`, result: okResult(1) }], i);
    }
    expect(sentAgain).toBeLessThanOrEqual(15);
  });
});
