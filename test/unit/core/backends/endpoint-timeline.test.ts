import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointState } from '../../../../src/core/backends/endpoint-state.ts';
import { EndpointTimeline } from '../../../../src/core/backends/endpoint-timeline.ts';

describe('a timeline', () => {
  it('tells cold, warming, serving and warm apart, and takes short pauses as serving', () => {
    const timeline = new EndpointTimeline('cold', 0);
    timeline.entered('warming', false, 1_000);
    timeline.entered('warm', false, 9_000);
    timeline.busy(10_000);
    timeline.quiet(12_000);
    timeline.busy(20_000);
    timeline.quiet(25_000);
    timeline.busy(100_000);
    timeline.quiet(101_000);
    timeline.entered('cold', false, 161_000);
    expect(timeline.take(200_000).map(({ phase, from, until }) => [phase, from, until])).toEqual([
      ['cold', 0, 1_000],
      ['warming', 1_000, 9_000],
      ['warm', 9_000, 10_000],
      ['serving', 10_000, 25_000],
      ['warm', 25_000, 100_000],
      ['serving', 100_000, 101_000],
      ['warm', 101_000, 161_000],
    ]);
    expect(timeline.open).toEqual({ phase: 'cold', from: 161_000 });
    expect(timeline.take(300_000)).toEqual([]);
  });

  it('goes on after a restart, and begins anew where the state is another one', () => {
    const timeline = new EndpointTimeline('cold', 500);
    timeline.restore({ phase: 'serving', from: 100 }, 'warm', 400);
    timeline.entered('cold', false, 60_400);
    expect(timeline.take(60_500).map(({ phase, from, until }) => [phase, from, until])).toEqual([
      ['serving', 100, 400],
      ['warm', 400, 60_400],
    ]);
    const lost = new EndpointTimeline('cold', 500);
    lost.restore({ phase: 'warming', from: 100 }, 'cold', 300);
    expect(lost.take(600)).toEqual([{ phase: 'warming', from: 100, until: 300 }]);
  });

  it('is in order, without overlap and bounded, whatever happens', () => {
    const states: EndpointState[] = ['cold', 'warming', 'warm'];
    const event = fc.tuple(fc.nat(6), fc.integer({ min: -40_000, max: 90_000 }), fc.nat(2));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 600 }), (events) => {
        const timeline = new EndpointTimeline('cold', 1_000_000);
        let now = 1_000_000;
        let isBusy = false;
        const acts = [
          (n: number) => timeline.entered(states[n] ?? 'cold', isBusy, now),
          () => {
            if (!isBusy) timeline.busy(now);
            isBusy = true;
          },
          () => {
            if (isBusy) timeline.quiet(now);
            isBusy = false;
          },
          (n: number) => timeline.paused(n === 0, now),
        ];
        for (const [what, ms, n] of events) {
          if (ms < 0) timeline.clockWentBack(now + ms);
          now += ms;
          acts[what]?.(n);
        }
        const segments = timeline.take(now);
        expect(segments.length).toBeLessThanOrEqual(256);
        segments.forEach(({ from, until }, i) => {
          expect(until).toBeGreaterThan(from);
          const next = segments[i + 1];
          if (next) expect(next.from).toBeGreaterThanOrEqual(until);
        });
      }),
      { numRuns: 300 },
    );
  });
});
