/**
 * A dispatcher rebuilt from what was stored of an earlier one: its backends, the runs in flight and
 * the leases. All of that is restored before anything is granted, so that no endpoint ever gets more
 * calls than it has slots. Finished runs come later, a part at a time (`runs-read`).
 */
import { type BackendSnapshot, restoreBackend } from '../backends/backend-snapshot.ts';
import type { AccountsSnapshot } from '../prewarm/prewarm-accounts.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { Lease } from '../runs/lease.ts';
import { LiveRun } from '../runs/live-run.ts';
import type { RunSnapshot } from '../runs/live-visit.ts';
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';
import type { StoredLoan } from './loan-events.ts';

export interface StoredDispatcher {
  readonly backends: Iterable<readonly [string, BackendSnapshot]>;
  readonly accounts?: AccountsSnapshot | undefined;
  /** True where finished runs are stored, to be learned from. */
  readonly hasUnread?: boolean;
  readonly running: readonly RunSnapshot[];
  readonly leases: Iterable<{ readonly request: CallRequest; readonly lease: Lease }>;
  /** Slots that are lent to isolates of the Worker. */
  readonly loans?: Iterable<StoredLoan>;
}

export function restoredDispatcher(
  config: DispatcherConfig,
  options: DispatcherOptions,
  stored: StoredDispatcher,
  now: number,
): Dispatcher {
  const dispatcher = new Dispatcher(config, options, now);
  for (const [name, snapshot] of stored.backends) {
    const backend = dispatcher.backends.get(name);
    if (backend) restoreBackend(backend, snapshot, now);
  }
  if (stored.accounts) dispatcher.accounts.restore(stored.accounts);
  const { hasUnread = false, loans = [] } = stored;
  dispatcher.restore(stored.running.map(LiveRun.restore), stored.leases, { hasUnread, loans });
  return dispatcher;
}
