/** The platform's model: when it starts, answers, refuses and goes cold, by hand. */
import { describe, expect, it } from 'vitest';
import { Platform, type PlatformSettings } from '../../../../scripts/sim/platform.ts';

const SETTINGS: PlatformSettings = {
  idleTimeoutMs: 1_000,
  coldStartsMs: [500, 100],
  whileLoading: 'hold',
};

const platform = (fields: Partial<PlatformSettings> = {}) =>
  new Platform({ ...SETTINGS, ...fields });

describe('a platform', () => {
  it('starts at the first request and goes cold when its idle timeout has passed', () => {
    const p = platform();
    expect(p.stateAt(40)).toBe('cold');
    expect(p.request(100, 50)).toEqual({ type: 'served', warmAt: 600, from: 600, until: 650 });
    expect([p.stateAt(599), p.stateAt(600), p.stateAt(1_649), p.stateAt(1_650)]).toEqual([
      'loading',
      'warm',
      'warm',
      'cold',
    ]);
    expect(p.upMsUntil(5_000)).toBe(1_550);
    expect(p.notWarmMsUntil(5_000)).toBe(5_000 - 1_050);
  });

  it('takes the next length for each start; the last one repeats', () => {
    const p = platform();
    for (const at of [0, 10_000, 20_000]) p.request(at, 0);
    expect(p.starts.map((s) => s.readyAt - s.at)).toEqual([500, 100, 100]);
  });

  it.each([
    ['503', 503],
    ['404', 404],
  ] as const)('while it loads, %s is answered 50 ms after the request', (whileLoading, status) => {
    const p = platform({ whileLoading });
    expect(p.request(0, 10)).toMatchObject({ type: 'answered', at: 50, status });
    expect(p.request(499, 10)).toMatchObject({ type: 'answered', at: 549, status });
    expect(p.request(500, 10)).toMatchObject({ type: 'served', from: 500 });
  });

  it('refuses connections, or hangs', () => {
    expect(platform({ whileLoading: 'refused' }).request(0, 1)).toEqual({
      type: 'refused',
      at: 50,
    });
    expect(platform({ whileLoading: 'hang' }).request(0, 1)).toEqual({ type: 'hangs' });
  });

  it('answers every second request 503 while it flaps, at once', () => {
    const p = platform({ flaps: [[1_000, 2_000]] });
    p.request(0, 0);
    const types = [1_000, 1_001, 1_002, 1_003, 2_000].map((at) => p.request(at, 0).type);
    expect(types).toEqual(['served', 'answered', 'served', 'answered', 'served']);
  });

  it('is taken away after the request in service, and starts again', () => {
    const p = platform({ evictionsMs: [700] });
    p.request(0, 400);
    expect(p.stateAt(899)).toBe('warm');
    expect(p.stateAt(900)).toBe('cold');
    p.request(950, 0);
    expect(p.stateAt(1_050)).toBe('warm');
  });

  it('does not start while its owner has paused it', () => {
    const p = platform({ pauses: [[100, 10_000]] });
    expect(p.request(200, 0)).toMatchObject({ type: 'answered', status: 400 });
    expect(p.starts).toEqual([]);
    expect(p.request(10_000, 0).type).toBe('served');
  });

  it('queues requests beyond its workers, which start one by one', () => {
    const capacity = {
      slotsOfWorker: 1,
      mostWorkers: 2,
      workerEveryMs: 1_000,
      beyond: 'queue' as const,
    };
    const p = platform({ capacity, idleTimeoutMs: Infinity });
    const froms = [0, 0, 0].map((at) => (p.request(at, 300) as { from: number }).from);
    expect(froms).toEqual([500, 800, 1_100]);
    // The second worker is there.
    const later = [1_600, 1_600, 1_600].map((at) => (p.request(at, 300) as { from: number }).from);
    expect(later).toEqual([1_600, 1_600, 1_900]);
  });

  it('answers a ping too early where only its port is open', () => {
    const p = platform({ earlyMs: 200, whileLoading: '503' });
    p.request(0, 0, true);
    expect(p.request(299, 0, true).type).toBe('answered');
    expect(p.request(300, 0, true).type).toBe('served');
    expect(p.request(300, 0).type).toBe('answered');
  });

  it('is told to go cold, but not in the middle of a request', () => {
    const p = platform();
    p.request(0, 400);
    p.release(700);
    expect(p.stateAt(700)).toBe('warm');
    p.release(901);
    expect(p.stateAt(901)).toBe('cold');
  });
});
