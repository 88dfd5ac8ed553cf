/** One world of the model, in its own time, from its beginning until all that was begun has ended. */
import { vi } from 'vitest';
import { LeaseWorld } from './lease-world.ts';

export async function inWorld(act: (world: LeaseWorld) => Promise<void>): Promise<void> {
  const world = new LeaseWorld();
  const real = { now: Date.now, setTimeout: globalThis.setTimeout };
  Date.now = () => world.host.wall;
  globalThis.setTimeout = world.host.setTimeout as unknown as typeof setTimeout;
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
  try {
    await world.configure(world.reference.settings);
    await act(world);
    await world.rest();
  } finally {
    complaints.mockRestore();
    world.host.close();
    Date.now = real.now;
    globalThis.setTimeout = real.setTimeout;
  }
}
