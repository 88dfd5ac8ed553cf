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
      await world.accidents.restart();
      await world.pass(2_000);
      expect(loans(world)).toBe(0);
      for (let i = 0; i < 16; i += 1) {
        world.submit(world.isolate(1), { takesMs: 1_000, isPlain: true });
      }
      await world.pass(500);
      world.reference.check();
    }));

  it('that is returned keeps its row until the leases of its calls are stored', () =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 20_000);
      await world.pass(600);
      const running = world.calls.filter((c) => c.isBorrowed && c.state === 'running').length;
      const last = world.network.turns.at(-1);
      if (!last || running === 0) throw new Error('nothing is borrowed');
      void world.owner.write();
      await world.pass(50);
      const leases = () => world.host.rows('SELECT call_id FROM leases').length;
      const before = leases();
      world.host.failingWrites = running;
      const turn = { ...last, number: 1_000, calls: [], isLast: true };
      await world.network.tell((object) => object.loanTurn(turn));
      expect([loans(world), leases()]).toEqual([1, before]);
      await world.pass(1_100);
      expect([loans(world), leases()]).toEqual([0, before + running]);
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
      world.accidents.die(holder, true);
      await world.pass(7_000);
      for (let i = 0; i < 16; i += 1) {
        world.submit(world.isolate(1), { takesMs: 1_000, isPlain: true });
      }
      await world.pass(500);
      world.reference.check();
    }));

  it('goes on while somebody looks each second, and the looks see all', () =>
    inLoanWorld(async (world) => {
      await burst(world, 12, 5);
      expect(loans(world)).toBe(1);
      const ids = new Set<unknown>();
      for (let i = 0; i < 300; i += 1) {
        world.submit(world.isolate(0), { takesMs: 15 });
        if (i % 100 === 0) void world.owner.look();
        await world.pass(10);
        for (const { id } of world.host.rows('SELECT id FROM loans')) ids.add(id);
      }
      expect(ids.size).toBe(1);
      expect(world.reference.borrowed).toBeGreaterThan(280);
    }));

  it('goes on while clients report that their runs are over', () =>
    inLoanWorld(async (world) => {
      await burst(world, 12, 5);
      for (let i = 0; i < 100; i += 1) {
        world.submit(world.isolate(0), { takesMs: 15, runId: `r${i}` });
        await world.pass(20);
        void world.owner.finish(`r${i}`);
        await world.pass(5);
      }
      expect(loans(world)).toBe(1);
      expect(world.reference.borrowed).toBeGreaterThan(90);
    }));

  it.each<[string, number, number, (world: LoanWorld) => unknown]>([
    ['the clock of its isolate goes back', 0, 50, (world) => world.isolate(0).jump(-3_500)],
    ['its clock goes back late', 300, 2_050, (world) => world.isolate(0).jump(-4_500)],
    ['the clock of the object jumps ahead', 300, 550, (world) => world.accidents.jump(3_600_000)],
    [
      'the clock of the object jumps ahead late',
      300,
      2_050,
      (world) => world.accidents.jump(3_600_000),
    ],
  ])('whose holder has gone keeps the slots of its calls where %s', (_, before, after, jumps) =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 20_000);
      await world.pass(before);
      for (let i = 0; i < 3; i += 1) world.submit(world.isolate(0), { takesMs: 20_000 });
      const holder = world.pickHolder(0);
      if (!holder) throw new Error('nobody holds a loan');
      world.accidents.die(holder, true);
      await world.pass(after);
      jumps(world);
      for (let i = 0; i < 24; i += 1) {
        world.submit(world.isolate(1), { takesMs: 10_000, isPlain: true });
        await world.pass(500);
        world.reference.check();
      }
    }),
  );

  it('whose holder has gone untold is not over at once where the clock of the object jumps', () =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 5);
      await world.pass(40);
      const calls = [0, 1, 2].map(() => world.submit(world.isolate(0), { takesMs: 20_000 }));
      expect(calls.some(({ isBorrowed }) => isBorrowed)).toBe(true);
      const holder = world.pickHolder(0);
      if (!holder) throw new Error('nobody holds a loan');
      world.accidents.die(holder, true);
      world.accidents.jump(3_600_000);
      for (let i = 0; i < 24; i += 1) {
        world.submit(world.isolate(1), { takesMs: 10_000, isPlain: true });
        await world.pass(200);
        world.reference.check();
      }
    }));

  it('of which a turn comes late is told nothing by it, when its calls are forgotten', () =>
    inLoanWorld(async (world) => {
      await burst(world, 15, 5);
      const { link } = world.isolate(0);
      link.straggleMs = 4_000;
      for (let i = 0; i < 3; i += 1) world.submit(world.isolate(0), { takesMs: 300 });
      while (link.straggleMs !== undefined) await world.pass(1);
      // As many as the object remembers.
      for (let i = 0; i < 1_100; i += 1) {
        world.submit(world.isolate(0), { takesMs: 5 });
        await world.pass(3);
      }
      await world.pass(1_500);
      expect(world.calls.every(({ state }) => state === 'over')).toBe(true);
      expect(world.host.rows('SELECT call_id FROM leases')).toEqual([]);
    }));

  it('whose grant is lost is over after 6 s', () =>
    inLoanWorld(async (world) => {
      await world.owner.configure({ ...world.settings, leaseMs: 9_000 });
      await world.pass(100);
      world.reference.isCalm = false;
      world.reference.counts.isExact = false;
      for (let i = 0; i < 60 && loans(world) === 0; i += 1) {
        world.isolate(0).link.losing = 1;
        world.submit(world.isolate(0), { takesMs: 5 });
        await world.pass(3);
      }
      expect(loans(world)).toBe(1);
      world.isolate(0).link.losing = 0;
      await world.pass(5_800);
      expect(loans(world)).toBe(1);
      await world.pass(400);
      expect(loans(world)).toBe(0);
    }));
});
