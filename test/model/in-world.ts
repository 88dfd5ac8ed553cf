/** Runs the tenant's object in virtual time. */
import { vi } from 'vitest';
import { LeaseWorld } from './lease-world.ts';
import type { ObjectHost } from './object-host.ts';

/** Runs one world of the model, from its start until all that was started has ended. */
export async function inWorld(act: (world: LeaseWorld) => Promise<void>): Promise<void> {
  const world = new LeaseWorld();
  await onHost(world.host, async () => {
    await world.configure(world.reference.settings);
    await act(world);
    await world.rest();
  });
}

/**
 * Replaces the global clock and timers by the host's meanwhile, and hides the object's error
 * output.
 */
export async function onHost(host: ObjectHost, act: () => Promise<void>): Promise<void> {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = Date;
  Date.now = () => host.wall;
  globalThis.setTimeout = host.setTimeout as unknown as typeof setTimeout;
  globalThis.clearTimeout = host.clearTimeout as unknown as typeof clearTimeout;
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
  try {
    await act();
  } finally {
    complaints.mockRestore();
    host.close();
    Date.now = now;
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}
