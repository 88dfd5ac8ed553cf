/** Builds the refusal that the tenant's object answers to a Worker. */
import type { CallFacts, Refusal, RefusedCode } from '../../src/protocol/admission.ts';

export function refusal(
  code: RefusedCode,
  retryAfterMs = 0,
  facts?: CallFacts,
  limit?: 'key',
): Refusal {
  return {
    ...{ status: 'refused', code, retryAfterMs },
    ...(limit === undefined ? {} : { limit }),
    ...(facts ? { facts } : {}),
  };
}
