/**
 * Shortest remaining processing time, clairvoyant: ranks a run by the service that its calls will
 * really take, which only a simulator knows. The bound that others are compared with.
 */
import type { Policy } from '../../src/core/order/policy.ts';

/** `remainingMs` of a run: all its calls' service, less that of the calls that ended. */
export function srpt(remainingMs: (runId: string) => number): Policy {
  return {
    name: 'srpt',
    callOrder: 'submission',
    key: 'rank',
    rank: ({ run }) => remainingMs(run.id),
  };
}
