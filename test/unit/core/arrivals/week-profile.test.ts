/** The usual level of arrivals in each hour of the week. */
import { describe, expect, it } from 'vitest';
import { WeekProfile } from '../../../../src/core/arrivals/week-profile.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** Weeks with 60 evenly spaced arrivals in the tenth hour of the first day and no others. */
function afterWeeks(weeks: number): WeekProfile {
  const profile = new WeekProfile(0);
  for (let week = 0; week < weeks; week += 1) {
    for (let i = 0; i < 60; i += 1) profile.arrived(week * WEEK + 9 * HOUR + 30_000 + i * 60_000);
  }
  profile.elapse(weeks * WEEK);
  return profile;
}

describe('WeekProfile', () => {
  it('gives no level for an hour of which it has observed less than half an hour', () => {
    const profile = new WeekProfile(0);
    profile.elapse(HOUR / 2 - 1);
    expect(profile.ratePerSec(0)).toBeUndefined();
    profile.elapse(HOUR / 2);
    expect(profile.ratePerSec(0)).toBe(0);
    expect(profile.ratePerSec(HOUR)).toBeUndefined();
  });

  it('knows the hour of the week, in each week to come', () => {
    const profile = afterWeeks(4);
    for (const week of [4, 5, 100]) {
      expect(profile.ratePerSec(week * WEEK + 9.5 * HOUR)).toBeCloseTo(1 / 60, 6);
      expect(profile.ratePerSec(week * WEEK + 8.5 * HOUR)).toBe(0);
      expect(profile.ratePerSec(week * WEEK + DAY + 9.5 * HOUR)).toBe(0);
    }
  });

  it('follows a new level: half of the old is forgotten in four weeks', () => {
    const profile = afterWeeks(50);
    for (let week = 51; week <= 54; week += 1) profile.elapse(week * WEEK);
    const rate = profile.ratePerSec(54 * WEEK + 9.5 * HOUR) ?? 0;
    expect(rate * 60).toBeGreaterThan(0.4);
    expect(rate * 60).toBeLessThan(0.6);
  });

  it('does not depend on how often it is asked in between', () => {
    const often = new WeekProfile(0);
    const seldom = new WeekProfile(0);
    for (let at = 0; at < 3 * DAY; at += 600_000) {
      often.elapse(at);
      if (at % (5 * HOUR) === 0) {
        often.arrived(at);
        seldom.arrived(at);
      }
    }
    often.elapse(3 * DAY);
    seldom.elapse(3 * DAY);
    for (let hour = 0; hour < 72; hour += 1) {
      expect(often.ratePerSec(hour * HOUR)).toBeCloseTo(seldom.ratePerSec(hour * HOUR) ?? -1, 9);
    }
  });

  it('is the same after a restore from its snapshot, and continues', () => {
    const profile = afterWeeks(2);
    const again = new WeekProfile(0);
    again.restore(JSON.parse(JSON.stringify(profile.snapshot())));
    expect(again.ratePerSec(2 * WEEK + 9.5 * HOUR)).toBeCloseTo(1 / 60, 4);
    again.elapse(2 * WEEK + HOUR);
    profile.elapse(2 * WEEK + HOUR);
    expect(again.snapshot().seconds[0]).toBeCloseTo(profile.snapshot().seconds[0] ?? -1, 1);
  });
});
