import { describe, expect, it } from 'vitest';
import type { BorrowedSlot, Loan } from '../../../src/calls/loan.ts';
import { okResult } from '../../dispatch-builders.ts';
import { asked, loanOf } from '../../loan-builders.ts';

function begun(loan: Loan, callId: string, now: number): BorrowedSlot {
  const slot = loan.begin(asked(callId), now);
  if (!slot) throw new Error('no slot');
  return slot;
}

const told = (loan: Loan, isLast: boolean, now: number) => {
  const sent = loan.turn(isLast, now);
  const calls = sent.turn.calls.map(({ request, ended }) => [request.call.callId, !!ended]);
  return { sent, calls };
};

describe('a loan', () => {
  it('begins as many calls at a time as it has slots', () => {
    const loan = loanOf(2);
    const first = begun(loan, 'a', 0);
    begun(loan, 'b', 0);
    expect(loan.begin(asked('c'), 0)).toBeUndefined();
    expect(loan.wasFull).toBe(true);
    first.end(okResult(1), 5);
    begun(loan, 'c', 5);
    expect(loan.begin(asked('d'), 5)).toBeUndefined();
  });

  it('gives a slot back once, however often its call is said to be over', () => {
    const loan = loanOf(1);
    const slot = begun(loan, 'a', 0);
    slot.end(okResult(1), 5);
    slot.end(undefined, 6);
    begun(loan, 'b', 7);
    expect(loan.begin(asked('c'), 7)).toBeUndefined();
    expect(loan.turn(false, 8).turn.calls[0]?.ended).toMatchObject({ at: 5, result: okResult(1) });
  });

  it('grows by the slots that the object adds', () => {
    const loan = loanOf(1);
    begun(loan, 'a', 0);
    expect(loan.begin(asked('b'), 0)).toBeUndefined();
    loan.grew();
    begun(loan, 'b', 0);
    expect(loan.begin(asked('c'), 0)).toBeUndefined();
  });

  it('begins nothing of another version of the configuration', () => {
    expect(loanOf(2).begin(asked('a', { version: 2 }), 0)).toBeUndefined();
  });

  it('begins nothing 3 s after its last turn, by a clock that goes either way', () => {
    const loan = loanOf(4);
    begun(loan, 'a', 3_000);
    expect(loan.begin(asked('b'), 3_001)).toBeUndefined();
    expect(loan.isOverdue(3_001)).toBe(true);
    loan.turn(false, 3_001);
    begun(loan, 'b', 3_001);
    expect(loan.isOverdue(0)).toBe(true);
    expect(loan.begin(asked('c'), 0)).toBeUndefined();
  });

  it('begins nothing once its last turn is made', () => {
    const loan = loanOf(4);
    loan.turn(true, 10);
    expect(loan.isOpen).toBe(false);
    expect(loan.begin(asked('a'), 10)).toBeUndefined();
  });

  it('tells of each call until the object has taken that', () => {
    const loan = loanOf(4);
    const slot = begun(loan, 'a', 0);
    expect(told(loan, false, 1).calls).toEqual([['a', false]]);
    const { sent } = told(loan, false, 2);
    loan.acknowledged(sent);
    expect(slot.isKnown).toBe(true);
    expect(told(loan, false, 3).calls).toEqual([]);
    slot.end(okResult(1), 4);
    const last = told(loan, false, 5);
    expect(last.calls).toEqual([['a', true]]);
    loan.acknowledged(last.sent);
    expect(told(loan, false, 6).calls).toEqual([]);
  });

  it('tells of an end that came while an earlier turn was under way', () => {
    const loan = loanOf(4);
    const slot = begun(loan, 'a', 0);
    const { sent } = told(loan, false, 1);
    slot.end(okResult(1), 2);
    loan.acknowledged(sent);
    expect(told(loan, false, 3).calls).toEqual([['a', true]]);
  });

  it('tells of all that runs in its last turn, as the object may have died since', () => {
    const loan = loanOf(4);
    begun(loan, 'a', 0);
    loan.acknowledged(loan.turn(false, 1));
    expect(told(loan, true, 2).calls).toEqual([['a', false]]);
  });

  it('numbers its turns', () => {
    const loan = loanOf(4);
    const numbers = [false, false, true].map((isLast) => loan.turn(isLast, 0).turn.number);
    expect(numbers).toEqual([1, 2, 3]);
  });

  it('is settled with its last turn, after which calls tell of their ends themselves', () => {
    const loan = loanOf(4);
    const [first, second] = [begun(loan, 'a', 0), begun(loan, 'b', 0)];
    const { sent } = told(loan, true, 1);
    first.end(okResult(1), 2);
    loan.acknowledged(sent);
    expect([loan.isSettled, loan.news.hasNews]).toEqual([true, true]);
    loan.acknowledged(loan.turn(true, 3));
    second.end(okResult(2), 4);
    expect(loan.news.hasNews).toBe(false);
    expect(loan.news.turnOf(second.entry, 5).turn.calls).toMatchObject([{ ended: { at: 4 } }]);
  });

  it('is returned where few of its slots were used since the last look', () => {
    const loan = loanOf(8);
    expect(loan.takeUnused(499)).toBe(false);
    expect(loan.takeUnused(500)).toBe(true);
    const [first, second] = [begun(loan, 'a', 0), begun(loan, 'b', 0)];
    first.end(okResult(1), 1);
    second.end(okResult(1), 1);
    expect(loan.takeUnused(1_000)).toBe(false);
    begun(loan, 'c', 1_001);
    expect(loan.takeUnused(1_500)).toBe(true);
  });

  it('tells of some 32 calls a turn, however fast they come', () => {
    const loan = loanOf(100);
    const holdMs = (now: number) => loan.turn(false, now).turn.holdMs;
    expect(holdMs(0)).toBe(50);
    for (let n = 0; n < 64; n += 1) begun(loan, `a${n}`, 1).end(okResult(1), 2);
    expect(holdMs(100)).toBe(50);
    for (let n = 0; n < 300; n += 1) begun(loan, `b${n}`, 101).end(okResult(1), 102);
    expect(holdMs(150)).toBe(20);
    begun(loan, 'c', 151).end(okResult(1), 152);
    expect(holdMs(170)).toBe(500);
    expect(holdMs(670)).toBe(500);
  });

  it('grants what the object would have granted, for a time within which it looks after the slot', () => {
    const loan = loanOf(2);
    expect(begun(loan, 'first', 7).grant.leaseMs).toBe(6_000);
    loan.acknowledged(loan.turn(false, 7));
    const { grant } = begun(loan, 'a', 7);
    expect(grant).toMatchObject({
      endpoint: 'e1',
      waitedMs: 0,
      leaseMs: 30_000,
      expiresAt: 30_007,
    });
    expect(grant.facts).toMatchObject({ app: 'app', runId: 'a', position: 0, attempts: 1 });
  });
});
