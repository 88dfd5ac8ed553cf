/** Worlds in which a property of prewarming once failed, as they were drawn. */
import { describe, expect, it } from 'vitest';
import { KNOBS, type Knobs, worldOf } from '../../../../scripts/sim/platform-world.ts';
import {
  callsAreServed,
  startIsLearned,
  upAfterEndMs,
  warmTimeEnds,
  worstStartMs,
} from './world-properties.ts';
import { WorldWatch } from './world-watch.ts';

/** Knobs in the order of `KNOBS`, in ten thousandths. */
function knobsOf(values: readonly number[]): Knobs {
  return Object.fromEntries(KNOBS.map((name, i) => [name, (values[i] ?? 0) / 10_000])) as Knobs;
}

describe('a platform that loses calls and looks while it loads', () => {
  // Starts of 8 s were learned as 178 s, each from a call that was lost two minutes before its wake.
  const world = worldOf(
    knobsOf([
      102, 2311, 3294, 8092, 7007, 2606, 9078, 9273, 5848, 6148, 4620, 2157, 2722, 6452, 9567, 852,
      3954, 6274, 664, 5315, 5620, 5396, 774,
    ]),
    1.5,
  );
  const quietMs = upAfterEndMs(world, worstStartMs(world));
  const seen = new WorldWatch(world, { quietMs });

  it('is not kept warm for ever', () => {
    expect(warmTimeEnds(world, seen)).toBeUndefined();
  });

  it('has starts as long as its first at most', () => {
    const [first = 0] = world.platform.coldStartsMs;
    for (const { learnedMs } of seen.starts) expect(learnedMs).toBeLessThan(1.2 * first);
  });
});

describe('a restart in the midst of a wake that a refused call has joined', () => {
  // The wake counted as used, so the restart forgot that it was in progress: the calls waited for the
  // rest of its patience, and starts of five minutes were learned as 25 minutes.
  const world = worldOf(
    knobsOf([
      9429, 8788, 10, 4260, 9273, 2793, 7864, 4001, 5286, 1852, 419, 3527, 1141, 7565, 767, 9881,
      6504, 545, 8996, 3764, 512, 6361, 1644,
    ]),
    1,
  );
  const restarts = [0.1, 0.3, 0.35, 0.6, 0.9].map((share, i) => ({
    atMs: share * world.lastArrivalMs + 7_000 * i,
    lostMs: 1_000 * i,
  }));
  const seen = new WorldWatch(world, { restarts, quietMs: 1_800_000 });

  it('does not end it', () => {
    expect(callsAreServed(world, seen, 6_000)).toBeUndefined();
  });

  it('teaches no start that nobody watched', () => {
    expect(startIsLearned(world, seen)).toBeUndefined();
  });
});
