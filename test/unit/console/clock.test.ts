/**
 * The page's clock against answers that come late, as on a busy machine, and machines whose own
 * clock is wrong or is set meanwhile.
 */
import { beforeEach, expect, it, vi } from 'vitest';

let clock: typeof import('../../../src/console/format/clock.ts');

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.resetModules();
  clock = await import('../../../src/console/format/clock.ts');
  return () => vi.useRealTimers();
});

const aheadMs = () => clock.exactNow() - Date.now();

it('takes a word that comes seconds late for no other time', () => {
  clock.heardServerTime(1_000_000 - 2_600);
  expect(aheadMs()).toBe(0);
  vi.advanceTimersByTime(10_000);
  clock.heardServerTime(1_010_000 - 2_900, 1_007_000);
  expect(aheadMs()).toBe(0);
});

it('finds how far its own clock is behind, and is not led back by what comes later', () => {
  clock.heardServerTime(1_060_000);
  expect(aheadMs()).toBe(60_000);
  clock.heardServerTime(1_057_000);
  expect(aheadMs()).toBe(60_000);
  clock.heardServerTime(1_060_400);
  expect(aheadMs()).toBe(60_400);
});

it('finds how far its own clock is ahead by what it asked for', () => {
  clock.heardServerTime(900_000);
  expect(aheadMs()).toBe(0);
  clock.heardServerTime(900_000, 999_000);
  expect(aheadMs()).toBe(-99_000);
});

it('begins anew where a clock was set', () => {
  clock.heardServerTime(1_060_000, 999_000);
  expect(aheadMs()).toBe(60_000);
  vi.setSystemTime(1_060_000);
  clock.heardServerTime(1_060_000, 1_059_500);
  expect(aheadMs()).toBe(0);
  expect(clock.now.value).toBe(1_060_000);
});
