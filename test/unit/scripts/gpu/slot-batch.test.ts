/**
 * The slots of the emulated engine: never more calls in service than slots, in order of arrival,
 * and each slot is freed once.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlotBatch } from '../../../../scripts/gpu/slot-batch.ts';

function batchWithLog(slots: number) {
  const batch = new SlotBatch(slots);
  const started: string[] = [];
  return { batch, started, enter: (name: string) => batch.enter(() => started.push(name)) };
}

describe('a batch', () => {
  it('starts calls while there are slots, then in order of arrival', () => {
    const { batch, started, enter } = batchWithLog(2);
    const leaveA = enter('a');
    const leaveB = enter('b');
    enter('c');
    enter('d');
    expect(started).toEqual(['a', 'b']);
    expect([batch.running, batch.waiting]).toEqual([2, 2]);
    leaveB();
    leaveA();
    expect(started).toEqual(['a', 'b', 'c', 'd']);
    expect([batch.running, batch.waiting]).toEqual([2, 0]);
  });

  it('frees a slot once, however often it is left', () => {
    const { batch, started, enter } = batchWithLog(1);
    const leaveA = enter('a');
    enter('b');
    enter('c');
    leaveA();
    leaveA();
    expect(started).toEqual(['a', 'b']);
    expect([batch.running, batch.waiting]).toEqual([1, 1]);
  });

  it('never starts a call that left while it waited', () => {
    const { batch, started, enter } = batchWithLog(1);
    const leaveA = enter('a');
    const leaveB = enter('b');
    enter('c');
    leaveB();
    leaveB();
    expect(batch.waiting).toBe(1);
    leaveA();
    expect(started).toEqual(['a', 'c']);
  });

  it('remembers the most that ran and the most that were there', () => {
    const { batch, enter } = batchWithLog(2);
    const leaves = ['a', 'b', 'c'].map(enter);
    for (const leave of leaves) leave();
    expect([batch.running, batch.waiting]).toEqual([0, 0]);
    expect([batch.maxRunning, batch.maxInFlight]).toEqual([2, 3]);
  });

  it('has no limit where slots are without limit', () => {
    const { batch, enter } = batchWithLog(Infinity);
    for (let i = 0; i < 1_000; i += 1) enter(`call ${i}`);
    expect([batch.running, batch.waiting]).toEqual([1_000, 0]);
  });

  it('keeps its invariants in any order of entering and leaving', () => {
    const steps = fc.array(fc.option(fc.nat(30), { nil: undefined }), { maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (slots, moves) => {
        const batch = new SlotBatch(slots);
        const here = new Set<number>();
        const leaves: Array<() => void> = [];
        const started: number[] = [];
        for (const move of moves) {
          if (move === undefined) {
            const id = leaves.length;
            here.add(id);
            leaves.push(batch.enter(() => started.push(id)));
          } else {
            leaves[move]?.();
            here.delete(move);
          }
          expect(batch.running).toBe(Math.min(slots, here.size));
          expect(batch.running + batch.waiting).toBe(here.size);
        }
        expect(started).toEqual([...started].sort((a, b) => a - b));
        expect(new Set(started).size).toBe(started.length);
        expect(batch.maxRunning).toBeLessThanOrEqual(slots);
      }),
    );
  });
});
