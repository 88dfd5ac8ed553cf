/** Runs the tenant's object and isolates of the Worker in virtual time. */
import { vi } from 'vitest';
import { seededRandom } from '../../src/core/learning/random.ts';
import { onHost } from './in-world.ts';
import { LoanWorld } from './loan-world.ts';

/** Runs one world of loans, from its start until all that was started has ended. */
export async function inLoanWorld(act: (world: LoanWorld) => Promise<void>): Promise<void> {
  const world = new LoanWorld();
  const { random } = Math;
  await onHost(world.host, async () => {
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    Math.random = seededRandom(1);
    Date.now = world.network.now;
    globalThis.setTimeout = world.network.setTimeout as unknown as typeof setTimeout;
    try {
      await world.start(2);
      await act(world);
      await world.rest();
    } finally {
      Math.random = random;
      warnings.mockRestore();
    }
  });
}
