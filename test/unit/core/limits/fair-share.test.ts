/**
 * Places that keys share: how many one key may take while others may come, and which key is next.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastServed, mayTakePlace } from '../../../../src/core/limits/fair-share.ts';

/** How many places each key gets if all keys take one in turn for as long as they may. */
function taken(places: number, keys: number): number[] {
  const own = Array.from({ length: keys }, () => 0);
  for (let isTaken = true; isTaken; ) {
    isTaken = false;
    for (let key = 0; key < keys; key += 1) {
      const free = places - own.reduce((sum, n) => sum + n, 0);
      if (!mayTakePlace(own[key] ?? 0, free)) continue;
      own[key] = (own[key] ?? 0) + 1;
      isTaken = true;
    }
  }
  return own;
}

describe('a place', () => {
  it('is left free for another key, unless it is the only place', () => {
    expect([1, 2, 3, 4, 8, 16].map((places) => taken(places, 1)[0])).toEqual([1, 1, 2, 3, 6, 12]);
  });

  it('is taken by several keys evenly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 10 }), (n, keys) => {
        const own = taken(n, keys);
        const sum = own.reduce((a, b) => a + b, 0);
        expect(sum).toBeLessThanOrEqual(n);
        if (n >= keys) expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
        // A key without a place finds a free one, unless there are too many keys for the places.
        if (keys < n / 4) expect(mayTakePlace(0, n - sum)).toBe(true);
      }),
    );
  });
});

describe('the key that is served next', () => {
  it('has the fewest places, and had its last turn longest ago', () => {
    const a = { own: 2, lastTurn: 1 };
    const b = { own: 1, lastTurn: 9 };
    const c = { own: 1, lastTurn: 4 };
    expect(leastServed([a, b, c])).toBe(c);
    expect(leastServed([a, b])).toBe(b);
    expect(leastServed([])).toBeUndefined();
  });
});
