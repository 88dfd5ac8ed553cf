import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UntoldCalls } from '../../../../durable-objects/tenant/untold-calls.ts';

/** Loans that are lent: true where a turn is open. */
function asking(turns: Record<string, boolean>) {
  const answered: string[] = [];
  const open = Object.entries(turns).filter(([, isOpen]) => isOpen);
  const answers = new Map(open.map(([id]) => [id, () => void answered.push(id)]));
  return { answered, calls: new UntoldCalls(() => Object.keys(turns), answers) };
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('what isolates have not told', () => {
  it('is told at once where nothing is lent', async () => {
    expect(await isDone(asking({}).calls.told())).toBe(true);
  });

  it('is told with the turn that follows an answer: an open one is answered', async () => {
    const { answered, calls } = asking({ a: true });
    const told = calls.told();
    expect(await isDone(told)).toBe(false);
    expect(answered).toEqual(['a']);
    expect(calls.came('a')).toBe(false);
    expect(await isDone(told)).toBe(true);
  });

  it('is not told with a turn that was on its way, which is answered at once', async () => {
    const { calls } = asking({ a: false });
    const told = calls.told();
    await isDone(told);
    expect(calls.came('a')).toBe(true);
    expect(await isDone(told)).toBe(false);
    expect(calls.came('a')).toBe(false);
    expect(await isDone(told)).toBe(true);
  });

  it('is told with the end of a loan, and not waited for longer than a second', async () => {
    const { calls } = asking({ a: true, b: true });
    const told = calls.told();
    await isDone(told);
    calls.over('a');
    expect(await isDone(told)).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await isDone(told)).toBe(true);
  });

  it('is not waited for again at an isolate that did not tell, until it does', async () => {
    const { calls } = asking({ a: true });
    const first = calls.told();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await isDone(first)).toBe(true);
    expect(await isDone(calls.told())).toBe(true);
    calls.came('a');
    const third = calls.told();
    expect(await isDone(third)).toBe(false);
    calls.came('a');
    expect(await isDone(third)).toBe(true);
  });

  it('is asked for once more by those who come meanwhile, together', async () => {
    const { answered, calls } = asking({ a: true });
    const first = calls.told();
    await isDone(first);
    const others = [calls.told(), calls.told()];
    expect(others[0]).toBe(others[1]);
    calls.came('a');
    expect(await isDone(first)).toBe(true);
    expect(answered).toEqual(['a', 'a']);
    calls.came('a');
    await Promise.all(others);
  });
});
