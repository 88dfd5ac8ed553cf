/** The callers that wait for a slot, and which of several callers of one call gets the answer. */
import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../../durable-objects/tenant/waiters.ts';

const REFUSED = { status: 'refused', code: 'queue_full', retryAfterMs: 1 } as const;

describe('a call that is submitted again', () => {
  it('takes over the place of the one that waits', async () => {
    const [waiters, first, second] = [new Waiters(), {}, {}];
    waiters.add('a', first);
    const answer = waiters.wait('a');
    waiters.add('a', second);
    expect([waiters.owns('a', first), waiters.owns('a', second)]).toEqual([false, true]);
    waiters.resolve('a', REFUSED);
    expect(await answer).toBe(REFUSED);
  });

  it('starts again after a refusal that was never collected', () => {
    const waiters = new Waiters();
    waiters.add('a', {});
    waiters.resolve('a', REFUSED);
    waiters.add('a', {});
    expect(waiters.answer('a')).toBeUndefined();
  });

  it('begins anew after a failure', () => {
    const waiters = new Waiters();
    waiters.add('a', {});
    waiters.fail('a', new Error('not durable'));
    waiters.add('a', {});
    expect(waiters.failure('a')).toBeUndefined();
  });
});
