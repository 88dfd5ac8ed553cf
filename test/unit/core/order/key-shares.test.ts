/** Which keys may take a slot: the limit that is told of all of them agrees with asking each. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyShares } from '../../../../src/core/order/key-shares.ts';

const KEYS = ['a', 'b', 'c', 'd'];

const step = fc.record({
  key: fc.constantFrom(...KEYS),
  waits: fc.nat(2),
  afterMs: fc.nat(400),
  accepts: fc.boolean(),
  isCall: fc.boolean(),
});

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
