/**
 * What is stored of an endpoint, and an endpoint as it was: its state, what was learned of it, and what was
 * ordered by hand. A wake that was in progress goes on, but has to be sent again. One that an earlier
 * version stored does not: the endpoint counts as cold.
 */
import type { Endpoint } from './endpoint.ts';
import type { EndpointSnapshot } from './endpoint-state.ts';

export function endpointSnapshot(endpoint: Endpoint): EndpointSnapshot {
  const { wake, wakes, release, pausedAt } = endpoint;
  return {
    state: endpoint.state,
    lastActiveAt: endpoint.lastActiveAt,
    ...endpoint.learning.snapshot(),
    ...(wake ? { wake } : {}),
    ...(isReleased(endpoint) ? { released: true } : {}),
    ...(wakes.refusesCalls ? { refusesWhileCold: true } : {}),
    ...(wakes.error ? { wakeError: wakes.error } : {}),
    ...(release.error ? { releaseError: release.error } : {}),
    ...(pausedAt === undefined ? {} : { pausedAt }),
    ...(endpoint.letGo ? { letGo: true } : {}),
    timeline: endpoint.timeline.open,
  };
}

/** True where it was told to go cold, and did. */
function isReleased({ state, coldBy, release }: Endpoint): boolean {
  return state === 'cold' && coldBy === 'told' && !release.isOut;
}

/** Restores what was learned of an endpoint that is new, and its state unless it drains. */
export function restoreEndpoint(endpoint: Endpoint, from: EndpointSnapshot): void {
  const { learning, wakes, release, use, timeline } = endpoint;
  learning.restore(from);
  wakes.refusesCalls = from.refusesWhileCold ?? false;
  wakes.error = from.wakeError;
  release.error = from.releaseError;
  endpoint.lastActiveAt = from.lastActiveAt;
  endpoint.lastServedAt = from.lastActiveAt;
  use.restore(from.lastActiveAt);
  if (endpoint.state === 'draining') return;
  endpoint.pausedAt = from.pausedAt;
  endpoint.letGo = from.letGo ?? false;
  restoreState(endpoint, from);
  if (from.timeline) timeline.restore(from.timeline, endpoint.state, from.lastActiveAt);
}

function restoreState(endpoint: Endpoint, from: EndpointSnapshot): void {
  if (!endpoint.spec.coldStart) return;
  endpoint.wake = from.wake;
  endpoint.coldBy = 'unknown';
  if (endpoint.wakes.restore(from)) endpoint.state = 'warming';
  else endpoint.state = from.state === 'warm' ? 'warm' : 'cold';
  // Nobody waits for the answer of a ping any more.
  if (endpoint.state === 'warm') endpoint.learning.watch.drop();
  if (endpoint.state === 'cold' && from.released) endpoint.coldBy = 'told';
  endpoint.stateSince = from.lastActiveAt;
}
