/** What is stored of a backend: its speed, its arrivals and its endpoints. */
import type { UnitPrefixesSnapshot } from '../affinity/unit-prefixes.ts';
import type { ArrivalSnapshot } from '../arrivals/arrivals.ts';
import type { Backend } from './backend.ts';
import type { BackendAdaptersSnapshot } from './backend-adapters.ts';
import type { BackendSpeedSnapshot } from './backend-speed.ts';
import { endpointSnapshot, restoreEndpoint } from './endpoint-snapshot.ts';
import type { EndpointSnapshot } from './endpoint-state.ts';

/** What is learned of one backend. */
export interface BackendSnapshot {
  readonly speed: BackendSpeedSnapshot;
  readonly arrivals: ArrivalSnapshot;
  readonly endpoints: Readonly<Record<string, EndpointSnapshot>>;
  /** Absent in snapshots of older versions, and where the backend has no adapters. */
  readonly adapters?: BackendAdaptersSnapshot;
  /** The same, and where no prefixes are read ahead. */
  readonly prefixes?: UnitPrefixesSnapshot;
}

export function snapshotOf(backend: Backend): BackendSnapshot {
  const adapters = backend.adapters.snapshot();
  const prefixes = backend.prefixes.snapshot();
  return {
    speed: backend.speed.snapshot(),
    arrivals: backend.arrivals.snapshot(),
    endpoints: Object.fromEntries(
      [...backend.endpoints].map(([id, e]) => [id, endpointSnapshot(e)]),
    ),
    ...(adapters ? { adapters } : {}),
    ...(prefixes ? { prefixes } : {}),
  };
}

/** Restores what was learned; endpoints that are no longer configured are left out. */
export function restoreBackend(backend: Backend, from: BackendSnapshot, now: number): void {
  backend.speed.restore(from.speed);
  backend.arrivals.restore(from.arrivals);
  for (const [id, stored] of Object.entries(from.endpoints)) {
    const endpoint = backend.endpoints.get(id);
    if (endpoint) restoreEndpoint(endpoint, stored);
  }
  if (from.adapters) backend.adapters.restore(from.adapters, now);
  if (from.prefixes && backend.spec.prewarm.prefix) backend.prefixes.restore(from.prefixes);
}
