/** Failures of loans that need several rare things in a row, as sequences of their own. */
import { describe, expect, it } from 'vitest';
import { inLoanWorld } from './in-loan-world.ts';
import type { LoanWorld } from './loan-world.ts';

/** Calls of which the later ones borrow; each takes so long. */
async function burst(world: LoanWorld, count: number, takesMs: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    world.submit(world.isolate(0), { takesMs: i < 10 ? 5 : takesMs });
    await world.pass(3);
  }
}

const loans = (world: LoanWorld) => world.host.rows('SELECT slots FROM loans').length;

describe('a loan', () => {
  it('that its isolate returns to an object that has died keeps the slots of its calls', () =>
    inLoanWorld(async (world) => {
      await burst(world, 12, 20_000);
      // So long that the object has been told of the calls that run, and has answered that.
      for (let i = 0; i < 13; i += 1) {
        world.submit(world.isolate(0), { takesMs: 5 });
        await world.pass(100);
      }
      expect(loans(world)).toBe(1);
      // What was counted and not stored is forgotten.
      world.reference.isCalm = false;
      world.reference.counts.isExact = false;
      await world.restart();
      await world.pass(2_000);
      expect(loans(world)).toBe(0);
      for (let i = 0; i < 16; i += 1) {
        world.submit(world.isolate(1), { takesMs: 1_000, isPlain: true });
      }
      await world.pass(500);
      world.reference.check();
    }));

  it('that is in use is called back for a call that waits', () =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 300);
      for (let i = 0; i < 16; i += 1) {
        world.submit(world.isolate(1), { takesMs: 10_000, isPlain: true });
      }
      for (let i = 0; i < 60; i += 1) {
        world.submit(world.isolate(0), { takesMs: 5 });
        await world.pass(10);
      }
      world.reference.check();
    }));

  it('whose holder has gone is settled by the calls that run on it', () =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 20_000);
      const holder = world.pickHolder(0);
      if (!holder) throw new Error('nobody holds a loan');
      world.die(holder, true);
      await world.pass(7_000);
      for (let i = 0; i < 16; i += 1) {
        world.submit(world.isolate(1), { takesMs: 1_000, isPlain: true });
      }
      await world.pass(500);
      world.reference.check();
    }));
});
