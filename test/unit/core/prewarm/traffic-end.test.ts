/**
 * After traffic has ended, the time for which the theta rule keeps an endpoint warm has an end:
 * whatever the traffic was, how long a cold start takes and what a warm second costs.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrivals } from '../../../../src/core/arrivals/arrivals.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';
import { type PrewarmQuery, thetaRule } from '../../../../src/core/prewarm/prewarm-rule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const START = 1_000 * WEEK;

interface Traffic {
  readonly seed: number;
  readonly days: number;
  /** Mean time between sessions' arrivals, ms, and arrivals of a burst that come with each. */
  readonly gapMs: number;
  readonly burst: number;
  readonly regular: boolean;
  readonly opens: number;
  readonly hours: number;
  readonly weekends: boolean;
  /** Factor of the rate in the second half. */
  readonly change: number;
  readonly holidays: number;
}

const TRAFFIC: fc.Arbitrary<Traffic> = fc.record({
  seed: fc.integer({ min: 1, max: 1_000 }),
  days: fc.integer({ min: 1, max: 30 }),
  gapMs: fc.constantFrom(5_000, 20_000, MINUTE, 5 * MINUTE, 20 * MINUTE, 2 * HOUR, 12 * HOUR),
  burst: fc.constantFrom(1, 1, 1, 10, 100),
  regular: fc.boolean(),
  opens: fc.integer({ min: 0, max: 20 }),
  hours: fc.constantFrom(1, 4, 8, 12, 24),
  weekends: fc.boolean(),
  change: fc.constantFrom(1, 1, 0.5, 2, 0.1),
  holidays: fc.constantFrom(0, 0, 0.1, 0.3),
});

/** Arrivals, in order. */
function* arrivalsOf(traffic: Traffic): Iterable<number> {
  const random: Random = seededRandom(traffic.seed);
  const isOff = Array.from({ length: traffic.days }, () => random() < traffic.holidays);
  // Of fast traffic a few thousand arrivals show all there is to see.
  const days = Math.min(traffic.days, Math.ceil((20_000 * traffic.gapMs) / traffic.burst / DAY));
  for (let at = START; at < START + days * DAY; ) {
    const day = Math.floor((at - START) / DAY);
    const hour = Math.floor((at % DAY) / HOUR);
    const isOpen = (hour - traffic.opens + 24) % 24 < traffic.hours;
    if (isOpen && !isOff[day] && (traffic.weekends || day % 7 < 5)) {
      for (let i = 0; i < traffic.burst; i += 1) yield at + i * 500;
    }
    const factor = day * 2 >= days ? traffic.change : 1;
    const meanMs = (traffic.gapMs * traffic.burst) / factor;
    const gapMs = traffic.regular ? meanMs : -Math.log(1 - random()) * meanMs;
    at += Math.max(traffic.burst * 500, gapMs);
  }
}

interface Platform {
  readonly coldStartMs: number;
  readonly idleTimeoutMs: number;
  readonly theta: number;
  readonly calls: number;
}

/**
 * Time that the endpoint is up in the weeks after the last arrival, asked each minute as the cron
 * and the alarm do. It stays up for its idle timeout unless it is held; a wake takes a cold start.
 */
function keptMs(
  arrivals: Arrivals,
  from: number,
  weeks: number,
  { coldStartMs, idleTimeoutMs, theta, calls }: Platform,
) {
  const rule = thetaRule(theta);
  let [unusedMs, upUntil, crowd] = [0, from + idleTimeoutMs, 1];
  for (let now = from; now < from + weeks * WEEK; now += MINUTE) {
    crowd = arrivals.crowd(15_000, coldStartMs);
    const query: PrewarmQuery = {
      backend: 'llm',
      now,
      forecast: (withinMs) => ({ runs: [], arrivals: arrivals.needProbability(now, withinMs) }),
      coldStartMs,
      aheadMs: now < upUntil ? 0 : MINUTE,
      capacity: 0,
      crowd,
      hardlyKnown: calls < 20,
      idleMs: now - from,
      unusedMs,
    };
    const isUp = now < upUntil;
    const endsSoon = upUntil - now <= MINUTE;
    if (isUp && endsSoon && rule.hold(query).wake) upUntil = now + idleTimeoutMs;
    if (!isUp && rule.wake(query).wake) upUntil = now + coldStartMs + idleTimeoutMs;
    unusedMs += Math.max(0, Math.min(MINUTE, upUntil - now));
  }
  return { unusedMs, paidMs: (coldStartMs * (1 - theta) * crowd) / theta };
}

describe('warm time after the last arrival', () => {
  it('ends after an hour and three idle timeouts, or when a cold start is paid for', () => {
    fc.assert(
      fc.property(
        TRAFFIC,
        fc.record({
          coldStartMs: fc.integer({ min: 5, max: 300 }).map((s) => s * 1_000),
          idleTimeoutMs: fc.constantFrom(MINUTE, 5 * MINUTE, 20 * MINUTE),
          theta: fc.constantFrom(0.01, 0.05, 0.1, 0.25, 0.5, 0.8),
          calls: fc.constantFrom(5, 1_000),
        }),
        (traffic, platform) => {
          const arrivals = new Arrivals(START);
          let lastAt = START;
          for (const at of arrivalsOf(traffic)) {
            arrivals.arrived(at);
            lastAt = Math.max(lastAt, at);
          }
          const { unusedMs, paidMs } = keptMs(arrivals, lastAt, 2, platform);
          const allowedMs = Math.max(HOUR, paidMs) + 3 * platform.idleTimeoutMs;
          expect(unusedMs).toBeLessThanOrEqual(allowedMs + MINUTE);
        },
      ),
      { numRuns: 25, seed: 1 },
    );
  });
});

describe('the probability of an arrival', () => {
  it('is between 0 and 1 and rises with the horizon, after any traffic and any silence', () => {
    fc.assert(
      fc.property(
        TRAFFIC,
        fc.array(fc.double({ min: 0, max: 6 * WEEK, noNaN: true }), { maxLength: 10 }),
        (traffic, silences) => {
          const arrivals = new Arrivals(START);
          let lastAt = START;
          for (const at of arrivalsOf(traffic)) {
            arrivals.arrived(at);
            lastAt = Math.max(lastAt, at);
          }
          for (const silence of silences.sort((a, b) => a - b)) {
            let last = 0;
            for (const withinMs of [0, 1, 1_000, MINUTE, 5 * MINUTE, HOUR, DAY, WEEK, 10 * WEEK]) {
              const p = arrivals.needProbability(lastAt + silence, withinMs);
              expect(p).toBeGreaterThanOrEqual(last - 1e-12);
              expect(p).toBeLessThanOrEqual(1);
              last = p;
            }
          }
        },
      ),
      { numRuns: 30, seed: 2 },
    );
  });
});
