/** The client's error for a call that the tenant's object has refused. */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { revokedKeyError } from '../auth/live-key.ts';
import { forgetTenant } from '../config/store.ts';
import { type ApiError, isErrorCode } from '../http/errors.ts';
import type { Refusal } from '../protocol/admission.ts';
import type { CallPlan } from './call-plan.ts';

/** The error, with what it says of the tenant's limits. */
export function refusalOf(
  { code, retryAfterMs, detail, limit }: Refusal,
  c: Context<AppEnv>,
  plan: CallPlan,
): ApiError {
  const { tenant, config } = c.get('tenant');
  const message = detail === undefined ? {} : { message: detail };
  switch (code) {
    case 'key_revoked':
      return revokedKeyError(c);
    case 'tenant_unconfigured':
      return { code: 'tenant_misconfigured', retryAfterMs: 1_000 };
    case 'backend_removed': {
      forgetTenant(tenant);
      const message = `Backend "${plan.backend}" is no longer configured.`;
      return { code: 'backend_not_found', message };
    }
    case 'open_runs_exceeded': {
      const { openRuns } = config.limits;
      const message = `${openRuns} runs of this key are open and have calls; it may have no more.`;
      return { code, message, retryAfterMs };
    }
    case 'deadline_unmeetable':
      return { code };
    case 'queue_full': {
      if (limit !== 'key') return { code, retryAfterMs };
      const share = Math.round(100 * config.limits.keyQueueShare);
      const message = `This key's calls fill their ${share} % of the queue of backend "${plan.backend}".`;
      return { code, retryAfterMs, message };
    }
    case 'request_too_large':
    case 'permission_denied':
      return { code, ...message };
    default:
      // During a deploy the object may know a code that this Worker does not.
      if (!isErrorCode(code)) return { code: 'dispatcher_unavailable', retryAfterMs };
      return { code, retryAfterMs, ...message };
  }
}
