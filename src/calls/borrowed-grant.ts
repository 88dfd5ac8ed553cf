/** The grant of a call on a borrowed slot: what the tenant's object would have answered at once. */
import { runIdFor } from '../config/permissions.ts';
import type { TenantConfig } from '../config/schema.ts';
import type { EnqueueRequest, Grant, LoanOffer } from '../protocol/admission.ts';

/** Of which grant, and by which configuration, the slots are. */
export interface LoanTerms {
  readonly offer: LoanOffer;
  readonly grant: Grant;
  readonly version: number;
  readonly config: TenantConfig;
}

/** `mostLeaseMs`: the call looks after its slot each third of so long at the latest, ms. */
export function borrowedGrant(
  { grant, config }: LoanTerms,
  { call, keyId }: EnqueueRequest,
  mostLeaseMs: number,
  now: number,
): Grant {
  const { endpoint, address, endpointState } = grant;
  const leaseMs = Math.min(grant.leaseMs, mostLeaseMs);
  const runId = call.sole ? call.runId : runIdFor(config, keyId, call.runId);
  return {
    status: 'granted',
    endpoint,
    address,
    leaseMs,
    expiresAt: now + leaseMs,
    waitedMs: 0,
    coldMs: 0,
    // Nobody waited, so no rank was needed and nobody can overtake it.
    rankMs: 0,
    boundMs: 0,
    facts: { app: call.app, runId, unit: call.unit, position: 0, attempts: 1 },
    ...(endpointState === undefined ? {} : { endpointState }),
  };
}
