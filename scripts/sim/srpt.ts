/**
 * Shortest remaining processing time, clairvoyant: ranks a run by the service time that its calls
 * will actually take, which only a simulator knows. It is the bound that other policies are
 * compared with.
 */
import type { Policy } from '../../src/core/order/policy.ts';

/**
 * `remainingMs` of a run: the service time of all its calls minus that of the calls that have
 * ended.
 */
export function srpt(remainingMs: (runId: string) => number): Policy {
  return {
    name: 'srpt',
    callOrder: 'submission',
    key: 'rank',
    rank: ({ run }) => remainingMs(run.id),
  };
}
