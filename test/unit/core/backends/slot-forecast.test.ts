/** The time until a slot is free follows from the calls that run and those that go before. */
import { describe, expect, it } from 'vitest';
import { SlotForecast } from '../../../../src/core/backends/slot-forecast.ts';
import { WaitCorrection } from '../../../../src/core/backends/wait-correction.ts';

const running = (count: number, elapsedMs: number, expectedMs = 8_000) =>
  Array.from({ length: count }, () => ({ elapsedMs, expectedMs }));

describe('the wait for a slot', () => {
  it('counts down while the calls that run go on', () => {
    const waits = [0, 2_000, 4_000, 6_000].map((ms) =>
      new SlotForecast(running(1, ms), 1).waitMs(0, 0),
    );
    expect(waits).toEqual([...waits].sort((a, b) => b - a));
    expect(waits[0]).toBeGreaterThan(2 * (waits[3] ?? Infinity) * 0.9);
  });

  it('grows by the work ahead, shared by the slots', () => {
    const four = new SlotForecast(running(4, 4_000), 4);
    const gain = four.waitMs(40, 320_000) - four.waitMs(20, 160_000);
    expect(gain / (160_000 / 4)).toBeGreaterThan(0.8);
    expect(gain / (160_000 / 4)).toBeLessThan(1.2);
    const more = new SlotForecast(running(8, 4_000), 8);
    expect(more.waitMs(40, 320_000)).toBeLessThan(0.7 * four.waitMs(40, 320_000));
  });

  it('is none where slots are free for all that go before', () => {
    expect(new SlotForecast(running(2, 0), 2).waitMs(1, 8_000, 2)).toBe(0);
  });

  it('takes the calls that it does not look at to be like the others', () => {
    const all = new SlotForecast(running(1_000, 1_000), 1_000);
    const some = new SlotForecast(running(256, 1_000), 1_000);
    expect(all.waitMs(500, 4e6)).toBeCloseTo(some.waitMs(500, 4e6), 6);
  });
});

describe('the correction', () => {
  it('follows the median of how much longer waits are, by the calls ahead', () => {
    const correction = new WaitCorrection();
    for (let i = 0; i < 400; i += 1) correction.observe(5, 1_000, i % 2 ? 2_400 : 1_600);
    expect(correction.of(5)).toBeGreaterThan(1.5);
    expect(correction.of(5)).toBeLessThan(2.5);
    expect(correction.of(500)).toBe(1);
  });

  it('learns nothing from short waits and from what nothing explained', () => {
    const correction = new WaitCorrection();
    correction.observe(1, 100, 400);
    correction.observe(1, 0, 4_000);
    expect(correction.of(1)).toBe(1);
  });
});
