/** The slots of an endpoint: those in use, those that are free, and those that it turns out not to have. */
import { describe, expect, it } from 'vitest';
import { EndpointSlots } from '../../../../src/core/backends/endpoint-slots.ts';
import type { EndpointState } from '../../../../src/core/backends/endpoint-state.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';

const OK: CallResult = {
  ...{ outcome: 'ok', endpointFault: false, cold: false },
  ...{ inputTokens: 10, outputTokens: 10, serviceMs: 1_000 },
};

function slotsOf(slots: number, state: EndpointState = 'warm') {
  const endpoint = { spec: { slots }, state, warmSince: 0 };
  return { endpoint, slots: new EndpointSlots(endpoint) };
}

describe('the slots of an endpoint', () => {
  it('are held by sequences and by a read', () => {
    const { slots } = slotsOf(4);
    slots.take(2);
    slots.isReading = true;
    expect([slots.held, slots.free, slots.concurrency, slots.inFlight]).toEqual([3, 1, 2, 1]);
    slots.giveBack(2);
    expect([slots.held, slots.free, slots.concurrency, slots.inFlight]).toEqual([1, 3, 0, 0]);
  });

  it('have room for a call that asks for more than there are only while none is held', () => {
    const { slots } = slotsOf(4);
    expect(slots.hasRoom(0, 9)).toBe(true);
    slots.take(1);
    expect([3, 4].map((sequences) => slots.hasRoom(0, sequences))).toEqual([true, false]);
    expect([3, 4].map((sequences) => slots.areOpen(0, sequences))).toEqual([true, false]);
    slots.take(9);
    expect([slots.free, slots.concurrency, slots.hasRoom(0, 1)]).toEqual([-6, 4, false]);
  });

  it('open one after the other once the endpoint has woken, and all at once without slow start', () => {
    const { slots, endpoint } = slotsOf(8);
    slots.restarted(true);
    expect([slots.freeAt(0), slots.isOpening, slots.opensAt(0)]).toEqual([2, true, Infinity]);
    slots.take(2);
    expect([slots.freeAt(0), slots.opensAt(0)]).toEqual([0, 2_000]);
    slots.served();
    expect([slots.freeAt(0), slots.freeAt(2_000)]).toEqual([1, 3]);
    expect([slots.areOpen(0, 1), slots.areOpen(0, 2), slots.areOpen(2_000, 3)]).toEqual([
      ...[true, false],
      true,
    ]);
    endpoint.state = 'cold';
    expect([slots.freeAt(0), slots.opensAt(0)]).toEqual([6, Infinity]);
    slots.restarted(false);
    expect([slots.freeAt(0), slots.isOpening]).toEqual([6, false]);
  });

  it('are fewer after an overload, and more again with calls that are served', () => {
    const { slots } = slotsOf(8);
    slots.overloaded(8, 0, 100);
    expect([slots.usable, slots.limitedBy]).toEqual([4, 'calls']);
    for (let i = 0; i < 100; i += 1) slots.observe(OK, 200, 4, true);
    expect([slots.usable, slots.limitedBy]).toEqual([8, undefined]);
  });

  it('are as many as the engine tells, until it starts anew', () => {
    const { slots, endpoint } = slotsOf(8);
    for (let i = 0; i < 6; i += 1) slots.take(1);
    expect(slots.isLoadDue(0)).toBe(true);
    slots.loadTold({ slots: 4, running: 4, waiting: 2 }, 0);
    expect([slots.usable, slots.limitedBy, slots.free]).toEqual([4, 'engine', -2]);
    slots.restarted(false);
    expect(slots.usable).toBe(8);
    endpoint.state = 'draining';
    slots.loadTold({ slots: 4, running: 4, waiting: 2 }, 0);
    expect([slots.usable, slots.isLoadDue(1e9)]).toEqual([8, false]);
  });

  it('count times that tell of waiting in the engine only of single answers since it is up', () => {
    const waited: CallResult = { ...OK, serviceMs: 3_000, prefillMs: 500, decodeMs: 500 };
    const usable = (sentAt: number, isSingle: boolean) => {
      const { slots, endpoint } = slotsOf(6);
      endpoint.warmSince = 100;
      slots.observe(waited, sentAt, 6, isSingle);
      return slots.usable;
    };
    expect([usable(50, true), usable(200, false), usable(200, true)]).toEqual([6, 6, 2]);
  });
});
