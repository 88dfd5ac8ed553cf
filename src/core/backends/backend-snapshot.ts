/** What is stored of a backend: its speed, its arrivals and its endpoints. */
import type { ArrivalSnapshot } from '../arrivals/arrivals.ts';
import type { Backend } from './backend.ts';
import type { BackendSpeedSnapshot } from './backend-speed.ts';
import type { EndpointSnapshot } from './endpoint-state.ts';

/** What is learned of one backend. */
export interface BackendSnapshot {
  readonly speed: BackendSpeedSnapshot;
  readonly arrivals: ArrivalSnapshot;
  readonly endpoints: Readonly<Record<string, EndpointSnapshot>>;
}

export function snapshotOf(backend: Backend): BackendSnapshot {
  return {
    speed: backend.speed.snapshot(),
    arrivals: backend.arrivals.snapshot(),
    endpoints: Object.fromEntries([...backend.endpoints].map(([id, e]) => [id, e.snapshot()])),
  };
}

/** Restores what was learned; endpoints that are no longer configured are left out. */
export function restoreBackend(backend: Backend, from: BackendSnapshot): void {
  backend.speed.restore(from.speed);
  backend.arrivals.restore(from.arrivals);
  for (const [id, endpoint] of Object.entries(from.endpoints)) {
    backend.endpoints.get(id)?.restore(endpoint);
  }
}
