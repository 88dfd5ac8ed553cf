/**
 * Builders of calls, results and dispatcher configurations for tests, with defaults for all that a
 * test does not set.
 */

import type { BackendSpec } from '../src/core/backends/backend-spec.ts';
import type { DispatcherConfig } from '../src/core/dispatch/dispatcher-config.ts';
import type { PolicyName } from '../src/core/order/policies/registry.ts';
import type { CallRequest } from '../src/core/runs/call-request.ts';
import type { CallResult } from '../src/core/runs/call-result.ts';

export function callRequest(callId: string, fields: Partial<CallRequest> = {}): CallRequest {
  return {
    callId,
    runId: callId,
    app: 'app',
    unit: 'unit',
    backend: 'llm',
    kind: 'llm',
    inputTokens: 100,
    arrivedAt: 0,
    final: false,
    ...fields,
  };
}

/** The result of a successful call with this many output tokens. */
export function okResult(outputTokens: number, fields: Partial<CallResult> = {}): CallResult {
  return {
    outcome: 'ok',
    endpointFault: false,
    cold: false,
    inputTokens: 100,
    outputTokens,
    serviceMs: 10 + outputTokens,
    ...fields,
  };
}

export function backendSpec(fields: Partial<BackendSpec> & { slots?: number } = {}): BackendSpec {
  const { slots = 2, ...rest } = fields;
  return {
    endpoints: [{ id: 'e1', slots }],
    queueDepth: 1_000,
    maxWaitMs: 300_000,
    maxWaitColdMs: 600_000,
    whileCold: 'hold',
    speed: { inputMs: 0.1, outputMs: 1 },
    prewarm: { mode: 'off', theta: 0.25 },
    lends: true,
    ...rest,
  };
}

export function configOf(
  fields: Partial<DispatcherConfig> & { policy?: PolicyName; slots?: number } = {},
): DispatcherConfig {
  const { slots = 2, ...rest } = fields;
  return {
    policy: 'gittins',
    alpha: 0.5,
    backends: { llm: backendSpec({ slots }) },
    weights: {},
    leaseMs: 90_000,
    runSilenceMs: 30_000,
    ...rest,
  };
}
