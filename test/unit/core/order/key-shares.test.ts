/**
 * Which keys may take a slot: the limit that is told of all of them agrees with asking each, and the time
 * at which that changes by itself is known.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyShares } from '../../../../src/core/order/key-shares.ts';

const KEYS = ['a', 'b', 'c', 'd'];

const step = fc.record({
  key: fc.constantFrom(...KEYS),
  waits: fc.nat(2),
  afterMs: fc.nat(400),
  accepts: fc.boolean(),
  isCall: fc.boolean(),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly #waiting = new Map<string, number>();
  readonly #running: Array<[string, number]> = [];
  readonly shares = new KeyShares({ of: (key) => this.waits(key), takeEmptied: () => [] });

  waits(key: string): number {
    return this.#waiting.get(key) ?? 0;
  }

  wait(key: string, calls: number, now: number): void {
    this.#waiting.set(key, calls);
    if (calls > 0) this.shares.queued(key, now);
  }

  /** A call of the key gets a slot, after the one that has run the longest has ended. */
  run(key: string, now: number): void {
    const ended = this.#running.shift();
    if (ended) this.shares.released(...ended, now);
    this.shares.granted(key, now);
    this.#running.push([key, now]);
  }
}

it('tells the most service of a key that may go, wherever another key goes before others', () => {
  let limits = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const world = new World();
      const { shares } = world;
      let now = 0;
      for (const { key, waits, afterMs, accepts: doesAccept, isCall } of steps) {
        now += afterMs;
        world.wait(key, waits, now);
        if (isCall) world.run(key, now);
        const accepts = (other: string) => doesAccept || other !== key;
        const most = shares.mostUsedMs(now, accepts);
        if (most === undefined) continue;
        limits += 1;
        for (const other of KEYS.filter((one) => world.waits(one) > 0)) {
          const may = shares.mayTake(other, now, { slots: 4, free: () => 4, accepts });
          expect(may).toBe(shares.usedMs(other, now) <= most);
          refused += may ? 0 : 1;
        }
      }
    }),
    { numRuns: 200, seed: 1 },
  );
  expect(Math.min(limits, refused)).toBeGreaterThan(50);
});

/** The world after some steps, in which so many of four slots are free; `due`: when to ask again. */
function reached(steps: readonly Step[], free: number) {
  const world = new World();
  const { shares } = world;
  const waiting = () => KEYS.filter((key) => world.waits(key) > 0);
  const room = { slots: 4, free: () => free, accepts: () => true };
  const mayOne = (at: number) => waiting().some((key) => shares.mayTake(key, at, room));
  let now = 0;
  let isRefused = false;
  for (const { key, waits, afterMs, isCall } of steps) {
    now += afterMs;
    world.wait(key, waits, now);
    if (isCall) world.run(key, now);
    isRefused = shares.isShared(now, new Set()) && waiting().length > 0 && !mayOne(now);
  }
  return { now, mayOne, isRefused, due: shares.dueAt(now) };
}

describe('the time at which a reservation lets a key that waits go', () => {
  const accepts = () => true;

  it('is when the reservation has cost as much as that key was ahead', () => {
    const world = new World();
    const { shares } = world;
    shares.granted('a', 0);
    shares.granted('b', 0);
    shares.released('b', 0, 1_000);
    shares.released('a', 0, 1_800);
    world.wait('a', 1, 1_800);
    const may = (now: number) => shares.mayTake('a', now, { slots: 1, free: () => 1, accepts });
    // 1,800 ms are even with 1,300 of the least served one and half of its call.
    expect(may(1_800)).toBe(false);
    expect(shares.dueAt(1_800)).toBe(2_101);
    expect([may(2_099), may(2_101)]).toEqual([false, true]);
  });

  it('is known though the key that keeps a slot goes on running for long', () => {
    const world = new World();
    const { shares } = world;
    for (const key of ['a', 'b', 'b']) shares.granted(key, 0);
    shares.released('b', 0, 1_000);
    shares.granted('a', 1_000);
    shares.released('a', 0, 20_000);
    shares.released('a', 1_000, 20_000);
    world.wait('a', 1, 20_000);
    const may = (now: number) => shares.mayTake('a', now, { slots: 3, free: () => 1, accepts });
    expect(may(25_000)).toBe(false);
    // 39,000 ms are even with 38,500 of the other key and half of its usual call.
    expect(shares.dueAt(25_000)).toBe(37_501);
    expect([may(37_499), may(37_501)]).toEqual([false, true]);
  });

  it('is never missed by more than 1 ms, whatever was served', () => {
    let refused = 0;
    const steps = fc.array(step, { minLength: 5, maxLength: 40 });
    const slots = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(steps, slots, fc.nat(99), (all, free, percent) => {
        for (let done = 1; done <= all.length; done += 1) {
          const { now, isRefused, due } = reached(all.slice(0, done), free);
          if (!isRefused) continue;
          refused += 1;
          // Who is asked too early keeps slots, so each question is for a world of its own.
          const last = Math.min(due - 2, now + 20_000);
          for (const at of [last, Math.floor(now + ((last - now) * percent) / 100)]) {
            if (at > now) expect(reached(all.slice(0, done), free).mayOne(at)).toBe(false);
          }
        }
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(refused).toBeGreaterThan(20);
  });
});
