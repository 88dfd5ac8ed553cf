/** Runs the tenant's object and isolates of the Worker in virtual time. */
import { vi } from 'vitest';
import { seededRandom } from '../../src/core/learning/random.ts';
import { onHost } from './in-world.ts';
import { LoanWorld } from './loan-world.ts';

const WAKE_MS = 800;

/** An endpoint that is woken answers after a while. */
const answerWakes: typeof fetch = async () => {
  await new Promise((resolve) => setTimeout(resolve, WAKE_MS));
  return Response.json({ choices: [{ message: { content: 'up' } }], usage: {} });
};

/** Runs one world of loans, from its start until all that was started has ended. */
export async function inLoanWorld(act: (world: LoanWorld) => Promise<void>): Promise<void> {
  const world = new LoanWorld();
  const { random } = Math;
  await onHost(world.host, async () => {
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    Math.random = seededRandom(1);
    Date.now = world.network.now;
    globalThis.setTimeout = world.network.setTimeout as unknown as typeof setTimeout;
    const { fetch } = globalThis;
    globalThis.fetch = answerWakes;
    try {
      await world.start(2);
      await act(world);
      await world.rest();
    } finally {
      globalThis.fetch = fetch;
      Math.random = random;
      warnings.mockRestore();
    }
  });
}
