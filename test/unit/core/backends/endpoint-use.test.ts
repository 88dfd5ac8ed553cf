/** What is known of when an endpoint was used, and whose word that it is cold is believed. */
import { describe, expect, it } from 'vitest';
import { EndpointUse } from '../../../../src/core/backends/endpoint-use.ts';

describe('the use of an endpoint', () => {
  it('tells the idle time until a call was not served, and again once it is proved up', () => {
    const use = new EndpointUse(0);
    expect(use.idleMs(1_000)).toBe(1_000);
    use.ended(2_000);
    expect(use.idleMs(3_000)).toBe(1_000);
    use.ended(4_000);
    use.wasNotServed();
    expect(use.idleMs(5_000)).toBeUndefined();
    use.proven(6_000);
    expect(use.idleMs(7_000)).toBe(1_000);
    use.used(7_500);
    expect(use.idleMs(8_000)).toBe(500);
  });

  it('tells the idle time before the first of calls that run together, once', () => {
    const use = new EndpointUse(0);
    use.began(true, 1_000);
    expect([use.idleBefore(1_000), use.idleBefore(1_500)]).toEqual([1_000, undefined]);
    use.succeeded(1_600);
    expect(use.idleBefore(1_000)).toBeUndefined();
    use.began(false, 9_000);
    expect(use.idleBefore(9_000)).toBeUndefined();
  });

  it('believes that it is cold some time after it was proved up', () => {
    const use = new EndpointUse(0);
    expect(use.mayBeCold(0)).toBe(true);
    use.proven(10_000);
    expect([use.mayBeCold(14_999), use.mayBeCold(15_000)]).toEqual([false, true]);
  });

  it('keeps the claim that it is cold until it is proved up, with the idle time before it', () => {
    const use = new EndpointUse(0);
    use.began(true, 5_000);
    use.claimedCold('key', true, 6_000);
    use.claimedWithoutAnswer(5_000);
    expect(use.claim).toEqual({ key: 'key', idleMs: 5_000, unansweredAt: 5_000 });
    use.proven(7_000);
    expect(use.claim).toBeUndefined();
    use.succeeded(7_000);
    use.claimedCold('key', true, 7_000);
    expect(use.claim).toEqual({ key: 'key', idleMs: undefined });
  });

  it('doubts the next claim of a key whose claim was wrong', () => {
    const use = new EndpointUse(0);
    use.settle(true, 0);
    use.claimedCold('a', true, 1_000);
    use.settle(true, 2_000);
    expect([use.isDoubted('a', 3_000), use.isDoubted('b', 3_000)]).toEqual([true, false]);
    use.settle(false, 3_000);
    expect(use.isDoubted('a', 3_000)).toBe(false);
  });

  it('has no time later than a clock that jumps back tells', () => {
    const use = new EndpointUse(0);
    use.proven(90_000);
    use.succeeded(90_000);
    use.began(true, 90_000);
    use.clockWentBack(1_000);
    expect([use.idleMs(2_000), use.hasServedSince(1_000)]).toEqual([1_000, false]);
    expect([use.mayBeCold(6_000), use.idleBefore(90_000)]).toEqual([true, undefined]);
  });
});
