/**
 * What one isolate holds in memory for its callers: each has a share, and all of it is released.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../src/http/errors.ts';
import { type Hand, InHand } from '../../../src/http/in-hand.ts';

const LIMITS = { count: 1_000, bytes: 1_000_000 };
const ROOM = 90_000;

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

function taken(inHand: InHand, owner: string, bytes = 0): Hand {
  const { hand } = must(inHand.take(owner, LIMITS, ROOM));
  expect(hand.grow(bytes)).toBeUndefined();
  return hand;
}

function must<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
  return outcome;
}

/** Holds as many bytes for an owner as there is room for, piece by piece. */
function fill(inHand: InHand, owner: string, piece = 1_000): Hand {
  const { hand } = must(inHand.take(owner, LIMITS, ROOM));
  while (!hand.grow(piece));
  return hand;
}

function expectWithin(inHand: InHand, limits: { count: number; bytes: number }): void {
  const all = ['a', 'b', 'c'].map((name) => inHand.of(name));
  expect(all.reduce((n, { bytes }) => n + bytes, 0)).toBe(inHand.bytes);
  expect(inHand.bytes).toBeLessThanOrEqual(ROOM);
  for (const { count, bytes } of all) {
    expect(count).toBeLessThanOrEqual(limits.count);
    expect(bytes >= 0 && bytes <= limits.bytes).toBe(true);
  }
}

describe('what is held in memory', () => {
  it('is at most half of the room for one owner, and leaves room for others', () => {
    const inHand = new InHand('things');
    fill(inHand, 'a');
    expect(inHand.of('a').bytes).toBe(45_000);
    fill(inHand, 'b');
    expect(inHand.of('b').bytes).toBeGreaterThanOrEqual(22_000);
    for (const owner of ['c', 'd', 'e']) fill(inHand, owner, 100);
    expect(inHand.bytes).toBeLessThan(ROOM);
    expect(inHand.of('e').bytes).toBeGreaterThan(2_000);
  });

  it('is refused beyond the limits of an owner, with how much is allowed and when to ask again', () => {
    const inHand = new InHand('things');
    const limits = { count: 2, bytes: 5_000 };
    const first = must(inHand.take('a', limits, ROOM)).hand;
    const second = must(inHand.take('a', limits, ROOM)).hand;
    const third = inHand.take('a', limits, ROOM);
    expect(third).toMatchObject({
      ok: false,
      error: { code: 'rate_limit_exceeded', retryAfterMs: 1_000 },
    });
    expect(JSON.stringify(third)).toContain('too many things at a time: it may have 2');
    expect(first.grow(3_000)).toBeUndefined();
    expect(JSON.stringify(second.grow(2_001))).toContain('5000');
    first.release();
    expect(second.grow(2_001)).toBeUndefined();
    expect(inHand.take('a', limits, ROOM, 4_000)).toMatchObject({ ok: false });
    expect(inHand.take('a', limits, ROOM, 2_000)).toMatchObject({ ok: true });
  });

  it('is refused if there is no room for it, as an overload of the service', () => {
    const inHand = new InHand('things');
    fill(inHand, 'a');
    expect(inHand.take('a', LIMITS, ROOM, 10)).toMatchObject({
      ok: false,
      error: { code: 'dispatcher_unavailable', retryAfterMs: 1_000 },
    });
    expect(inHand.take('b', LIMITS, ROOM, 10_000)).toMatchObject({ ok: true });
  });

  it('is released once, however often it is asked for', () => {
    const inHand = new InHand('things');
    const hand = taken(inHand, 'a', 500);
    hand.release();
    hand.release();
    hand.drop();
    expect(hand.grow(0)).toBeUndefined();
    expect([inHand.bytes, inHand.of('a')]).toEqual([0, { count: 0, bytes: 0 }]);
  });

  it('is held as long as a promise needs it, and released at once when its client disconnects', async () => {
    const inHand = new InHand('things');
    const used = Promise.withResolvers<void>();
    const hand = taken(inHand, 'a', 500);
    hand.until(used.promise);
    hand.release();
    expect(inHand.bytes).toBe(500);
    used.reject(new Error('failed'));
    await hand.released;
    expect(inHand.bytes).toBe(0);
    const left = taken(inHand, 'a', 500);
    left.until(new Promise(() => {}));
    left.drop();
    await left.released;
    expect(inHand.bytes).toBe(0);
  });

  it('has a consistent sum after any sequence of events', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('take', 'grow', 'release', 'drop'),
      which: fc.nat(20),
      bytes: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const inHand = new InHand('things');
        const hands: Hand[] = [];
        for (const { owner, what, which, bytes } of steps) {
          const hand = hands[which % Math.max(1, hands.length)];
          if (what === 'take') {
            const outcome = inHand.take(owner, { count: 4, bytes: 60_000 }, ROOM, bytes);
            if (outcome.ok) hands.push(outcome.hand);
          } else if (what === 'grow') hand?.grow(bytes);
          else hand?.[what]();
          expectWithin(inHand, { count: 4, bytes: 60_000 });
        }
        for (const hand of hands) hand.drop();
        expect(inHand.bytes).toBe(0);
      }),
    );
  });

  it('is logged where it is refused, but not each time', () => {
    const inHand = new InHand('things');
    for (let i = 0; i < 100; i += 1) inHand.take('a', { count: 0, bytes: 0 }, ROOM);
    expect(console.warn).toHaveBeenCalledTimes(1);
  });
});
