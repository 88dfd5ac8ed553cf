/** Runs with the same calls are left out of what told waits are drawn from. */
import { describe, expect, it } from 'vitest';
import { isOfOtherCalls } from '../../../../scripts/sim/run-bodies.ts';
import { Simulation } from '../../../../scripts/sim/simulator.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';

function runOf(
  run: string,
  calls: ReadonlyArray<readonly [number, number]>,
  arrival_ms = 0,
): RecordedRun {
  const asked = calls.map(([input_tokens, output_tokens]) => ({ input_tokens, output_tokens }));
  return { run, app: 'app', arrival_ms, units: [{ unit: 'unit', backend: 'llm', calls: asked }] };
}

describe('runs of other calls', () => {
  const isOther = isOfOtherCalls([
    runOf('live', [
      [10, 1],
      [20, 2],
    ]),
  ]);
  const live = new LiveRun('live', 'app', 0);

  it('are not those with the same calls, whatever their name, time and order', () => {
    expect(
      isOther(
        live,
        runOf(
          'past',
          [
            [20, 2],
            [10, 1],
          ],
          99,
        ),
      ),
    ).toBe(false);
    const [unit] = runOf('past', [
      [20, 2],
      [10, 1],
    ]).units;
    const calls = unit?.calls.map((call) => ({ ...call, cached_tokens: 5 })) ?? [];
    const cached = { ...runOf('past', []), units: [{ unit: 'unit', backend: 'llm', calls }] };
    expect(isOther(live, cached)).toBe(false);
  });

  it('differ in a call, or in how many there are', () => {
    expect(
      isOther(
        live,
        runOf('past', [
          [10, 1],
          [20, 3],
        ]),
      ),
    ).toBe(true);
    expect(isOther(live, runOf('past', [[10, 1]]))).toBe(true);
  });
});

it('tells the wait behind a run by others than its equal', () => {
  const trace = [runOf('first', [[100, 500]]), runOf('second', [[100, 1]], 1)];
  // One of the same calls, and others of the same prompt and shorter answers.
  const others = Array.from({ length: 20 }, (_, i) => runOf(`other${i}`, [[100 + (i % 2), 100]]));
  const history = [runOf('equal', [[100, 500]]), ...others];
  const backend = { slots: 1, measuresTokens: true, prefillMsPerToken: 0, decodeMsPerToken: 10 };
  const toldMs = (isLike?: ReturnType<typeof isOfOtherCalls>) => {
    let waitMs = Number.NaN;
    const simulation: Simulation = new Simulation(trace, new Map([['llm', backend]]), {
      ...{ policy: 'app-fcfs', alpha: 0.5, theta: 1, seed: 1, prewarm: 'off', history },
      ...(isLike ? { isLike } : {}),
      observe: (at) => {
        // The first call has run for longer than all but its equal.
        const call = simulation.dispatcher.call('c2');
        if (at < 5_000 && call) waitMs = simulation.dispatcher.placeSeen(call, 2_000)?.waitMs ?? 0;
      },
    });
    simulation.run();
    return waitMs;
  };
  expect(toldMs()).toBeCloseTo(3_000, -1);
  expect(toldMs(isOfOtherCalls(trace))).toBeLessThan(2_000);
});
