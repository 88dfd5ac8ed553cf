/**
 * Properties of prewarming in worlds drawn at random: the real dispatcher, driven by events on a
 * virtual clock, against platforms that behave as platforms do. `TALARIA_WORLDS=N` draws N times as
 * many, `TALARIA_WORLD_SEED=N` others, and with `TALARIA_WORLD_SHRINK=1` a failing one is shrunk.
 */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  KNOBS,
  type Knobs,
  type PlatformWorld,
  worldOf,
} from '../../../../scripts/sim/platform-world.ts';
import type { SimOptions } from '../../../../scripts/sim/simulator.ts';
import {
  booksAgree,
  budgetHolds,
  callsAreServed,
  nobodyFails,
  oneWakeAtATime,
  pingsAreApart,
  priceIsWorth,
  startIsLearned,
  upAfterEndMs,
  warmTimeEnds,
  worstStartMs,
} from './world-properties.ts';
import { WorldWatch } from './world-watch.ts';

const TIMES = Number(process.env.TALARIA_WORLDS ?? 1);
const SEED = Number(process.env.TALARIA_WORLD_SEED ?? 20_270_104);
/** Shrinking takes minutes: by flag. */
const SHRINKS = process.env.TALARIA_WORLD_SHRINK !== undefined;
const HOUR_MS = 3_600_000;
/** Worlds whose warm time may go on for longer are not watched to its end. */
const LONGEST_QUIET_MS = 4 * HOUR_MS;

// Without a bias: at the bounds of many knobs at once a world is none that anybody meets.
const knob = fc.noBias(fc.nat(9_999)).map((n) => n / 10_000);
const knobs = fc.record(
  Object.fromEntries(KNOBS.map((name) => [name, knob])) as Record<keyof Knobs, typeof knob>,
);

/** Checks a property in so many worlds with traffic of at most so many hours. */
function inWorlds(
  count: number,
  mostHours: number,
  check: (world: PlatformWorld, drawn: Knobs) => readonly (string | undefined)[],
  change: (drawn: Knobs) => Knobs = (drawn) => drawn,
): void {
  const property = fc.property(knobs, (drawn) => {
    const world = worldOf(change(drawn), mostHours);
    const wrong = check(world, drawn).filter((text) => text !== undefined);
    if (wrong.length > 0) throw new Error(`${wrong.join('; ')} in ${textOf(world)}`);
  });
  const numRuns = Math.ceil(count * TIMES);
  fc.assert(property, { numRuns, seed: SEED, endOnFailure: !SHRINKS });
}

function textOf({ platform, trace, theta, estimateMs, configuredIdleMs }: PlatformWorld): string {
  const coldStartsMs = platform.coldStartsMs.slice(0, 8);
  const told = { theta, estimateMs, configuredIdleMs, runs: trace.length };
  return JSON.stringify({ ...told, platform: { ...platform, coldStartsMs } });
}

/** Watched until its warm time must have ended, where that is not too long. */
function watched(world: PlatformWorld, options: Partial<SimOptions> = {}): WorldWatch {
  const quietMs = 1.2 * upAfterEndMs(world, worstStartMs(world));
  return new WorldWatch(world, {
    ...options,
    quietMs: quietMs <= LONGEST_QUIET_MS ? quietMs : HOUR_MS / 2,
  });
}

describe('in any world', () => {
  it('warm time ends, pings are apart, starts are learned, calls are served, books agree', () => {
    inWorlds(400, 1.5, (world) => {
      const seen = watched(world);
      return [
        warmTimeEnds(world, seen),
        pingsAreApart(world, seen),
        startIsLearned(world, seen),
        callsAreServed(world, seen),
        booksAgree(world, seen),
        nobodyFails(world, seen),
        oneWakeAtATime(seen),
      ];
    });
  });

  it('warm time is worth the waits that it saves, but for a stated regret', () => {
    inWorlds(200, 1.5, (world) => {
      const onDemand = watched(world, { prewarm: 'off' });
      return [priceIsWorth(world, watched(world), onDemand)];
    });
  });

  it('the budget of a day holds', () => {
    inWorlds(150, 2, (world, { budget }) => {
      const warmMs = 60_000 * (1 + 59 * budget);
      return [budgetHolds(world, watched(world, { budget: { warmMs } }), warmMs)];
    });
  });

  it('restarts of the object neither forget nor double a wake', () => {
    inWorlds(150, 1, (world) => {
      const restarts = [0.1, 0.3, 0.35, 0.6, 0.9].map((share, i) => ({
        atMs: share * world.lastArrivalMs + 7_000 * i,
        lostMs: 1_000 * i,
      }));
      const seen = watched(world, { restarts });
      return [
        warmTimeEnds(world, seen),
        pingsAreApart(world, seen),
        callsAreServed(world, seen, 6_000),
      ];
    });
  });

  it('leaps of the clock by an hour break nothing', () => {
    inWorlds(150, 1, (world) => {
      const clockLeaps = [-1, 1, 1, -1].map((sign, i) => ({
        atMs: (0.15 + 0.2 * i) * world.lastArrivalMs,
        byMs: sign * HOUR_MS,
      }));
      const seen = watched(world, { clockLeaps });
      return [
        // The hour that the clock went back is waited through again.
        warmTimeEnds(world, seen, HOUR_MS),
        pingsAreApart(world, seen),
        startIsLearned(world, seen),
        callsAreServed(world, seen, 6_000),
      ];
    });
  });

  it('over a week with nights and a weekend', () => {
    const asleep = (drawn: Knobs) => ({
      ...drawn,
      sleep: 0.6 + 0.4 * drawn.sleep,
      rate: 0.51 + drawn.rate / 4,
      hours: 1,
    });
    inWorlds(
      3,
      168,
      (world) => {
        const seen = watched(world);
        return [pingsAreApart(world, seen), startIsLearned(world, seen), booksAgree(world, seen)];
      },
      asleep,
    );
  });
});
