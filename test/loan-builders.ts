/** Builders of what passes about loans, for tests of the isolate's side. */

import { Loan } from '../src/calls/loan.ts';
import { parseTenantConfig } from '../src/config/parse.ts';
import type { TenantConfig } from '../src/config/schema.ts';
import type { EnqueueRequest, Grant } from '../src/protocol/admission.ts';
import { callRequest } from './dispatch-builders.ts';

export function configWith(fields: object = {}): TenantConfig {
  const endpoints = [{ name: 'e1', url: 'http://127.0.0.1:9/v1', slots: 8 }];
  const keys = [{ id: 'k', sha256: 'a'.repeat(64) }];
  const backends = { llm: { models: ['m'], endpoints } };
  const parsed = parseTenantConfig({ backends, keys, ...fields }, { development: true });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

export function asked(callId: string, fields: Partial<EnqueueRequest> = {}): EnqueueRequest {
  return { call: callRequest(callId), keyId: 'k', version: 1, ...fields };
}

export function grantWith(slots: number, leaseMs = 90_000): Grant {
  return {
    status: 'granted',
    endpoint: 'e1',
    address: { kind: 'openai', url: 'http://127.0.0.1:9/v1' } as unknown as Grant['address'],
    expiresAt: leaseMs,
    waitedMs: 0,
    coldMs: 0,
    rankMs: 0,
    leaseMs,
    loan: { loanId: 'l1', slots },
  };
}

/** A loan of some slots that was lent at 0. */
export function loanOf(slots: number): Loan {
  const grant = grantWith(slots);
  const terms = { offer: { loanId: 'l1', slots }, grant, version: 1, config: configWith() };
  return new Loan(terms, 0);
}
