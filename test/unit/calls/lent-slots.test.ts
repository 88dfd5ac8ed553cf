import { describe, expect, it } from 'vitest';
import { LentSlots, lentSlots } from '../../../src/calls/lent-slots.ts';
import type { Loan } from '../../../src/calls/loan.ts';
import { asked, configWith, grantWith } from '../../loan-builders.ts';

const config = configWith();

/** So many calls come, one each ms, the last at `now`; what the last one gets. */
function come(slots: LentSlots, count: number, now: number) {
  let taken = {};
  for (let i = count - 1; i >= 0; i -= 1) taken = slots.take(asked(`c${now - i}`), config, now - i);
  return taken as ReturnType<LentSlots['take']>;
}

function lentTo(slots: LentSlots, count: number): Loan {
  const loan = slots.accept(asked('a'), grantWith(count), config);
  if (!loan) throw new Error('no loan');
  return loan;
}

describe('the slots of an isolate', () => {
  it('are those of one backend of one tenant', () => {
    expect(lentSlots('a', 'm')).toBe(lentSlots('a', 'm'));
    expect(lentSlots('a', 'm')).not.toBe(lentSlots('b', 'm'));
    expect(lentSlots('a', 'm')).not.toBe(lentSlots('a', 'n'));
  });

  it('are asked for with the ninth call of 250 ms, half as many again as run', () => {
    const slots = new LentSlots();
    for (let i = 0; i < 3; i += 1) slots.began();
    expect(come(slots, 8, 1_008)).toEqual({});
    expect(come(slots, 1, 1_009)).toEqual({ borrows: 6 });
  });

  it('are not asked for by few calls, or by those that may not borrow', () => {
    const slots = new LentSlots();
    come(slots, 8, 1_000);
    expect(slots.take(asked('late'), config, 1_244)).toEqual({});
    expect(come(slots, 8, 1_300)).toEqual({ borrows: 2 });
    const other = new LentSlots();
    come(other, 8, 1_000);
    expect(other.take(asked('a', { isCharged: true }), config, 1_001)).toEqual({});
  });

  it('are asked for each 100 ms at most', () => {
    const slots = new LentSlots();
    expect(come(slots, 9, 1_000).borrows).toBe(2);
    expect(come(slots, 99, 1_099)).toEqual({});
    expect(come(slots, 1, 1_100).borrows).toBe(2);
  });

  it('are asked for also after the clock went back', () => {
    const slots = new LentSlots();
    expect(come(slots, 9, 3_600_000).borrows).toBe(2);
    expect(come(slots, 1, 1_000).borrows).toBe(2);
  });

  it('are taken while there are any, and none are asked for beside them', () => {
    const slots = new LentSlots();
    const now = Date.now();
    lentTo(slots, 1);
    expect(slots.take(asked('a'), config, now).slot?.grant.endpoint).toBe('e1');
    expect(come(slots, 20, now + 20)).toEqual({});
  });

  it('are a second loan only where the first is closed: a crossing one goes back unused', () => {
    const slots = new LentSlots();
    const first = lentTo(slots, 2);
    expect(lentTo(slots, 2).isOpen).toBe(false);
    first.close();
    expect(lentTo(slots, 2).isOpen).toBe(true);
    expect(
      slots.accept(asked('a'), { ...grantWith(1), loan: undefined as never }, config),
    ).toBeUndefined();
  });

  it('hand out a loan whose holder has gone once, to be settled, and then ask anew', () => {
    const slots = new LentSlots();
    const now = Date.now() + 10_000;
    const loan = lentTo(slots, 2);
    expect(slots.take(asked('a'), config, now)).toEqual({ overdue: loan });
    expect(come(slots, 8, now + 8)).toEqual({ borrows: 2 });
  });

  it('name the loan that could use another slot of an endpoint', () => {
    const slots = new LentSlots();
    const now = Date.now();
    const loan = lentTo(slots, 1);
    slots.take(asked('a'), config, now);
    expect(slots.loanAt('e1')).toBeUndefined();
    slots.take(asked('b'), config, now);
    expect(slots.loanAt('e1')).toBe(loan);
    expect(slots.loanAt('other')).toBeUndefined();
    loan.close();
    expect(slots.loanAt('e1')).toBeUndefined();
  });
});
