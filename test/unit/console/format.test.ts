import { expect, it } from 'vitest';
import { duration, relative } from '../../../src/console/format/duration.ts';
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
