/** Simulations on platforms that are not what the configuration says, against results by hand. */
import { describe, expect, it } from 'vitest';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { resultOf } from '../../../../scripts/sim/result.ts';
import { type SimOptions, simulate } from '../../../../scripts/sim/simulator.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';

const OPTIONS: SimOptions = {
  policy: 'fcfs',
  alpha: 0,
  theta: 0.25,
  seed: 1,
  prewarm: 'off',
  history: [],
};

const cluster = (platform?: object, fields: object = {}) =>
  parseCluster(
    {
      backends: {
        b: {
          slots: 2,
          cold_start_ms: 10_000,
          idle_timeout_ms: 60_000,
          ...(platform ? { platform } : {}),
          ...fields,
        },
      },
    },
    'test',
  );

const runAt = (name: string, arrival_ms: number): RecordedRun => ({
  run: name,
  app: 'app',
  arrival_ms,
  units: [{ unit: 'u', backend: 'b', calls: [{ service_ms: 1_000 }] }],
});

const outcome = (
  runs: RecordedRun[],
  c: ReturnType<typeof cluster>,
  more: Partial<SimOptions> = {},
) => {
  const result = simulate(runs, c, { ...OPTIONS, ...more });
  return { ...result, completed: result.runs.map((r) => r.completedMs) };
};

describe('a platform that is as configured', () => {
  it('gives the same times as none', () => {
    const runs = [runAt('a', 0), runAt('b', 90_000), runAt('c', 200_000)];
    const plain = outcome(runs, cluster());
    const same = outcome(runs, cluster({}));
    expect(same.completed).toEqual(plain.completed);
    expect(same.warmMs).toEqual(plain.warmMs);
    expect([same.coldStarts, same.coldWaitMs, same.pings]).toEqual([
      plain.coldStarts,
      plain.coldWaitMs,
      plain.pings,
    ]);
  });
});

describe('a platform that is not', () => {
  it('starts in its own times and stays warm for its own', () => {
    const { completed, warmMs, coldWaitMs, coldStarts } = outcome(
      [runAt('a', 0), runAt('b', 100_000)],
      cluster({ idle_timeout_ms: 20_000, cold_starts_ms: [30_000, 5_000] }),
    );
    expect(completed).toEqual([31_000, 106_000]);
    expect([coldWaitMs, coldStarts]).toEqual([35_000, 2]);
    expect(warmMs.get('b')).toBe(30_000 + 1_000 + 20_000 + (5_000 + 1_000 + 20_000));
  });

  it.each(['503', '502', '504', '500', '400', '404', 'refused'])(
    'that answers %s while it loads is asked until it is warm',
    (while_loading) => {
      const { completed } = outcome([runAt('a', 0)], cluster({ while_loading }));
      // Warm at 10 s, seen by the next request.
      expect(completed[0]).toBeGreaterThanOrEqual(11_000);
      expect(completed[0]).toBeLessThan(12_500);
    },
  );

  it('a call that finds it cold unexpectedly waits for the start, and is not failed', () => {
    const { completed, coldWaitMs } = outcome(
      [runAt('a', 0), runAt('b', 40_000)],
      cluster({ idle_timeout_ms: 5_000, while_loading: '503' }),
    );
    expect(completed[1]).toBeGreaterThanOrEqual(51_000);
    expect(completed[1]).toBeLessThan(53_000);
    expect(coldWaitMs).toBe(20_000);
  });

  it('is waited for by no run for ever: runs are given up and reported', () => {
    const { runs } = outcome([runAt('a', 0)], cluster({ cold_starts_ms: [1e12] }), { downMs: 1e7 });
    expect(runs[0]?.completedMs).toBeNaN();
    const result = simulate([runAt('a', 0)], cluster({ cold_starts_ms: [1e12] }), {
      ...OPTIONS,
      downMs: 1e7,
    });
    expect(resultOf('fcfs', result, true)).toMatchObject({
      summary: { runs: 0, failed: 1 },
      runs: [{ run: 'a', completed_ms: null }],
    });
  });
});

describe('time beyond the last run', () => {
  it('warm time and pings are up to then, for an endpoint that never goes cold too', () => {
    const never = cluster({ idle_timeout_ms: null });
    const { warmMs } = outcome([runAt('a', 5_000)], never, { untilMs: 1_000_000 });
    expect(warmMs.get('b')).toBe(995_000);
    const short = outcome([runAt('a', 0)], cluster(), { untilMs: 4_000 });
    expect(short.warmMs.get('b')).toBe(4_000);
    expect(short.completed).toEqual([11_000]);
  });
});

describe('a cluster file', () => {
  it.each([
    [{ idle_timeout_ms: -1 }, {}, 'backends.b.platform.idle_timeout_ms: '],
    [{ cold_starts_ms: [] }, {}, 'backends.b.platform.cold_starts_ms: '],
    [{ cold_starts_ms: ['1'] }, {}, 'backends.b.platform.cold_starts_ms[0]: '],
    [{ while_loading: '418' }, {}, 'backends.b.platform.while_loading: '],
    [{ while_loading: 'hang' }, {}, 'backends.b.platform.while_loading: '],
    [{ flaps: [[5, 5]] }, {}, 'backends.b.platform.flaps[0]: expected [from, until]'],
    [{ flaps: [[5]] }, {}, 'backends.b.platform.flaps[0]'],
    [{ idle: 1 }, {}, 'backends.b.platform: '],
    [{}, { cold_start_ms: undefined }, 'backends.b.cold_start_ms: expected beside platform'],
  ])('names the field that is wrong: %j %j', (platform, fields, message) => {
    expect(() => cluster(platform, fields)).toThrow(message);
  });
});
