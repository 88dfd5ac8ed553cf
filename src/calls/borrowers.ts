/**
 * Which calls may take a borrowed slot: those of which the tenant's object would ask nothing else. It
 * has to see the others before they begin, since it charges their API key, checks the application that
 * they name, chooses their endpoint, or finds or counts the runs that they belong to.
 */
import { lendsSlots } from '../config/lending.ts';
import type { TenantConfig } from '../config/schema.ts';
import type { EnqueueRequest } from '../protocol/admission.ts';
import { MAX_LOAN_SLOTS } from '../protocol/loans.ts';

interface Allowed {
  readonly keys: ReadonlySet<string>;
  readonly backends: ReadonlySet<string>;
  /** Calls that name their run. */
  readonly named: boolean;
}

const allowedBy = new WeakMap<TenantConfig, Allowed>();

/** True where the call may begin without being known to the object. */
export function mayBorrow(request: EnqueueRequest, config: TenantConfig): boolean {
  const { call, keyId, isCharged } = request;
  const { keys, backends, named } = allowedIn(config);
  if (!keys.has(keyId) || !backends.has(call.backend) || isCharged) return false;
  if (!named && !call.sole) return false;
  // Its run is found by what other calls of it were answered, and a deadline may refuse it.
  const isPlaced = call.turn === undefined && call.cameBack === undefined;
  const isPlain = call.continues === undefined && call.parentRunId === undefined;
  return isPlaced && isPlain && !call.refuseIfLate && !call.patient && (call.sequences ?? 1) === 1;
}

function allowedIn(config: TenantConfig): Allowed {
  const known = allowedBy.get(config);
  if (known) return known;
  const backends = Object.entries(config.backends).filter(([, backend]) =>
    lendsSlots(backend, config),
  );
  const allowed = {
    keys: unboundKeys(config),
    backends: new Set(backends.map(([name]) => name)),
    // The calls of one loan alone would go beyond a lower bound.
    named: config.limits.runCalls >= MAX_LOAN_SLOTS,
  };
  allowedBy.set(config, allowed);
  return allowed;
}

/**
 * Keys without limits, which may name every application. Where they may have few open runs, none: each
 * call opens one, or may.
 */
function unboundKeys({ applications, limits, keys = [] }: TenantConfig): ReadonlySet<string> {
  const isLimited = limits.requestsPerMinute !== undefined || limits.tokensPerMinute !== undefined;
  const isReserved = Object.values(applications).some((application) => application.keys);
  const isFew = limits.openRuns < MAX_LOAN_SLOTS;
  if (isLimited || isReserved || isFew) return new Set();
  const unbound = keys.filter((key) => !key.applications && !hasLimits(key.limits));
  return new Set(unbound.map(({ id }) => id));
}

function hasLimits(limits: { requestsPerMinute?: unknown; tokensPerMinute?: unknown } = {}) {
  return limits.requestsPerMinute !== undefined || limits.tokensPerMinute !== undefined;
}
