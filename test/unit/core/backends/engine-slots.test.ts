/** The slots of an engine by its own word: when it is asked and what its answer means. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EngineLoad, EngineSlots } from '../../../../src/core/backends/engine-slots.ts';

/** Asks with `ours` calls there and gives the answer at once. */
function asked(ours: number, load: EngineLoad | undefined, isLimited = false, at = 0) {
  const slots = new EngineSlots();
  expect(slots.isDue(ours, at)).toBe(true);
  const waiting = slots.told(load, ours, isLimited, at);
  return { slots, limit: slots.limit, waiting };
}

describe('an engine that tells its slots', () => {
  it.each<[string, number, EngineLoad, number]>([
    ['all taken, the rest waits', 16, { slots: 4, running: 4, waiting: 12 }, 4],
    ['some of ours have just ended', 16, { slots: 4, running: 4, waiting: 9 }, 4],
    ['the list of slots alone, all taken', 16, { slots: 4, running: 4 }, 4],
    ['the calls of others wait there too', 6, { slots: 4, running: 4, waiting: 30 }, 4],
    ['enough of them', 3, { slots: 4, running: 3, waiting: 0 }, Infinity],
    [
      'no more calls than slots, waiting for a moment',
      4,
      { slots: 4, running: 4, waiting: 1 },
      Infinity,
    ],
    [
      'one of several engines behind the address',
      16,
      { slots: 4, running: 4, waiting: 1 },
      Infinity,
    ],
    ['one of several, by its list of slots', 16, { slots: 4, running: 2 }, Infinity],
    ['the number alone: several engines cannot be excluded', 16, { slots: 4 }, Infinity],
    ['no slot at all', 16, { slots: 0, running: 0, waiting: 16 }, Infinity],
  ])('%s', (_, ours, load, limit) => {
    expect(asked(ours, load).limit).toBe(limit);
  });

  it('is believed where calls have waited there, also the number alone', () => {
    expect(asked(16, { slots: 4 }, true).limit).toBe(4);
    expect(asked(4, { slots: 4, running: 4, waiting: 0 }, true).limit).toBe(4);
    expect(asked(8, { slots: 4, running: 2, waiting: 0 }, true).limit).toBe(Infinity);
  });

  it('follows a changed number, and drops it where it was of one engine of several', () => {
    const { slots } = asked(16, { slots: 4, running: 4, waiting: 12 });
    expect(slots.isDue(4, 20_000)).toBe(true);
    slots.told({ slots: 8, running: 4, waiting: 0 }, 4, false, 20_000);
    expect(slots.limit).toBe(8);
    expect(slots.isDue(8, 90_000)).toBe(true);
    slots.told({ slots: 8, running: 3, waiting: 0 }, 8, false, 90_000);
    expect(slots.limit).toBe(Infinity);
  });

  it('is not believed for ever, and not after a restart', () => {
    const { slots } = asked(16, { slots: 4, running: 4, waiting: 12 });
    slots.isDue(16, 700_000);
    expect(slots.limit).toBe(Infinity);
    const again = asked(16, { slots: 4, running: 4, waiting: 12 }).slots;
    again.restarted();
    expect(again.limit).toBe(Infinity);
    expect(again.isDue(2, 1)).toBe(true);
  });
});

describe('an engine that tells its queue', () => {
  it.each<[string, number, EngineLoad, number]>([
    ['all of ours', 40, { running: 16, waiting: 24 }, 23],
    ['the share of one of two engines', 40, { running: 8, waiting: 12 }, 23],
    ['others use it too', 10, { running: 16, waiting: 48 }, 6],
    ['none waits', 40, { running: 40, waiting: 0 }, 0],
    ['one waits', 17, { running: 16, waiting: 1 }, 0],
    ['all wait: it does not run', 17, { running: 0, waiting: 17 }, 0],
  ])('%s', (_, ours, load, waiting) => {
    expect(asked(ours, load)).toMatchObject({ limit: Infinity, waiting });
  });
});

describe('it is asked', () => {
  it('only beside several calls, once a minute, and sooner where some waited', () => {
    const slots = new EngineSlots();
    expect(slots.isDue(0, 0)).toBe(false);
    expect(slots.isDue(1, 0)).toBe(false);
    expect(slots.isDue(2, 0)).toBe(true);
    expect(slots.isDue(2, 1)).toBe(false);
    slots.told({ running: 2, waiting: 0 }, 2, false, 100);
    expect(slots.isDue(2, 59_000)).toBe(false);
    expect(slots.isDue(2, 61_000)).toBe(true);
    slots.told({ running: 1, waiting: 1 }, 2, false, 61_000);
    expect(slots.isDue(2, 77_000)).toBe(true);
  });

  it('ever less often where it tells nothing, and a lost answer stops nothing', () => {
    const slots = new EngineSlots();
    const askedAt: number[] = [];
    for (let at = 0; at < 7 * 86_400_000; at += 60_000) {
      if (!slots.isDue(8, at)) continue;
      askedAt.push(at);
      if (askedAt.length !== 2) slots.told(undefined, 8, false, at);
    }
    expect(askedAt.length).toBeLessThan(16);
    expect(askedAt.length).toBeGreaterThan(8);
  });

  it('again soon after the clock has gone back', () => {
    const { slots } = asked(2, { running: 2, waiting: 0 }, false, 1_000_000);
    slots.clockWentBack(5);
    expect(slots.isDue(2, 60_006)).toBe(true);
  });
});

it('whatever it tells, a limit is a number of slots and no more wait than run', () => {
  const count = fc.option(fc.nat(1_000), { nil: undefined });
  const load = fc.record({ slots: count, running: count, waiting: count });
  fc.assert(
    fc.property(load, fc.integer({ min: 2, max: 500 }), fc.boolean(), (told, ours, isLimited) => {
      const given = Object.fromEntries(Object.entries(told).filter(([, v]) => v !== undefined));
      const { limit, waiting } = asked(ours, given, isLimited);
      expect(limit).toBeGreaterThanOrEqual(1);
      expect(waiting).toBeGreaterThanOrEqual(0);
      expect(waiting).toBeLessThan(ours);
    }),
  );
});
