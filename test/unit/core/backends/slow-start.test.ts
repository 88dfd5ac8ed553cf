/** Slow start: an endpoint that has just woken gets few calls at first, then more, and soon all. */
import { describe, expect, it } from 'vitest';
import { nextOpeningMs, openSlots } from '../../../../src/core/backends/slow-start.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

describe('openSlots', () => {
  it('opens a quarter at first, doubles each other second, and ends at all', () => {
    expect([0, 1_999, 2_000, 4_000, 60_000].map((ms) => openSlots(16, ms, 0))).toEqual([
      4, 4, 8, 16, 16,
    ]);
    expect(openSlots(1, 0, 0)).toBe(1);
    expect(openSlots(Infinity, 0, 0)).toBe(Infinity);
  });

  it('opens one more for each call that was served', () => {
    expect(openSlots(16, 0, 3)).toBe(7);
    expect(openSlots(16, 0, 100)).toBe(16);
  });

  it('says when it opens more', () => {
    expect([0, 1_999, 2_000, 2_001].map(nextOpeningMs)).toEqual([2_000, 2_000, 4_000, 4_000]);
  });
});

describe('an endpoint that just woke', () => {
  function woken(slowStart: boolean): Dispatcher {
    const coldStart = { estimateMs: 1_000, idleTimeoutMs: 60_000, slowStart };
    const llm = backendSpec({ endpoints: [{ id: 'e1', slots: 8, coldStart }] });
    const dispatcher = new Dispatcher(
      configOf({ backends: { llm } }),
      { random: seededRandom(1) },
      0,
    );
    const calls = Array.from({ length: 20 }, (_, i) => ({
      type: 'submitted' as const,
      call: callRequest(`c${i}`),
    }));
    dispatcher.step(calls, 0);
    dispatcher.step(
      [{ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs: 1_000 }],
      1_000,
    );
    return dispatcher;
  }

  const running = (dispatcher: Dispatcher) => dispatcher.backends.get('llm')?.pool.running;

  it('is given a quarter of its slots, then more by itself, when the clock says so', () => {
    const dispatcher = woken(true);
    expect(running(dispatcher)).toBe(2);
    expect(dispatcher.dueAt(1_000)).toBe(3_000);
    dispatcher.step([{ type: 'tick' }], 3_000);
    expect(running(dispatcher)).toBe(4);
    dispatcher.step([{ type: 'tick' }], 5_000);
    expect(running(dispatcher)).toBe(8);
    const ended: DispatchEvent = { type: 'ended', callId: 'c0', result: okResult(1) };
    dispatcher.step([ended], 5_001);
    expect(running(dispatcher)).toBe(8);
  });

  it('is given more for each call that it has served', () => {
    const dispatcher = woken(true);
    dispatcher.step([{ type: 'ended', callId: 'c0', result: okResult(1) }], 1_100);
    expect(running(dispatcher)).toBe(3);
    dispatcher.step([{ type: 'ended', callId: 'c1', result: okResult(1) }], 1_200);
    expect(running(dispatcher)).toBe(4);
  });

  it('is filled at once where slow start is off', () => {
    expect(running(woken(false))).toBe(8);
  });
});
