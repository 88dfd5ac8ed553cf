import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Loan } from '../../../src/calls/loan.ts';
import { endBorrowed, holdLoan, keepBorrowed, settleLoan } from '../../../src/calls/loan-holder.ts';
import type { LoanTurn, LoanWord } from '../../../src/protocol/loans.ts';
import type { TenantApi } from '../../../src/protocol/tenant.ts';
import { okResult } from '../../dispatch-builders.ts';
import { asked, loanOf } from '../../loan-builders.ts';

type Answer = LoanWord | Error;

/** A stand-in for the tenant's object: what it was told, and what it answers, in turn. */
class FakeObject {
  readonly turns: LoanTurn[] = [];
  readonly #answers: Answer[];
  /** Called before each answer. */
  meanwhile = () => {};

  constructor(answers: Answer[] = []) {
    this.#answers = answers;
  }

  readonly stub = () => {
    const loanTurn = async (turn: LoanTurn) => {
      this.turns.push(turn);
      this.meanwhile();
      const answer = this.#answers.shift() ?? { goesOn: false };
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { loanTurn } as unknown as TenantApi;
  };

  /** Each turn as its calls, with a mark on those that have ended. */
  get told(): string[] {
    return this.turns.map(({ calls, isLast }) => {
      const names = calls.map(({ request, ended }) => request.call.callId + (ended ? '.' : ''));
      return `${isLast ? 'last' : 'turn'}: ${names.join(' ')}`.trim();
    });
  }
}

function begun(loan: Loan, callId: string) {
  const slot = loan.begin(asked(callId), Date.now());
  if (!slot) throw new Error('no slot');
  return slot;
}

const goesOn = { goesOn: true };
const gone = new Error('gone');
const overloaded = Object.assign(new Error('too much'), { overloaded: true });

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('who holds a loan', () => {
  it('tells of its calls while it goes on, and returns it when it is recalled', async () => {
    const [loan, object] = [loanOf(2), new FakeObject([goesOn, { goesOn: false }])];
    const slot = begun(loan, 'a');
    object.meanwhile = () => slot.end(okResult(1), 1);
    await holdLoan(loan, object.stub);
    expect(object.told).toEqual(['turn: a', 'turn: a.', 'last:']);
    expect([loan.isOpen, loan.isSettled]).toEqual([false, true]);
  });

  it('returns what is not used', async () => {
    const [loan, object] = [loanOf(2), new FakeObject([goesOn, goesOn, goesOn])];
    object.meanwhile = () => vi.setSystemTime(Date.now() + 300);
    await holdLoan(loan, object.stub);
    expect(object.told).toEqual(['turn:', 'turn:', 'last:']);
  });

  it('returns at once what it does not want', async () => {
    const [loan, object] = [loanOf(2), new FakeObject()];
    loan.close();
    await holdLoan(loan, object.stub);
    expect(object.told).toEqual(['last:']);
  });

  it('returns it to an object that has died, with all that runs', async () => {
    const [loan, object] = [loanOf(2), new FakeObject([goesOn, gone, gone])];
    begun(loan, 'a');
    const held = holdLoan(loan, object.stub);
    await vi.runAllTimersAsync();
    await held;
    expect(object.told).toEqual(['turn: a', 'turn:', 'last: a', 'last: a']);
    expect(loan.isSettled).toBe(true);
  });
});

describe('a loan that is returned', () => {
  it('tells anew with each attempt what is so then', async () => {
    const [loan, object] = [loanOf(2), new FakeObject([gone])];
    const slot = begun(loan, 'a');
    object.meanwhile = () => slot.end(okResult(1), 1);
    const settled = settleLoan(loan, object.stub);
    await vi.runAllTimersAsync();
    await settled;
    expect(object.told).toEqual(['last: a', 'last: a.']);
    expect(object.turns.map(({ number }) => number)).toEqual([1, 2]);
  });

  it('needs one more turn for what ended during the last, however many calls end later', async () => {
    const [loan, object] = [loanOf(8), new FakeObject()];
    const slots = ['a', 'b', 'c', 'd'].map((name) => begun(loan, name));
    object.meanwhile = () => slots.shift()?.end(okResult(1), 1);
    await settleLoan(loan, object.stub);
    expect(object.told).toEqual(['last: a b c d', 'last: a. b c d']);
  });

  it('is given up where the object cannot be reached, and what runs then tells of itself', async () => {
    const [loan, object] = [loanOf(2), new FakeObject([overloaded])];
    const slot = begun(loan, 'a');
    await settleLoan(loan, object.stub);
    expect([loan.isSettled, slot.isKnown]).toEqual([true, false]);
    await keepBorrowed(slot, object.stub);
    expect(slot.isKnown).toBe(true);
    await keepBorrowed(slot, object.stub);
    slot.end(okResult(1), 1);
    await endBorrowed(slot, object.stub);
    expect(object.told).toEqual(['last: a', 'last: a', 'last: a.']);
  });
});

describe('a call on a borrowed slot', () => {
  it('leaves the telling to whoever holds the loan', async () => {
    const [loan, object] = [loanOf(2), new FakeObject()];
    const slot = begun(loan, 'a');
    await keepBorrowed(slot, object.stub);
    slot.end(okResult(1), 1);
    await endBorrowed(slot, object.stub);
    expect(object.turns).toEqual([]);
  });

  it.each([
    ['ends', endBorrowed],
    ['looks after its slot', keepBorrowed],
  ])('returns a loan whose holder has gone when it %s', async (_, act) => {
    const [loan, object] = [loanOf(2), new FakeObject()];
    const slot = begun(loan, 'a');
    begun(loan, 'b');
    vi.setSystemTime(3_001);
    await act(slot, object.stub);
    expect(object.told).toEqual(['last: a b']);
    expect(loan.isSettled).toBe(true);
  });

  it('returns a loan of which no turn was sent between two looks, whatever the clock says', async () => {
    const [loan, object] = [loanOf(2), new FakeObject()];
    const slot = begun(loan, 'a');
    await keepBorrowed(slot, object.stub);
    loan.acknowledged(loan.turn(false, 0));
    await keepBorrowed(slot, object.stub);
    expect(object.told).toEqual([]);
    vi.setSystemTime(-2_000);
    await keepBorrowed(slot, object.stub);
    expect(object.told).toEqual(['last: a']);
  });
});
