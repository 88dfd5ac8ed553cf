/** The endpoints of a backend together, and which of them takes a call. */
import { describe, expect, it } from 'vitest';
import { EndpointChoice } from '../../../../src/core/backends/endpoint-choice.ts';
import { EndpointPool } from '../../../../src/core/backends/endpoint-pool.ts';
import type { EndpointSpec, Wake } from '../../../../src/core/backends/endpoint-state.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
const WAKE: Wake = { cause: 'demand', at: 1_000, reason: 'a call', probability: 1 };

function choiceOf(specs: readonly EndpointSpec[], whileCold: 'hold' | 'send' = 'hold') {
  const pool = new EndpointPool();
  pool.configure(specs, 0);
  const choice = new EndpointChoice({ spec: { whileCold }, pool });
  const at = (id: string) => {
    const endpoint = pool.byId.get(id);
    if (!endpoint) throw new Error(`no endpoint ${id}`);
    return endpoint;
  };
  return { pool, choice, at };
}

describe('the endpoints of a backend', () => {
  it('drain once they are not configured, and are forgotten with their last call', () => {
    const { pool, at } = choiceOf([
      { id: 'a', slots: 2 },
      { id: 'b', slots: 3 },
      { id: 'c', slots: 4 },
    ]);
    at('a').granted(0);
    pool.configure([{ id: 'c', slots: 5 }], 1);
    expect(pool.list.map(({ spec, state }) => [spec.id, state])).toEqual([
      ['a', 'draining'],
      ['c', 'warm'],
    ]);
    expect([pool.slots, pool.running, pool.slotsInUse, pool.upSlots(1)]).toEqual([5, 1, 1, 5]);
    pool.forgetIfDrained('a');
    expect(pool.list).toHaveLength(2);
    at('a').released(2, 0);
    pool.forgetIfDrained('a');
    pool.forgetIfDrained('c');
    expect(pool.list.map(({ spec }) => spec.id)).toEqual(['c']);
    pool.drain();
    expect(pool.list).toEqual([]);
  });

  it('are coming while one is to be up, and none of them is while all are paused', () => {
    const { pool, at } = choiceOf([
      { id: 'a', slots: 2, coldStart: COLD },
      { id: 'b', slots: 2, coldStart: { ...COLD, estimateMs: 4_000 } },
    ]);
    expect([pool.isWarm, pool.isComing, pool.hasCold, pool.startMs(0)]).toEqual([
      ...[false, true, true],
      4_000,
    ]);
    at('b').wakes.begin(WAKE);
    expect([pool.startMs(3_000), pool.servingFrom(0), pool.coldStartMs]).toEqual([
      ...[2_000, 5_000],
      4_000,
    ]);
    at('a').setPaused(true, 3_000);
    expect([pool.isPaused, pool.takingSlots, pool.slots, pool.hasCold]).toEqual([
      ...[false, 2],
      ...[4, false],
    ]);
    at('b').wakes.answered(5_000);
    expect([pool.isWarm, pool.isComing, pool.startMs(5_000)]).toEqual([true, false, 0]);
    at('b').setPaused(true, 6_000);
    expect([pool.isPaused, pool.isComing, pool.startMs(6_000)]).toEqual([true, false, 0]);
  });
});

describe('the endpoint for a call', () => {
  it('is the one with the largest share of free slots, of those that have not failed it', () => {
    const { choice, at } = choiceOf([
      { id: 'a', slots: 2 },
      { id: 'b', slots: 8 },
    ]);
    at('b').granted(0);
    expect(choice.pick(0)?.spec.id).toBe('a');
    at('a').granted(0);
    expect(choice.pick(0)?.spec.id).toBe('b');
    expect(choice.pick(0, new Set(['b']))?.spec.id).toBe('a');
    at('a').granted(0);
    expect(choice.pick(0, new Set(['b']))?.spec.id).toBe('b');
    expect([choice.hasOther(new Set(['b']), 0), choice.hasOther(new Set(['a', 'b']), 0)]).toEqual([
      ...[true, false],
    ]);
  });

  it('has as many free slots as the call takes, or all of the largest', () => {
    const { choice, at } = choiceOf([
      { id: 'a', slots: 2 },
      { id: 'b', slots: 4 },
    ]);
    expect(choice.pick(0, undefined, '', 3)?.spec.id).toBe('b');
    expect(choice.pick(0, undefined, '', 9)?.spec.id).toBe('b');
    at('b').granted(0);
    expect(choice.pick(0, undefined, '', 4)).toBeUndefined();
    expect(choice.pick(0, undefined, '', 9)).toBeUndefined();
  });

  it('is none that is kept for a call that needs more slots, until the next round', () => {
    const { choice, at } = choiceOf([{ id: 'a', slots: 4 }]);
    const wide = new LiveRun('r', 'app', 0).submit(
      callRequest('wide', { sequences: 4, keyId: 'k' }),
      1,
      0,
    );
    at('a').granted(0);
    choice.keepFor(wide, 0);
    expect([choice.isKept('a'), choice.pick(0), choice.hasFree(0), choice.isOpen('a', 0)]).toEqual([
      ...[true, undefined],
      ...[false, false],
    ]);
    const charged: Array<[string, number]> = [];
    choice.beginRound(100);
    choice.endRound((key, slotMs) => charged.push([key, slotMs]));
    expect([choice.isKept('a'), choice.freeSlots(100), charged]).toEqual([false, 3, [['k', 300]]]);
  });

  it('is a cold one only where calls are sent to it, and it does not refuse them', () => {
    const specs = [{ id: 'a', slots: 2, coldStart: COLD }];
    expect(choiceOf(specs).choice.pick(0)).toBeUndefined();
    const { choice, at } = choiceOf(specs, 'send');
    expect([choice.pick(0)?.spec.id, choice.hasFree(0), choice.hasRoom]).toEqual([
      'a',
      false,
      true,
    ]);
    at('a').wakes.refusesCalls = true;
    expect([choice.pick(0), choice.freeSlots(0)]).toEqual([undefined, 0]);
  });

  it('is none of a backend that is down for its key', () => {
    const { choice, at } = choiceOf([{ id: 'a', slots: 2 }]);
    expect([choice.isDown(0, 'k'), choice.barredKeys(0)]).toEqual([false, new Set()]);
    for (let i = 0; i < 3; i += 1) at('a').trust.failed(10 + i, 5, 'k');
    expect([choice.isDown(20, 'k'), choice.isDown(20, 'other')]).toEqual([true, false]);
    expect(choice.barredKeys(20)).toEqual(new Set(['k']));
    at('a').setPaused(true, 30);
    expect([choice.isDown(30, 'other'), choice.barredKeys(30), choice.hasRoom]).toEqual([
      ...[true, 'all'],
      false,
    ]);
  });
});
