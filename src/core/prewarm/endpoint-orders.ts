/**
 * What an administrator orders an endpoint to do by hand: wake now, go cold, take no more calls, or
 * go on. Each order is either done or refused with a reason; none ends a call that runs.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';

export const ENDPOINT_ORDERS = ['wake', 'release', 'pause', 'resume'] as const;
export type EndpointOrder = (typeof ENDPOINT_ORDERS)[number];

/**
 * `unchanged`: it is as ordered already. The others are refusals: the endpoint is not configured, never
 * goes cold, is paused, has calls, is waking, or only its platform lets it go cold.
 */
export type OrderOutcome =
  | 'done'
  | 'unchanged'
  | 'not-found'
  | 'never-cold'
  | 'paused'
  | 'busy'
  | 'waking'
  | 'not-releasable';

/** What an order that can be carried out does. */
export interface OrderActions {
  wake(backend: Backend, endpoint: Endpoint): void;
  release(backend: Backend, endpoint: Endpoint): void;
}

/** Carries an order out, or answers why not. */
export function carryOut(
  order: EndpointOrder,
  { backend, endpoint }: { readonly backend: Backend; readonly endpoint: Endpoint },
  actions: OrderActions,
  now: number,
): OrderOutcome {
  if (backend.removed || endpoint.state === 'draining') return 'not-found';
  switch (order) {
    case 'wake': {
      const refused = wakeRefusal(endpoint);
      if (!refused) actions.wake(backend, endpoint);
      return refused ?? 'done';
    }
    case 'release': {
      const refused = releaseRefusal(endpoint);
      if (refused) return refused;
      actions.release(backend, endpoint);
      endpoint.letGo = true;
      return 'done';
    }
    case 'pause':
      if (endpoint.isPaused) return 'unchanged';
      endpoint.setPaused(true, now);
      return 'done';
    case 'resume': {
      if (!endpoint.isPaused) return 'unchanged';
      const wasPaused = backend.pool.isPaused;
      endpoint.setPaused(false, now);
      if (wasPaused) countColdFrom(backend, now);
      return 'done';
    }
    default:
      return order satisfies never;
  }
}

function wakeRefusal({ spec, state, isPaused }: Endpoint): OrderOutcome | undefined {
  if (!spec.coldStart) return 'never-cold';
  if (isPaused) return 'paused';
  return state === 'cold' ? undefined : 'unchanged';
}

function releaseRefusal(endpoint: Endpoint): OrderOutcome | undefined {
  const { coldStart } = endpoint.spec;
  if (!coldStart) return 'never-cold';
  if (!coldStart.releasable) return 'not-releasable';
  if (endpoint.slots.inFlight > 0) return 'busy';
  if (endpoint.state === 'warming') return 'waking';
  // One that only counts as cold may yet be up, and is told.
  const isKnownCold = endpoint.state === 'cold' && !endpoint.presumed;
  return isKnownCold || endpoint.release.isOut ? 'unchanged' : undefined;
}

/** Calls waited for nothing that starts, so far: a cold start that they wait for begins now. */
function countColdFrom(backend: Backend, now: number): void {
  const { isWarm } = backend.pool;
  for (const call of backend.waitingCalls()) {
    call.coldSince = isWarm ? undefined : now;
  }
}
