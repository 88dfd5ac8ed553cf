/**
 * Rebuilds the dispatcher after its object died: what was learned, the runs in flight and the
 * leases. All of that is restored before anything is granted, so that no endpoint ever gets more
 * calls than it has slots.
 */
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import { LiveRun } from '../../src/core/runs/live-run.ts';
import type { TenantStore } from './tenant-store.ts';

/** Randomness only decides which samples are dropped; a fixed seed makes a restart repeatable. */
const SEED = 1;

export function restoreDispatcher(
  config: DispatcherConfig,
  store: TenantStore,
  now: number,
): Dispatcher {
  const dispatcher = new Dispatcher(config, { random: seededRandom(SEED) }, now);
  for (const [name, snapshot] of store.backends()) {
    const backend = dispatcher.backends.get(name);
    backend?.speed.restore(snapshot.speed);
    backend?.arrivals.restore(snapshot.arrivals);
    for (const [id, endpoint] of Object.entries(snapshot.endpoints)) {
      backend?.endpoints.get(id)?.restore(endpoint);
    }
  }
  const accounts = store.prewarm.accounts();
  if (accounts) dispatcher.accounts.restore(accounts);
  for (const { record, finishedAt } of store.recorded.all({ learnedOnly: true })) {
    dispatcher.models.learn(record, finishedAt, dispatcher.speeds);
  }
  dispatcher.restore(store.running().map(LiveRun.restore), store.leases(config.leaseMs));
  return dispatcher;
}
