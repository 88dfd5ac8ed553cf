/** The learned idle timeout: a bracket of what was found, and the pings that make it narrower. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LearnedIdle } from '../../../../src/core/backends/learned-idle.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A platform that lets an endpoint go cold after `trueMs`, and an endpoint that is pinged. */
class PingedPlatform {
  readonly idle = new LearnedIdle();
  readonly pingsAt: number[] = [];
  coldFinds = 0;
  now = 0;
  readonly #configuredMs: number;
  trueMs: number;

  constructor(configuredMs: number, trueMs: number) {
    this.#configuredMs = configuredMs;
    this.trueMs = trueMs;
    // The first wake was measured, and taught nothing of idling.
    this.idle.wasCold(MINUTE_MS * 600, 0, true);
  }

  get ms(): number {
    return this.idle.ms(this.#configuredMs);
  }

  /** Idles until the next ping, or for an hour where none is due. False where none was. */
  ping(): boolean {
    const afterMs = this.idle.pingAfterMs(this.#configuredMs);
    if (afterMs === Infinity || afterMs > this.ms) {
      this.now += HOUR_MS;
      return false;
    }
    this.now += afterMs;
    this.pingsAt.push(this.now);
    this.find(afterMs);
    return true;
  }

  find(idleMs: number): void {
    if (idleMs < this.trueMs) return this.idle.wasWarm(idleMs, this.now, true);
    this.coldFinds += 1;
    this.idle.wasCold(idleMs, this.now, true);
  }

  get factor(): number {
    return Math.max(this.ms / this.trueMs, this.trueMs / this.ms);
  }
}

describe('LearnedIdle', () => {
  it('is what is configured until something was found', () => {
    const idle = new LearnedIdle();
    expect(idle.ms(MINUTE_MS)).toBe(MINUTE_MS);
    expect(idle.pingAfterMs(MINUTE_MS)).toBe(48_000);
    expect(idle.bounds).toEqual({});
    expect(idle.snapshot()).toBeUndefined();
  });

  it('does not give way to one finding', () => {
    const idle = new LearnedIdle();
    idle.wasCold(20_000, 1, true);
    expect(idle.ms(MINUTE_MS)).toBe(MINUTE_MS);
    const longer = new LearnedIdle();
    longer.wasWarm(HOUR_MS, 1, true);
    expect(longer.ms(MINUTE_MS)).toBe(MINUTE_MS);
  });

  it('lies between two findings that agree and what speaks against them', () => {
    const idle = new LearnedIdle();
    idle.wasWarm(30_000, 1, true);
    idle.wasCold(48_000, 2, true);
    idle.wasCold(50_000, 3, true);
    expect(idle.ms(MINUTE_MS)).toBeGreaterThan(30_000);
    expect(idle.ms(MINUTE_MS)).toBeLessThan(48_000);
    expect(idle.bounds).toEqual({ warmMs: 30_000, coldMs: 48_000 });
    expect([idle.observations, idle.lastAt]).toEqual([3, 3]);
  });

  it('learns nothing of an idle time that is hardly one, or of none', () => {
    const idle = new LearnedIdle();
    for (const ms of [-5, 0, 1_999, Number.NaN]) {
      idle.wasCold(ms, 1, true);
      idle.wasWarm(ms, 1, true);
    }
    expect(idle.observations).toBe(0);
  });

  it('is not moved by a crash now and then', () => {
    const idle = new LearnedIdle();
    for (let i = 0; i < 200; i += 1) {
      idle.wasWarm(240_000, i, true);
      if (i % 5 === 4) idle.wasCold(10_800 + (i % 7) * 10_000, i, true);
    }
    expect(idle.ms(300_000)).toBeGreaterThanOrEqual(300_000);
    expect(idle.pingAfterMs(300_000)).toBeGreaterThanOrEqual(240_000);
  });

  it.each([
    [60_000, 40_000],
    [60_000, 5_000],
    [60_000, 12_000],
    [300_000, 20_000],
    [300_000, HOUR_MS],
    [3_600_000, 5_000],
    [3_600_000, 900_000],
  ])('of %i ms configured is found within 1.5 of the true %i ms', (configuredMs, trueMs) => {
    const platform = new PingedPlatform(configuredMs, trueMs);
    for (let i = 0; i < 60 && platform.coldFinds < 3; i += 1) platform.ping();
    expect(platform.factor).toBeLessThanOrEqual(1.5);
  });

  it('is found for any platform within three cold findings, by pings that are far apart', () => {
    const timeout = fc.integer({ min: 5_000, max: HOUR_MS });
    fc.assert(
      fc.property(timeout, timeout, (configuredMs, trueMs) => {
        const platform = new PingedPlatform(configuredMs, trueMs);
        for (let i = 0; i < 100 && platform.now < 7 * 24 * HOUR_MS; i += 1) {
          platform.ping();
          if (platform.coldFinds === 3) expect(platform.factor).toBeLessThanOrEqual(1.5);
        }
        expect(platform.coldFinds).toBeLessThanOrEqual(4);
        const { pingsAt } = platform;
        const most = Math.max(5_000, trueMs / 5);
        if (pingsAt.length >= 20) {
          expect((pingsAt.at(-1) ?? 0) / pingsAt.length).toBeGreaterThanOrEqual(most);
        }
        for (let i = 1; i < pingsAt.length; i += 1) {
          expect((pingsAt[i] ?? 0) - (pingsAt[i - 1] ?? 0)).toBeGreaterThanOrEqual(6_000);
        }
      }),
      { numRuns: 1_000, seed: 16 },
    );
  });

  it('is tried out beyond a single much longer finding', () => {
    const platform = new PingedPlatform(15_000, HOUR_MS);
    platform.find(104_000);
    for (let i = 0; i < 40; i += 1) platform.ping();
    expect(platform.now / platform.pingsAt.length).toBeGreaterThan(HOUR_MS / 5);
  });

  it('follows a platform that is set up anew', () => {
    const timeout = fc.integer({ min: 10_000, max: HOUR_MS });
    fc.assert(
      fc.property(timeout, timeout, timeout, (configuredMs, before, later) => {
        const platform = new PingedPlatform(configuredMs, before);
        for (let i = 0; i < 100; i += 1) platform.ping();
        platform.trueMs = later;
        // Calls come as well, after any pause.
        for (let i = 0; i < 100; i += 1) {
          platform.ping();
          platform.find(1.2 * later + (i % 3) * 20_000);
          platform.find(0.8 * later);
        }
        expect(platform.factor).toBeLessThanOrEqual(1.6);
      }),
      { numRuns: 200, seed: 16 },
    );
  });

  it('survives a restart, and counts the number of an earlier version as one finding', () => {
    const idle = new LearnedIdle();
    for (let i = 0; i < 3; i += 1) idle.wasCold(40_000, i, true);
    idle.wasWarm(30_000, 9, true);
    const again = new LearnedIdle();
    again.restore(JSON.parse(JSON.stringify(idle.snapshot())));
    expect(again.ms(MINUTE_MS)).toBe(idle.ms(MINUTE_MS));
    expect(again.pingAfterMs(MINUTE_MS)).toBe(idle.pingAfterMs(MINUTE_MS));
    expect([again.observations, again.lastAt]).toEqual([4, 9]);
    const old = new LearnedIdle();
    old.restoreNumber(2_700, MINUTE_MS);
    expect(old.ms(MINUTE_MS)).toBe(MINUTE_MS);
    old.wasWarm(40_000, 1, true);
    expect(old.pingAfterMs(MINUTE_MS)).toBe(48_000);
  });

  it('remembers few findings, however many there are', () => {
    const idle = new LearnedIdle();
    for (let i = 1; i < 2_000; i += 1) {
      idle.wasWarm((i * 7_919) % 500_000, i);
      idle.wasCold((i * 104_729) % 5_000_000, i);
    }
    const { warm = [], cold = [] } = idle.snapshot() ?? {};
    expect(Math.max(warm.length, cold.length)).toBeLessThanOrEqual(24);
  });
});
