/**
 * The rules of jobs: which starts next, what the end of an attempt means, and when it is retried.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterAttempt,
  nextToStart,
  restMs,
  WEBHOOK_TRIES,
  webhookPauseMs,
} from '../../../../src/core/limits/job-rules.ts';

describe('the end of an attempt', () => {
  const end = { granted: true, attempts: 1, maxAttempts: 3 };

  it.each([200, 204, 302])('with %i completes the job', (status) => {
    expect(afterAttempt({ ...end, status }, 0)).toEqual({ type: 'ended', state: 'completed' });
  });

  it.each([400, 401, 404, 409, 413, 422])('with %i fails it at once', (status) => {
    expect(afterAttempt({ ...end, status }, 0)).toEqual({ type: 'ended', state: 'failed' });
  });

  it.each([undefined, 408, 429, 500, 502, 503, 504])('with %s is followed by another', (status) => {
    const again = { type: 'again', pauseMs: 1_000, counts: true };
    expect(afterAttempt({ ...end, status }, 0)).toEqual(again);
    const last = { ...end, status, attempts: 3 };
    expect(afterAttempt(last, 0)).toEqual({ type: 'ended', state: 'failed' });
  });

  it('doubles the pause with jitter, but never waits less than the endpoint asked', () => {
    const pauses = [1, 2, 3, 4, 15].map((attempts) =>
      afterAttempt({ ...end, status: 500, attempts, maxAttempts: 20 }, 0),
    );
    expect(pauses.map((p) => 'pauseMs' in p && p.pauseMs)).toEqual([
      1_000, 2_000, 4_000, 8_000, 300_000,
    ]);
    const asked = { ...end, status: 503, retryAfterMs: 30_000 };
    expect(afterAttempt(asked, 0.5)).toMatchObject({ pauseMs: 37_500 });
  });

  it('does not count as an attempt if the job had no slot, however often', () => {
    const turnedAway = { ...end, granted: false, status: 429, attempts: 99 };
    expect(afterAttempt(turnedAway, 0)).toEqual({ type: 'again', pauseMs: 1_000, counts: false });
    const asked = { ...turnedAway, retryAfterMs: 3_600_000 };
    expect(afterAttempt(asked, 0)).toEqual({ type: 'again', pauseMs: 60_000, counts: false });
  });
});

describe('the pause after refusals', () => {
  it('grows with each refusal in a row, up to a minute', () => {
    expect([0, 1, 2, 3, 99].map(restMs)).toEqual([0, 100, 200, 400, 60_000]);
  });
});

describe('the job that starts next', () => {
  const crowd = fc.record({
    places: fc.integer({ min: 1, max: 50 }),
    singlesRunning: fc.integer({ min: 0, max: 50 }),
    linesRunning: fc.integer({ min: 0, max: 50 }),
    singlesInARow: fc.integer({ min: 0, max: 9 }),
    singlesWaiting: fc.boolean(),
    linesWaiting: fc.boolean(),
  });

  it('is none if all places are taken, else one of a kind that is waiting', () => {
    fc.assert(
      fc.property(crowd, (c) => {
        const next = nextToStart(c);
        const isFull = c.singlesRunning + c.linesRunning >= c.places;
        const waits = c.singlesWaiting || c.linesWaiting;
        expect(next !== undefined).toBe(!isFull && waits);
        if (next === 'single') expect(c.singlesWaiting).toBe(true);
        if (next === 'line') expect(c.linesWaiting).toBe(true);
      }),
    );
  });

  it('leaves a quarter of the places to lines of batches, and the rest to single jobs', () => {
    const kinds = { single: 0, line: 0 };
    for (;;) {
      const next = nextToStart({
        places: 16,
        singlesRunning: kinds.single,
        linesRunning: kinds.line,
        singlesInARow: 0,
        singlesWaiting: true,
        linesWaiting: true,
      });
      if (!next) break;
      kinds[next] += 1;
    }
    expect(kinds).toEqual({ single: 12, line: 4 });
  });

  it('lets a line of a batch have the only place from time to time', () => {
    const crowd = { places: 1, singlesRunning: 0, linesRunning: 0, singlesWaiting: true };
    const started: string[] = [];
    for (let singlesInARow = 0; started.length < 8; ) {
      const next = nextToStart({ ...crowd, linesWaiting: true, singlesInARow });
      started.push(String(next));
      singlesInARow = next === 'line' ? 0 : singlesInARow + 1;
    }
    const turn = ['single', 'single', 'single', 'line'];
    expect(started).toEqual([...turn, ...turn]);
    expect(nextToStart({ ...crowd, linesWaiting: false, singlesInARow: 9 })).toBe('single');
  });
});

describe('a webhook', () => {
  it('is sent again after longer and longer pauses, and then given up', () => {
    const pauses = Array.from({ length: WEBHOOK_TRIES }, (_, i) => webhookPauseMs(i + 1, 0));
    expect(pauses).toEqual([5_000, 30_000, 120_000, 600_000, 3_600_000, undefined]);
    expect(webhookPauseMs(1, 0.999)).toBeLessThan(6_250);
  });
});
