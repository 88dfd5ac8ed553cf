/** When slots of a busy endpoint are expected to come free. */
import { describe, expect, it } from 'vitest';
import { freeingMs, type RunningCall } from '../../../../src/core/affinity/freeing-times.ts';

function running(n: number, fields: Partial<RunningCall> = {}): RunningCall[] {
  return Array.from({ length: n }, () => ({
    ...{ elapsedMs: 0, readMs: 0, outputMs: 1_000 },
    ...fields,
  }));
}

/** Mean of the k-th smallest of n exponential times. */
function orderStatistic(n: number, k: number): number {
  let sum = 0;
  for (let i = 0; i < k; i += 1) sum += 1_000 / (n - i);
  return sum;
}

describe('the time until a slot comes free', () => {
  it.each([
    [8, 1],
    [8, 4],
    [2, 1],
    [32, 3],
  ])('of %i calls that just generate, the %i-th ends about when it does in the mean', (n, k) => {
    const ratio = freeingMs(running(n), n, k) / orderStatistic(n, k);
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.25);
  });

  it('does not come before a prompt is read, and less of that is left with time', () => {
    expect(freeingMs(running(4, { readMs: 9_000 }), 4, 1)).toBeGreaterThan(9_000);
    const later = freeingMs(running(4, { readMs: 9_000, elapsedMs: 8_000 }), 4, 1);
    expect(later).toBeGreaterThan(1_000);
    expect(later).toBeLessThan(2_000);
  });

  it('a call that has generated for longer than usual is taken to be a long one', () => {
    const usual = freeingMs(running(4), 4, 1);
    expect(freeingMs(running(4, { elapsedMs: 10_000 }), 4, 1)).toBeGreaterThan(5 * usual);
  });

  it('grows with the calls before it, also beyond one for each slot', () => {
    const waits = Array.from({ length: 20 }, (_, k) => freeingMs(running(4), 4, k + 1));
    waits.reduce((before, ms) => {
      expect(ms).toBeGreaterThan(before);
      return ms;
    }, 0);
  });

  it('is 0 where nothing runs, and finite for calls that take no time', () => {
    expect(freeingMs([], 0, 1)).toBe(0);
    expect(freeingMs(running(3, { outputMs: 0 }), 3, 9)).toBeLessThan(100);
  });
});
