/** The states of an endpoint: cold, warming, warm and cold again, and when it gets no calls. */
import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../../../src/core/backends/endpoint.ts';
import {
  endpointSnapshot,
  restoreEndpoint,
} from '../../../../src/core/backends/endpoint-snapshot.ts';
import type { EndpointSpec, Wake } from '../../../../src/core/backends/endpoint-state.ts';

const SCALING: EndpointSpec = {
  id: 'e1',
  slots: 2,
  coldStart: { estimateMs: 10_000, idleTimeoutMs: 60_000 },
};
const FIXED: EndpointSpec = { id: 'e2', slots: 3 };

const wakeAt = (at: number): Wake => ({ cause: 'demand', at, reason: 'a call', probability: 1 });

/** An endpoint that has had one cold start of each of these lengths. */
function afterColdStarts(times: readonly number[]): Endpoint {
  const endpoint = new Endpoint(SCALING, 0);
  for (const ms of times) {
    endpoint.becameCold();
    endpoint.wakes.begin(wakeAt(0));
    endpoint.wakes.answered(ms, { tookMs: ms });
  }
  return endpoint;
}

describe('Endpoint', () => {
  it('goes from cold over warming to warm, and cold again when idle', () => {
    const endpoint = new Endpoint(SCALING, 0);
    expect(endpoint.state).toBe('cold');
    expect(endpoint.isReady(0)).toBe(false);
    endpoint.wakes.begin(wakeAt(1_000));
    expect(endpoint.state).toBe('warming');
    expect(endpoint.isReady(1_000)).toBe(false);
    endpoint.wakes.answered(9_000, { tookMs: 8_000 });
    expect(endpoint.state).toBe('warm');
    expect(endpoint.isReady(9_000)).toBe(true);
    expect(endpoint.changesAt).toBe(69_000);
    endpoint.elapse(68_999);
    expect(endpoint.state).toBe('warm');
    endpoint.elapse(69_000);
    expect(endpoint.state).toBe('cold');
    expect(endpoint.changesAt).toBe(Infinity);
  });

  it('is warm for ever where it does not scale to zero', () => {
    const endpoint = new Endpoint(FIXED, 0);
    expect(endpoint.state).toBe('warm');
    expect(endpoint.coldStartMs).toBe(0);
    expect(endpoint.changesAt).toBe(Infinity);
    endpoint.elapse(1e15);
    endpoint.becameCold();
    expect(endpoint.state).toBe('warm');
  });

  it('does not go cold while a call holds a slot', () => {
    const endpoint = afterColdStarts([5_000]);
    endpoint.slots.sequences = 1;
    expect(endpoint.changesAt).toBe(Infinity);
    endpoint.elapse(1e9);
    expect(endpoint.state).toBe('warm');
    endpoint.slots.sequences = 0;
    endpoint.elapse(1e9);
    expect(endpoint.state).toBe('cold');
  });

  it('stays warm longer by each call that it serves and each wake that keeps it warm', () => {
    const endpoint = afterColdStarts([5_000]);
    endpoint.evidence.succeeded(50_000);
    expect(endpoint.changesAt).toBe(110_000);
    endpoint.wakes.begin(wakeAt(100_000));
    expect(endpoint.state).toBe('warm');
    expect(endpoint.changesAt).toBe(160_000);
  });

  it('is ready only as long as a slot is free', () => {
    const endpoint = new Endpoint(FIXED, 0);
    endpoint.slots.take(1);
    endpoint.slots.take(1);
    expect(endpoint.slots.free).toBe(1);
    expect(endpoint.isReady(0)).toBe(true);
    endpoint.slots.take(1);
    expect(endpoint.slots.free).toBe(0);
    expect(endpoint.isReady(0)).toBe(false);
  });

  it('is ready for several sequences as long as so many slots are free, or all of them', () => {
    const endpoint = new Endpoint(FIXED, 0);
    expect([3, 4, 100].map((n) => endpoint.isReady(0, '', n))).toEqual([true, true, true]);
    endpoint.slots.take(1);
    expect([2, 3, 100].map((n) => endpoint.isReady(0, '', n))).toEqual([true, false, false]);
    endpoint.released(1, 0);
    endpoint.slots.take(100);
    expect(endpoint.isReady(1)).toBe(false);
    expect(endpoint.slots.concurrency).toBe(3);
    endpoint.released(2, 1, '', 100);
    expect([endpoint.slots.free, endpoint.slots.inFlight]).toEqual([3, 0]);
  });

  it('leaves a draining endpoint draining, whatever happens to it', () => {
    const endpoint = afterColdStarts([5_000]);
    endpoint.state = 'draining';
    expect(endpoint.isReady(10_000)).toBe(false);
    expect(endpoint.changesAt).toBe(Infinity);
    const events = [
      () => endpoint.wakes.begin(wakeAt(10_000)),
      () => endpoint.wakes.answered(11_000, { tookMs: 1_000 }),
      () => endpoint.evidence.succeeded(12_000),
      () => endpoint.becameCold(),
      () => endpoint.elapse(1e9),
      () => restoreEndpoint(endpoint, { state: 'warm', lastActiveAt: 0, coldStartsMs: [5_000] }),
    ];
    for (const event of events) {
      event();
      expect(endpoint.state).toBe('draining');
    }
    expect(endpoint.coldStartMs).toBe(5_000);
  });

  it('gives up a wake that is not answered within a minute or four cold starts', () => {
    const quick = new Endpoint(SCALING, 0);
    quick.wakes.begin(wakeAt(1_000));
    expect(quick.changesAt).toBe(61_000);
    quick.elapse(60_999);
    expect(quick.state).toBe('warming');
    quick.elapse(61_000);
    expect(quick.state).toBe('cold');

    const slow = new Endpoint(
      { ...SCALING, coldStart: { estimateMs: 40_000, idleTimeoutMs: 60_000 } },
      0,
    );
    slow.wakes.begin(wakeAt(1_000));
    expect(slow.changesAt).toBe(161_000);
  });

  it('expects the configured cold start until one was seen, then the P95 of those seen', () => {
    expect(new Endpoint(SCALING, 0).coldStartMs).toBe(10_000);
    expect(afterColdStarts([3_000]).coldStartMs).toBe(3_000);
    expect(afterColdStarts([3_000, 9_000, 6_000]).coldStartMs).toBe(9_000);
    // The estimate is the 19th of 20 in order of length, so a single outlier does not count.
    const twenty = Array.from({ length: 20 }, (_, i) => (i === 7 ? 500_000 : 1_000 + i));
    expect(afterColdStarts(twenty).coldStartMs).toBe(1_019);
  });

  it('forgets all but the last 20 cold starts', () => {
    const slowOnes = Array.from({ length: 20 }, () => 90_000);
    const quickOnes = Array.from({ length: 19 }, () => 2_000);
    expect(afterColdStarts([...slowOnes, ...quickOnes]).coldStartMs).toBe(2_000);
    expect(afterColdStarts([...slowOnes, ...quickOnes.slice(1)]).coldStartMs).toBe(90_000);
    expect(
      endpointSnapshot(afterColdStarts([...slowOnes, ...quickOnes])).coldStartsMs,
    ).toHaveLength(20);
  });

  it('measures no cold start where the wake was not from cold or not timed', () => {
    const endpoint = new Endpoint(SCALING, 0);
    endpoint.wakes.begin(wakeAt(0));
    endpoint.wakes.answered(7_000);
    expect(endpoint.coldStartMs).toBe(10_000);
    endpoint.wakes.answered(8_000, { tookMs: 50 });
    expect(endpoint.coldStartMs).toBe(10_000);
  });

  it('gets no calls after three failures in a row, each time twice as long, up to 30 s', () => {
    const endpoint = new Endpoint(FIXED, 0);
    endpoint.trust.failed(1_000, 1_000);
    endpoint.trust.failed(1_000, 1_000);
    expect(endpoint.isReady(1_000)).toBe(true);
    let now = 1_000;
    const rests = Array.from({ length: 8 }, () => {
      endpoint.trust.failed(now, now);
      const restMs = endpoint.trust.openUntil(now) - now;
      expect(endpoint.isReady(now + restMs - 1)).toBe(false);
      expect(endpoint.isReady(now + restMs)).toBe(true);
      now += restMs;
      return restMs;
    });
    expect(rests).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('counts failures from the start again after a success', () => {
    const endpoint = new Endpoint(FIXED, 0);
    for (let i = 0; i < 5; i += 1) endpoint.trust.failed(1_000, 1_000);
    expect(endpoint.isReady(1_400)).toBe(false);
    endpoint.evidence.succeeded(1_400);
    expect(endpoint.isReady(1_400)).toBe(true);
    endpoint.trust.failed(2_000, 2_000);
    endpoint.trust.failed(2_000, 2_000);
    expect(endpoint.trust.openUntil(2_000)).toBe(0);
    endpoint.trust.failed(2_000, 2_000);
    expect(endpoint.trust.openUntil(2_000)).toBe(2_500);
  });

  it('survives a restart warm with its cold starts, and in the midst of a wake', () => {
    const warm = afterColdStarts([4_000, 6_000]);
    const again = new Endpoint(SCALING, 99_000);
    restoreEndpoint(again, endpointSnapshot(warm));
    expect(again.state).toBe('warm');
    expect(again.coldStartMs).toBe(6_000);
    expect(again.changesAt).toBe(66_000);

    const warming = new Endpoint(SCALING, 0);
    warming.wakes.begin(wakeAt(1_000));
    expect(endpointSnapshot(warming).state).toBe('warming');
    restoreEndpoint(again, JSON.parse(JSON.stringify(endpointSnapshot(warming))));
    expect(again.state).toBe('warming');
    expect(again.lastActiveAt).toBe(1_000);
    expect(again.changesAt).toBe(61_000);
    expect(again.wakes.takeInterrupted(11_000, true)).toEqual(wakeAt(1_000));
    expect(again.wakes.takeInterrupted(11_000, true)).toBeUndefined();
    again.wakes.answered(31_000, { tookMs: 20_000 });
    expect(again.coldStartMs).toBe(30_000);

    // Earlier versions did not store when the wake began.
    const { start: _, ...old } = endpointSnapshot(warming);
    const fromOld = new Endpoint(SCALING, 0);
    restoreEndpoint(fromOld, old);
    expect(fromOld.state).toBe('cold');
    expect(fromOld.wakes.takeInterrupted(0, true)).toBeUndefined();
  });

  it('goes on with a wake after a restart whose outcome is booked already', () => {
    const warming = new Endpoint(SCALING, 0);
    warming.wakes.begin(wakeAt(1_000));
    warming.wake = undefined;
    const again = new Endpoint(SCALING, 0);
    restoreEndpoint(again, JSON.parse(JSON.stringify(endpointSnapshot(warming))));
    expect(again.wakes.takeInterrupted(11_000, true)).toMatchObject({ cause: 'demand', at: 1_000 });
    expect(again.wakes.isLast(1_000)).toBe(true);
    // Where calls are sent to cold endpoints, a call is the request that is waited for.
    restoreEndpoint(again, JSON.parse(JSON.stringify(endpointSnapshot(warming))));
    expect(again.wakes.takeInterrupted(11_000, false)).toBeUndefined();
  });

  it('is warm after a restart where it no longer scales to zero', () => {
    const endpoint = new Endpoint(FIXED, 0);
    restoreEndpoint(endpoint, { state: 'cold', lastActiveAt: 5, coldStartsMs: [] });
    expect(endpoint.state).toBe('warm');
  });
});
