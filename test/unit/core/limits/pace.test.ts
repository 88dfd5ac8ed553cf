/** A limit that is spread evenly: how much can be taken in any second and in any minute. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Pace, paceAt, paceTaken, readyAt } from '../../../../src/core/limits/pace.ts';

/** The times at which each unit is taken, if it is taken as soon as it may be. */
function takenAt(perMinute: number, count: number): number[] {
  const times: number[] = [];
  let [pace, now]: [Pace | undefined, number] = [undefined, 0];
  while (times.length < count) {
    pace = paceAt(perMinute, pace, now);
    const ready = readyAt(perMinute, pace);
    if (ready > now) {
      now = ready;
      continue;
    }
    pace = paceTaken(pace);
    times.push(now);
  }
  return times;
}

describe('a pace', () => {
  it('admits the amount of one second at once, and the next after a second', () => {
    expect(takenAt(120, 6)).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
    expect(takenAt(1, 3)).toEqual([0, 60_000, 120_000]);
    expect(takenAt(30, 3)).toEqual([0, 2_000, 4_000]);
  });

  it('never admits more in a minute than its limit plus the amount of one second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (perMinute) => {
        const times = takenAt(perMinute, 300);
        const most = Math.max(1, perMinute / 60);
        for (const from of [0, 17, 150]) {
          const start = times[from] ?? 0;
          const within = (ms: number) =>
            times.filter((at) => at >= start && at < start + ms).length;
          expect(within(60_000)).toBeLessThanOrEqual(perMinute + most);
          expect(within(1_000)).toBeLessThanOrEqual(2 * most);
        }
      }),
    );
  });

  it('is full again after a pause, and no more than that', () => {
    const taken = paceTaken(paceAt(600, undefined, 0));
    expect(paceAt(600, taken, 3_600_000)).toEqual({ level: 10, at: 3_600_000 });
    // A clock that went back takes nothing away.
    expect(paceAt(600, taken, -5_000).level).toBe(9);
  });
});
