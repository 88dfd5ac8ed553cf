/** Ticks stand at round numbers, begin at 0 and are about as many as are wanted. */
import { expect, it } from 'vitest';
import { roundNumbers } from '../../../src/console/parts/round-ticks.ts';

it('are round, within the axis, and about as many as are wanted', () => {
  for (const most of [0.3, 1, 7, 42, 999, 1_000, 34_567, 86_400_000]) {
    for (const count of [3, 7]) {
      const ticks = roundNumbers(most, count);
      const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
      expect(ticks[0]).toBe(0);
      expect(ticks.at(-1)).toBeLessThanOrEqual(most * (1 + 1e-9));
      expect(ticks.at(-1)).toBeGreaterThan(most - step * (1 + 1e-9));
      expect(ticks.length).toBeGreaterThan(count / 2);
      expect(ticks.length).toBeLessThan(count * 2);
      expect(Number(step.toPrecision(12)).toExponential()).toMatch(/^[125]e/);
    }
  }
});

it('is one of an axis without length', () => {
  expect(roundNumbers(0, 7)).toEqual([0]);
});
