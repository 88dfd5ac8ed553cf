/** The learned cold start: the P95 of the last twenty, and how it outlives a single slow start. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LearnedStart } from '../../../../src/core/backends/learned-start.ts';

const HOUR_MS = 3_600_000;

/** Starts of these lengths, an hour apart. */
function learnedAfter(startsMs: readonly number[], configuredMs = 15_000): number {
  const learned = new LearnedStart();
  learned.ms(configuredMs);
  let now = 0;
  for (const ms of startsMs) {
    now += HOUR_MS;
    learned.elapse(now);
    learned.add(ms, now);
  }
  return learned.ms(configuredMs);
}

function p95Of(all: readonly number[]): number {
  const last = all.slice(-20).sort((a, b) => a - b);
  return last[Math.ceil(last.length * 0.95) - 1] ?? 0;
}

describe('LearnedStart', () => {
  it('is what is configured until a start was measured', () => {
    const learned = new LearnedStart();
    expect(learned.ms(15_000)).toBe(15_000);
    expect(learned.ms(20_000)).toBe(20_000);
    expect(learned.observations).toBe(0);
    expect(learned.lastAt).toBeUndefined();
  });

  it('is a slow first start at once, and is cut down when that is not confirmed', () => {
    const learned = new LearnedStart();
    learned.ms(15_000);
    learned.add(200_000, 0);
    expect(learned.ms(15_000)).toBe(200_000);
    learned.elapse(899_999);
    expect(learned.ms(15_000)).toBe(200_000);
    learned.elapse(900_000);
    expect(learned.ms(15_000)).toBe(30_000);
    learned.add(210_000, 3_000_000);
    learned.elapse(9e9);
    expect(learned.ms(15_000)).toBe(210_000);
  });

  it('outlives one slow start within the next five, wherever it came', () => {
    for (let before = 0; before <= 19; before += 1) {
      const starts = Array(before).fill(12_000).concat(200_000);
      for (let later = 1; later <= 5; later += 1) starts.push(12_000);
      const ms = learnedAfter(starts);
      expect(ms).toBeGreaterThanOrEqual(12_000);
      expect(ms).toBeLessThanOrEqual(24_000);
    }
  });

  it.each([
    ['rises', Array.from({ length: 12 }, (_, i) => 10_000 * 1.5 ** i)],
    ['falls', Array.from({ length: 12 }, (_, i) => 600_000 / 1.5 ** i)],
    ['jumps up', [...Array(10).fill(12_000), ...Array(3).fill(200_000)]],
    ['is ten times the estimate', [150_000, 290_000, 160_000, 300_000, 220_000]],
    ['is a tenth of the estimate', Array(5).fill(1_500)],
  ])('follows a truth that %s', (_, starts) => {
    for (let n = 5; n <= starts.length; n += 1) {
      const [ms, truth] = [learnedAfter(starts.slice(0, n)), p95Of(starts.slice(0, n))];
      // A jump is an outlier until it is confirmed.
      if (n === 11 && truth === 200_000) continue;
      expect(Math.max(ms / truth, truth / ms)).toBeLessThanOrEqual(2);
    }
  });

  it('is within a factor 2 of the P95 of the last twenty, but for an unconfirmed outlier', () => {
    const tail = fc.double({ min: 0, max: 1.2, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 300_000 }),
        tail,
        fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 5, maxLength: 60 }),
        fc.integer({ min: 1_000, max: 300_000 }),
        (scaleMs, sigma, draws, configuredMs) => {
          const starts = draws.map((z) => scaleMs * Math.exp(sigma * z));
          const ms = learnedAfter(starts, configuredMs);
          const kept = starts.slice(-20).sort((a, b) => b - a);
          const [first = 0, second = 0] = kept;
          const truth = first > 4 * second && kept.length < 20 ? second : p95Of(starts);
          expect(ms / truth).toBeLessThanOrEqual(2.000001);
          expect(truth / ms).toBeLessThanOrEqual(2.000001);
        },
      ),
      { numRuns: 3_000, seed: 16 },
    );
  });

  it('survives a restart, and reads what earlier versions stored', () => {
    const learned = new LearnedStart();
    learned.add(12_000, 100);
    learned.add(14_000, 200);
    const again = new LearnedStart();
    again.restore(JSON.parse(JSON.stringify(learned.snapshot())));
    expect(again.ms(15_000)).toBe(14_000);
    expect([again.observations, again.lastAt]).toEqual([2, 200]);
    const old = new LearnedStart();
    old.restore({ coldStartsMs: [200_000, 12_000, 13_000] });
    expect([old.ms(15_000), old.observations]).toEqual([200_000, 3]);
    old.elapse(1e12);
    expect(old.ms(15_000)).toBe(26_000);
  });

  it('is the same whatever the clock does', () => {
    const learned = new LearnedStart();
    learned.ms(15_000);
    for (const at of [5e9, 5e9 + HOUR_MS, 5e9 - HOUR_MS]) {
      learned.clockWentBack(at);
      learned.add(12_000, at);
    }
    learned.elapse(9e12);
    expect(learned.ms(15_000)).toBe(12_000);
  });
});

describe('how long before a need a wake begins', () => {
  it('is the quantile of the starts at which being late pays, and holding the mean', () => {
    const learned = new LearnedStart();
    learned.ms(15_000);
    for (let i = 1; i <= 20; i += 1) learned.add(i * 1_000, i);
    expect(learned.ms(15_000)).toBe(19_000);
    expect(learned.quantileMs(0.75, 15_000)).toBe(15_000);
    expect(learned.quantileMs(1, 15_000)).toBe(19_000);
    expect(learned.quantileMs(0, 15_000)).toBe(1_000);
    expect(learned.meanMs(15_000)).toBe(10_450);
    const unknown = new LearnedStart();
    expect([unknown.quantileMs(0.75, 15_000), unknown.meanMs(15_000)]).toEqual([15_000, 15_000]);
  });

  it('does not follow a single slow start', () => {
    const learned = new LearnedStart();
    learned.ms(15_000);
    learned.add(200_000, 0);
    learned.elapse(900_000);
    for (let i = 1; i <= 4; i += 1) learned.add(12_000, 900_000 + i);
    expect(learned.quantileMs(0.75, 15_000)).toBe(12_000);
    expect(learned.meanMs(15_000)).toBeLessThan(15_000);
  });
});

describe('a start of which only bounds are known', () => {
  /** Learned 20 s from ten starts, then one between these bounds. */
  function learnedAfterBounds(leastMs: number, mostMs: number): LearnedStart {
    const learned = new LearnedStart();
    learned.ms(15_000);
    for (let i = 0; i < 10; i += 1) learned.add(i < 9 ? 18_000 : 20_000, i * HOUR_MS);
    learned.add(mostMs, 10 * HOUR_MS, leastMs);
    return learned;
  }

  it.each([
    [0, 135_000],
    [19_000, 300_000],
    [0, 18_500],
    [14_000, 19_000],
  ])('teaches nothing where it may have been as long as usual (%i to %i ms)', (least, most) => {
    const learned = learnedAfterBounds(least, most);
    expect(learned.ms(15_000)).toBe(20_000);
    expect(learned.observations).toBe(10);
  });

  it.each([
    [30_000, 300_000, 30_000],
    [19_000, 21_000, 21_000],
    [0, 9_000, 20_000],
  ])('counts by the end that is nearer to the usual (%i to %i ms)', (least, most, learnedMs) => {
    const learned = learnedAfterBounds(least, most);
    expect(learned.ms(15_000)).toBe(learnedMs);
    expect(learned.observations).toBe(11);
  });
});
