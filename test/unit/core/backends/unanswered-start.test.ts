import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../../../src/core/backends/endpoint.ts';
import {
  endpointSnapshot,
  restoreEndpoint,
} from '../../../../src/core/backends/endpoint-snapshot.ts';
import { StartWatch } from '../../../../src/core/backends/start-watch.ts';

const KNOWN = { coldStartMs: 20_000, idleTimeoutMs: 60_000 };

/** A wake after a call that was held for two minutes and got no answer. */
function watched(): StartWatch {
  const watch = new StartWatch();
  const held = { idleMs: 300_000, unansweredMs: 120_000 };
  watch.begin({ from: 'claimed', ...held, at: 1_000_000, patienceMs: 60_000 });
  return watch;
}

describe('a start that began with a call that got no answer in time', () => {
  it('is measured from that call', () => {
    const lesson = watched().answered({ tookMs: 24_000 }, KNOWN);
    expect(lesson).toMatchObject({ startMs: 144_000, coldAfterMs: 300_000 });
  });

  it('is measured from it also where the first wake was given up', () => {
    const watch = watched();
    watch.giveUp(1_060_000);
    watch.begin({ from: 'failed', at: 1_070_000, patienceMs: 120_000 });
    expect(watch.answered({ tookMs: 10_000, refusals: 3 }, KNOWN)).toMatchObject({
      startMs: 200_000,
    });
  });

  it('is none where the wake is answered at once: the endpoint was only slow', () => {
    expect(watched().answered({ tookMs: 300 }, KNOWN)).toEqual({ wasUp: true });
  });

  it('has only bounds where the platform also loses the requests of the wake', () => {
    const lost = { tookMs: 15_300, refusals: 1, unnoticedMs: 15_300 };
    const lesson = watched().answered(lost, KNOWN);
    expect(lesson).toMatchObject({ startMs: 135_300, leastStartMs: 0, coldAfterMs: 300_000 });
  });
});

describe('a start whose end nobody saw', () => {
  it('lies between the last sign of loading and the answer', () => {
    const watch = new StartWatch();
    watch.begin({ from: 'told', at: 1_000_000, patienceMs: 60_000 });
    const lesson = watch.answered({ tookMs: 25_000, refusals: 4, unnoticedMs: 6_000 }, KNOWN);
    expect(lesson).toEqual({ startMs: 25_000, leastStartMs: 19_000, coldAfterMs: Number.NaN });
  });

  it('lies between two wakes where the second is answered at once', () => {
    const watch = new StartWatch();
    watch.begin({ from: 'told', at: 1_000_000, patienceMs: 60_000 });
    watch.giveUp(1_060_000);
    watch.giveUp(1_060_050, 30_000);
    watch.begin({ from: 'failed', at: 1_090_000, patienceMs: 120_000 });
    expect(watch.answered({ tookMs: 100 }, KNOWN)).toMatchObject({
      startMs: 90_100,
      leastStartMs: 30_000,
    });
  });

  it('is known where the second wake is refused first', () => {
    const watch = new StartWatch();
    watch.begin({ from: 'told', at: 1_000_000, patienceMs: 60_000 });
    watch.giveUp(1_060_000);
    watch.begin({ from: 'failed', at: 1_090_000, patienceMs: 120_000 });
    const lesson = watch.answered({ tookMs: 5_000, refusals: 9 }, KNOWN);
    expect(lesson).toMatchObject({ startMs: 95_000 });
    expect(lesson).not.toHaveProperty('leastStartMs');
  });

  it('does not go on where a wake was refused for good before its patience ended', () => {
    const watch = new StartWatch();
    watch.begin({ from: 'told', at: 1_000_000, patienceMs: 60_000 });
    watch.giveUp(1_000_800);
    watch.begin({ from: 'failed', at: 1_030_000, patienceMs: 60_000 });
    const lesson = watch.answered({ tookMs: 20_000, refusals: 30 }, KNOWN);
    expect(lesson).toMatchObject({ startMs: 20_000 });
  });

  /** A wake that is sent again after the object was gone for a while. */
  function sentAgainAfter(goneMs: number): StartWatch {
    const watch = new StartWatch();
    watch.begin({ from: 'told', at: 1_000_000, patienceMs: 600_000 });
    watch.sentAgain(1_000_000 + goneMs);
    return watch;
  }

  it('may lie in the time in which nobody asked', () => {
    const found = sentAgainAfter(50_000).answered({ tookMs: 100 }, KNOWN);
    expect(found).toMatchObject({ startMs: 50_100, leastStartMs: 0 });
  });

  it('is known where it was still loading after that', () => {
    const times = { tookMs: 30_000, refusals: 20 };
    const lesson = sentAgainAfter(50_000).answered(times, KNOWN);
    expect(lesson).toMatchObject({ startMs: 80_000 });
    expect(lesson).not.toHaveProperty('leastStartMs');
  });

  it('is not, where it may have become cold again meanwhile', () => {
    const times = { tookMs: 30_000, refusals: 20 };
    const lesson = sentAgainAfter(300_000).answered(times, KNOWN);
    expect(lesson).toMatchObject({ startMs: 330_000, leastStartMs: 30_000 });
  });
});

describe('a request that got no answer, before one that was answered at once', () => {
  /** Starts that were learned when the first look of the second one got no answer. */
  function learnedOf(wasHeld: boolean): number | undefined {
    const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
    const endpoint = new Endpoint({ id: 'e', slots: 2, coldStart }, 0);
    const wake = (at: number) => ({ cause: 'demand' as const, at, reason: '', probability: 1 });
    endpoint.wakes.begin(wake(0));
    endpoint.wakes.answered(12_000, { tookMs: 12_000, wasHeld });
    const again = new Endpoint({ id: 'e', slots: 2, coldStart }, 0);
    restoreEndpoint(again, JSON.parse(JSON.stringify(endpointSnapshot(endpoint))));
    again.becameCold(100_000);
    again.wakes.begin(wake(200_000));
    const times = { tookMs: 16_000, refusals: 1, unnoticedMs: 16_000, unansweredMs: 1_000 };
    again.wakes.answered(216_000, times);
    return again.learning.learned?.coldStart.observations;
  }

  it('shows that it was loading where the platform holds requests', () => {
    expect(learnedOf(true)).toBe(2);
  });

  it('may have been lost elsewhere', () => {
    expect(learnedOf(false)).toBe(1);
  });
});
