/**
 * Failures that lease-protocol.test.ts once found, as the shrunk sequences. They are tests of their
 * own, because a random walk may need half a million steps to find some of them.
 */
import { describe, expect, it } from 'vitest';
import { inWorld } from './in-world.ts';
import type { LeaseWorld } from './lease-world.ts';
import type { WorkerCall } from './worker-call.ts';

/** The n-th call that was submitted. */
function call(world: LeaseWorld, n: number): WorkerCall {
  const found = world.calls.get(`c${n}`);
  if (!found) throw new Error(`no call ${n}`);
  return found;
}

async function submit(world: LeaseWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await world.submit({ final: true, sole: true });
    world.check();
  }
}

describe('found by the model', () => {
  it('a caller that asks again for its slot while writes fail waits in the queue', () =>
    inWorld(async (world) => {
      world.dyingNext = true;
      await submit(world, 1);
      await world.askAgain(call(world, 0), true);
      world.failWrites(1, 0);
      await world.askAgain(call(world, 0), false);
      world.check();
    }));

  it('an attempt whose next grant cannot be stored is asked for again', () =>
    inWorld(async (world) => {
      await world.configure({ slots: { a: 1, b: 1 }, leaseMs: 6_000, policy: 'gittins' });
      await submit(world, 1);
      world.failWrites(1, 1);
      await world.again(call(world, 0), { endpointFault: true });
      await world.pass(1_000);
      world.check();
      expect(call(world, 0).state).toBe('running');
    }));

  it('what a new configuration ends is written without a further event', () =>
    inWorld(async (world) => {
      await submit(world, 1);
      await world.pass(20_000);
      await world.report(call(world, 0), {});
      await world.restart();
      await world.configure({ slots: { b: 1 }, leaseMs: 6_000, policy: 'gittins' });
      await world.pass(1);
      await world.restart();
    }));

  it('a caller that has gone when it is refused is removed', () =>
    inWorld(async (world) => {
      await submit(world, 1);
      world.vanish(call(world, 0));
      world.jump(3_600_000);
      await world.configure({ slots: { b: 1 }, leaseMs: 6_000, policy: 'gittins' });
      await submit(world, 1);
      await world.repeat(call(world, 0), 'again');
    }));

  it('a caller that has gone when its grant cannot be stored is removed', () =>
    inWorld(async (world) => {
      await world.configure({ slots: { a: 1, b: 1 }, leaseMs: 6_000, policy: 'gittins' });
      await submit(world, 1);
      world.vanish(call(world, 0));
      world.failWrites(2, 0);
      await world.repeat(call(world, 0), 'again');
    }));

  it('a slot is not granted again before the row of its last lease is deleted', () =>
    inWorld(async (world) => {
      await submit(world, 2);
      world.failWrites(1, 2);
      await submit(world, 1);
      await world.askAgain(call(world, 2), true);
      await world.report(call(world, 0), {});
      await submit(world, 1);
      await world.pass(2_500);
      await world.restart();
      for (let i = 0; i < 20; i += 1) {
        await world.pass(50);
        world.check();
      }
    }));

  it('a lease keeps the length that its Worker was told, whatever is configured since', () =>
    inWorld(async (world) => {
      await world.configure({ slots: { a: 1 }, leaseMs: 9_000, policy: 'gittins' });
      await submit(world, 1);
      await world.configure({ slots: { b: 1 }, leaseMs: 6_000, policy: 'gittins' });
      await world.pass(7_000);
      world.mute(call(world, 0));
      await world.pass(7_000);
      world.check();
    }));

  it('a batch that fails half way is not written twice', () =>
    inWorld(async (world) => {
      await submit(world, 1);
      await world.report(call(world, 0), {});
      world.failWrites(1, 2);
      await world.pass(20_000);
      world.reference.checkStatistics();
    }));

  it('a pause that was not stored is not acknowledged by another', () =>
    inWorld(async (world) => {
      await submit(world, 1);
      world.failWrites(1, 0);
      await world.order('a', 'pause');
      await world.order('a', 'pause');
      await world.restart();
      await submit(world, 1);
      await world.pass(400);
      world.check();
    }));
});
