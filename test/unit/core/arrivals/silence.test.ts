/** When traffic counts as ended: by what was expected while it was silent, in sessions. */
import { describe, expect, it } from 'vitest';
import { Arrivals } from '../../../../src/core/arrivals/arrivals.ts';
import { Silence, stillSilent } from '../../../../src/core/arrivals/silence.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** A Monday, 00:00 UTC. */
const MONDAY = 4 * DAY;

/** One arrival each `gapMs` while `isOpen`, from a Monday on; `jitter` makes the gaps random. */
function traffic(
  weeks: number,
  gapMs: number,
  isOpen: (hourOfWeek: number) => boolean,
  jitter?: Random,
): { arrivals: Arrivals; lastAt: number } {
  const arrivals = new Arrivals(MONDAY);
  let lastAt = MONDAY;
  for (let at = MONDAY; at < MONDAY + weeks * WEEK; ) {
    if (isOpen(Math.floor(((at - MONDAY) % WEEK) / HOUR))) {
      arrivals.arrived(at);
      lastAt = at;
    }
    at += jitter ? -Math.log(1 - jitter()) * gapMs : gapMs;
  }
  return { arrivals, lastAt };
}

const always = () => true;
const office = (hour: number) => hour < 120 && hour % 24 >= 9 && hour % 24 < 17;

/** The largest probability over a span, asked each ten minutes. */
function most(arrivals: Arrivals, from: number, to: number, withinMs = MINUTE): number {
  let most = 0;
  for (let at = from; at < to; at += 10 * MINUTE) {
    most = Math.max(most, arrivals.needProbability(at, withinMs));
  }
  return most;
}

describe('silence after a week of one call a minute', () => {
  it.each([
    ['evenly', undefined],
    ['at random', seededRandom(1)],
  ])('makes the next one less likely all the time, where they came %s', (_, jitter) => {
    const { arrivals, lastAt } = traffic(1, MINUTE, always, jitter);
    let last = 1;
    for (let at = lastAt + 15 * MINUTE; at < lastAt + 6 * WEEK; at += 15 * MINUTE) {
      const p = arrivals.needProbability(at, MINUTE);
      expect(p).toBeLessThanOrEqual(last + 1e-9);
      last = p;
    }
    expect(arrivals.needProbability(lastAt + 6 * WEEK, HOUR)).toBeLessThan(0.01);
  });

  it('is the end after a day, which a week later is not forgotten', () => {
    const { arrivals, lastAt } = traffic(1, MINUTE, always);
    expect(most(arrivals, lastAt + DAY, lastAt + 5 * WEEK)).toBeLessThan(0.002);
    expect(arrivals.usualProbability(lastAt + 5 * WEEK, HOUR)).toBeLessThan(0.001);
  });
});

describe('silence where none is expected', () => {
  it('is no end: the first run after a weekend is expected as before', () => {
    const { arrivals } = traffic(4, MINUTE, office, seededRandom(2));
    const monday = MONDAY + 4 * WEEK;
    expect(most(arrivals, monday - 2 * DAY, monday + 8 * HOUR)).toBeLessThan(0.01);
    expect(arrivals.needProbability(monday + 9 * HOUR - 30_000, 90_000)).toBeGreaterThan(0.4);
    expect(arrivals.needProbability(monday + 9 * HOUR, MINUTE)).toBeGreaterThan(0.4);
  });

  it('is the end where the whole Monday then stays silent', () => {
    const { arrivals } = traffic(4, MINUTE, office, seededRandom(3));
    const monday = MONDAY + 4 * WEEK;
    expect(arrivals.needProbability(monday + 9 * HOUR, MINUTE)).toBeGreaterThan(0.4);
    expect(most(arrivals, monday + 10 * HOUR, monday + 5 * WEEK)).toBeLessThan(0.06);
    expect(most(arrivals, monday + 2 * DAY, monday + 5 * WEEK)).toBeLessThan(0.001);
  });

  it('is over with the first arrival, also after a day off', () => {
    const { arrivals } = traffic(4, MINUTE, office, seededRandom(4));
    const tuesday = MONDAY + 4 * WEEK + DAY;
    expect(arrivals.needProbability(tuesday + 9 * HOUR, MINUTE)).toBeLessThan(0.1);
    arrivals.arrived(tuesday + 9 * HOUR + MINUTE);
    expect(arrivals.needProbability(tuesday + 9 * HOUR + MINUTE, MINUTE)).toBeGreaterThan(0.4);
    for (let i = 2; i < 480; i += 1) arrivals.arrived(tuesday + 9 * HOUR + i * MINUTE);
    expect(arrivals.needProbability(tuesday + DAY + 9 * HOUR, MINUTE)).toBeGreaterThan(0.4);
  });

  it('does not depend on how often it is asked about', () => {
    const [often, seldom] = [5, 5].map((seed) => traffic(3, MINUTE, office, seededRandom(seed)));
    const monday = MONDAY + 3 * WEEK;
    if (!often || !seldom) throw new Error('no traffic');
    most(often.arrivals, often.lastAt, monday + 9.5 * HOUR);
    for (const at of [monday + 9.5 * HOUR, monday + WEEK]) {
      expect(often.arrivals.needProbability(at, 5 * MINUTE)).toBeCloseTo(
        seldom.arrivals.needProbability(at, 5 * MINUTE),
        6,
      );
    }
  });
});

describe('arrivals in bursts', () => {
  /** 288 a second apart, in five hours of each day that differ from week to week or not. */
  function bursts(weeks: number, hourOf: (burst: number) => number) {
    const arrivals = new Arrivals(MONDAY);
    for (let burst = 0; burst < weeks * 7 * 5; burst += 1) {
      const at = MONDAY + Math.floor(burst / 5) * DAY + hourOf(burst) * HOUR;
      for (let i = 0; i < 288; i += 1) arrivals.arrived(at + i * 1_000);
    }
    return arrivals;
  }

  it('count as one session each: after two that did not come, the next is expected', () => {
    const arrivals = bursts(3, (burst) => 2 + 4 * (burst % 5));
    const monday = MONDAY + 3 * WEEK;
    expect(arrivals.usualProbability(monday + 10 * HOUR, HOUR)).toBeGreaterThan(0.9);
    // The bursts of two and of six o'clock do not come.
    arrivals.needProbability(monday + 9 * HOUR, MINUTE);
    expect(arrivals.usualProbability(monday + 10 * HOUR, HOUR)).toBeGreaterThan(0.6);
  });

  it('have ended after two days, ten sessions', () => {
    const arrivals = bursts(3, (burst) => 2 + 4 * (burst % 5));
    const monday = MONDAY + 3 * WEEK;
    arrivals.needProbability(monday + 2 * DAY, MINUTE);
    expect(arrivals.usualProbability(monday + 2 * DAY + 10 * HOUR, HOUR)).toBeLessThan(0.01);
  });

  it('at hours that differ from week to week are expected as often as they come', () => {
    const random = seededRandom(6);
    const order = Array.from({ length: 8 * 35 }, (_, i) => (i % 5) * 4 + Math.floor(random() * 4));
    const arrivals = bursts(8, (burst) => order[burst] ?? 0);
    const sunday = MONDAY + 8 * WEEK;
    // One of four hours has a burst; a mean rate of 72 an hour would say 1.
    let sum = 0;
    for (let hour = 0; hour < 20; hour += 1) {
      sum += arrivals.usualProbability(sunday + hour * HOUR, HOUR);
    }
    expect(sum / 20).toBeGreaterThan(0.15);
    expect(sum / 20).toBeLessThan(0.4);
  });
});

describe('a load test of two days', () => {
  it('is not expected again and again', () => {
    const { arrivals } = traffic(2 / 7, 1_000, always, seededRandom(7));
    let minutes = 0;
    for (let at = MONDAY + 2 * DAY; at < MONDAY + 6 * WEEK; at += MINUTE) {
      if (arrivals.needProbability(at, MINUTE) >= 0.25) minutes += 1;
    }
    expect(minutes).toBeLessThan(30);
  });
});

describe('a snapshot of an older version', () => {
  it('has its silence weighed when it is restored', () => {
    const { arrivals, lastAt } = traffic(1, MINUTE, always);
    const now = lastAt + 3 * DAY;
    arrivals.needProbability(now, MINUTE);
    const { silence, week, ...old } = arrivals.snapshot();
    const { active, ...oldWeek } = week;
    expect(silence?.missedHours).toBeGreaterThan(40);
    expect(active).toHaveLength(168);
    const again = new Arrivals(now);
    again.restore(JSON.parse(JSON.stringify({ ...old, week: oldWeek })));
    expect(most(again, now, now + WEEK)).toBeLessThan(0.01);
    expect(again.snapshot().silence?.missedHours).toBeGreaterThan(40);
  });

  it('without any silence expects the same as before', () => {
    const { arrivals } = traffic(4, MINUTE, office, seededRandom(8));
    const monday = MONDAY + 4 * WEEK;
    const { silence: _, week, ...old } = arrivals.snapshot();
    const { active: __, ...oldWeek } = week;
    const again = new Arrivals(monday);
    again.restore(JSON.parse(JSON.stringify({ ...old, week: oldWeek })));
    expect(again.needProbability(monday + 9 * HOUR, MINUTE)).toBeGreaterThan(0.4);
  });
});

describe('Silence', () => {
  it('goes on in an hour or two without arrivals, and has ended after a working day', () => {
    const silence = new Silence();
    expect(silence.goesOn).toBe(1);
    silence.pass(1, 60);
    expect(silence.goesOn).toBeGreaterThan(0.9);
    silence.pass(8, 480);
    expect(silence.goesOn).toBeLessThan(0.01);
    silence.pass(1e6, 1e9);
    expect(silence.goesOn).toBe(0);
    silence.end();
    expect(silence.goesOn).toBe(1);
  });

  it('makes an arrival less certain, the more were expected in vain', () => {
    const p = (expected: number) => 1 - stillSilent(expected, 1);
    expect(p(0)).toBeGreaterThan(0.5);
    expect(p(10)).toBeLessThan(0.2);
    expect(p(1_000)).toBeLessThan(0.01);
    expect(stillSilent(0, 0)).toBe(1);
  });
});
