/** Forecasts stay within what time brings them. */
import { expect, it } from 'vitest';
import { ForecastBudget, MOST_SAVED } from '../../../../src/core/waits/forecast-budget.ts';

it('brings the same for each millisecond, up to what is saved', () => {
  const budget = new ForecastBudget();
  budget.at(1_000_000);
  expect(budget.left).toBe(MOST_SAVED);
  budget.spend(MOST_SAVED + 400);
  expect(budget.left).toBe(-400);
  budget.at(1_000_005);
  const added = budget.left + 400;
  expect(added).toBeGreaterThan(0);
  budget.at(1_000_015);
  expect(budget.left).toBe(-400 + 3 * added);
  budget.at(2_000_000);
  expect(budget.left).toBe(MOST_SAVED);
});

it('brings nothing while the clock goes back, and goes on from there', () => {
  const budget = new ForecastBudget();
  budget.at(10_000);
  budget.spend(MOST_SAVED);
  budget.at(9_000);
  expect(budget.left).toBe(0);
  budget.at(9_001);
  expect(budget.left).toBeGreaterThan(0);
  expect(budget.left).toBeLessThan(MOST_SAVED / 100);
});
