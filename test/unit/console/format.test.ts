import { expect, it } from 'vitest';
import {
  absolute,
  dayAndTime,
  duration,
  relative,
  timeOfDay,
} from '../../../src/console/format/duration.ts';
import { compact, counted, money, percent, whole } from '../../../src/console/format/quantity.ts';

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [999.6, '1.0 s'],
  [2_140, '2.1 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min'],
  [80_000, '1 min 20 s'],
  [3_599_600, '1 h'],
  [7_500_000, '2 h 5 min'],
  [86_399_999, '1 d'],
  [300_000_000, '3 d 11 h'],
  [-2_000, '−2.0 s'],
  [Number.POSITIVE_INFINITY, '–'],
  [null, '–'],
])('says %s ms as %s, without 60 of a unit', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('says ages calmly, and times to come', () => {
  expect(relative(1_000_000, 1_000_900)).toBe('now');
  expect(relative(0, 12_300)).toBe('12 s ago');
  expect(relative(180_000, 0)).toBe('in 3 min');
  expect(relative(0, 5 * 86_400_000)).toBe('5 d ago');
});

it('says numbers with their units, and what is not known as unknown', () => {
  expect(whole(1_234_567)).toBe('1,234,567');
  expect(compact(12_345)).toBe('12.3K');
  expect(percent(0.424)).toBe('42 %');
  expect(percent(0.0042)).toBe('0.4 %');
  expect(percent(0 / 0)).toBe('–');
  expect(money(1.256)).toBe('1.26');
  expect(money(0.00423)).toBe('0.0042');
  expect(money(0)).toBe('0.00');
  expect(money(null)).toBe('–');
  expect(counted(1, 'run')).toBe('1 run');
  expect(counted(0, 'run')).toBe('0 runs');
});

it('writes numbers as Intl does', () => {
  const [count, short, price, small] = [
    { maximumFractionDigits: 0 },
    { notation: 'compact', maximumSignificantDigits: 3 },
    { minimumFractionDigits: 2, maximumFractionDigits: 2 },
    { maximumSignificantDigits: 2 },
  ].map((options) => new Intl.NumberFormat('en', options as Intl.NumberFormatOptions));
  const sizes = Array.from(
    { length: 400 },
    (_, i) => 10 ** ((i % 40) / 3) * (1 + Math.sin(i) ** 2),
  );
  // Ties of the last digit, which Intl reads as decimals, aside.
  const edges = [0, 1, 9.99, 10, 99, 100, 999, 1_000, 9_994, 999_499, 999_501, 1e6, 12e11];
  for (const value of [...edges, ...sizes, 1234.5678, 0.5001]) {
    expect([value, whole(value)]).toEqual([value, count?.format(value)]);
    expect([value, compact(value)]).toEqual([value, short?.format(value)]);
    expect([value, money(value)]).toEqual([value, price?.format(value)]);
  }
  for (const value of [0.00999, 0.005, 0.0001234, 9.96e-5, 3.3e-9]) {
    expect([value, money(value)]).toEqual([value, small?.format(value)]);
  }
});

it('writes times of the machine’s zone, and says which it is', () => {
  const date = new Date(2026, 10, 7, 15, 4, 5);
  expect(timeOfDay(date.getTime())).toBe('15:04:05');
  expect(dayAndTime(date.getTime())).toBe('Nov 7, 15:04');
  expect(absolute(date.getTime())).toMatch(/^Nov 7, 2026, 15:04:05 UTC([+−]\d{1,2}(:\d\d)?)?$/);
});
