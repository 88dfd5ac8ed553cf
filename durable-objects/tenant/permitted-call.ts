/**
 * Checks what a call claims against what its API key may: its application, or that of the run that it
 * joins, and its deadline. The rules are in src/config/permissions.ts.
 */
import {
  mayName,
  refusedApplication,
  runIdFor,
  withPermittedDeadline,
} from '../../src/config/permissions.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { RunRegister } from '../../src/core/dispatch/run-register.ts';
import type { CallRequest, EnqueueRequest, Refusal } from '../../src/protocol/admission.ts';
import { refusal } from './refusal.ts';

/** The call as it may be submitted, with its API key; or why it may not. */
export function permitted(
  { call: asked, keyId, ownApp = false }: EnqueueRequest,
  config: TenantConfig,
  register: RunRegister,
): { readonly call: CallRequest } | Refusal {
  const call = { ...withOwnRun(config, keyId, asked), keyId };
  // A run keeps the application of its first call, whatever the later ones claim.
  const run = register.find(call);
  const app = run?.app ?? call.app;
  const isOwn = run ? run.keyId === keyId : ownApp;
  if (!isOwn && !mayName(config, keyId, app)) {
    return {
      ...refusal('permission_denied'),
      detail: refusedApplication(config, keyId, app),
    };
  }
  return { call: withPermittedDeadline(config, app, call) };
}

/** The call with the ids of its runs as its API key may name them. */
export function withOwnRun(config: TenantConfig, keyId: string, call: CallRequest): CallRequest {
  if (config.identity.shareRuns || call.sole) return call;
  const { runId, parentRunId } = call;
  return {
    ...call,
    runId: runIdFor(config, keyId, runId),
    ...(parentRunId === undefined ? {} : { parentRunId: runIdFor(config, keyId, parentRunId) }),
  };
}
