/** Rebuilds the dispatcher after its object died, from what its store holds. */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { restoredDispatcher } from '../../src/core/dispatch/restored-dispatcher.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { TenantStore } from './tenant-store.ts';

/** Randomness only decides which samples are dropped; a fixed seed makes a restart repeatable. */
const SEED = 1;

export function restoreDispatcher(
  config: DispatcherConfig,
  store: TenantStore,
  now: number,
): Dispatcher {
  const stored = {
    backends: store.backends(),
    accounts: store.prewarm.accounts(),
    hasUnread: store.recorded.lastSeq > 0,
    running: store.running.all(),
    leases: store.leases.read(config.leaseMs),
    loans: store.loans.all(),
  };
  return restoredDispatcher(config, { random: seededRandom(SEED) }, stored, now);
}
