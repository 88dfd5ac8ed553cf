/** Builds the effect that tells a caller of its slot; granting itself is in leases.ts. */

import type { Lease } from '../runs/lease.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { Granted } from './dispatch-events.ts';

/** What the call's prefix and its adapter had to do with its wait and its endpoint. */
function placeOf({
  placed,
}: LiveCall): Pick<Granted, 'heldMs' | 'prefixTokens' | 'adapter' | 'adapterMs' | 'keepPrefix'> {
  const { heldMs, expected, adapter, adapterWaitMs, keepPrefix } = placed;
  return {
    ...(adapter === undefined ? {} : { adapter, adapterMs: adapterWaitMs }),
    ...(keepPrefix === undefined ? {} : { keepPrefix }),
    ...(heldMs > 0 ? { heldMs } : {}),
    ...(expected?.hitTokens === undefined ? {} : { prefixTokens: expected.hitTokens }),
  };
}

export function grantEffect(
  call: LiveCall,
  lease: Lease,
  found: Pick<Granted, 'repeated' | 'lent' | 'rankMs' | 'boundMs' | 'coldMs' | 'endpointState'> & {
    /** Of a call that began before it was known; else it is told by its lease. */
    readonly waitedMs?: number;
  },
): Granted {
  const { callId, backend, unit, arrivedAt } = call.request;
  return {
    type: 'granted',
    callId,
    backend,
    // Of the run, not of the request: a child session's call belongs to its parent's run.
    runId: call.run.id,
    app: call.run.app,
    unit,
    endpoint: lease.endpoint,
    grantedAt: lease.grantedAt,
    expiresAt: lease.expiresAt,
    leaseMs: lease.lengthMs,
    waitedMs: Math.max(0, lease.grantedAt - arrivedAt),
    ...placeOf(call),
    ...found,
  };
}
