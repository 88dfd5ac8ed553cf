/** A call as the tenant's object is told of it: what it is, whose it is, and how large. */
import type { Identity } from '../identity/identity.ts';
import { bodyFingerprint } from '../identity/identity.ts';
import type { CallFacts, CallRequest } from '../protocol/tenant.ts';

export interface CallDescription {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  /** The body as the client sent it; absent where it is relayed as it comes. */
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
}

/** `waitedMs`: what the request has waited already, at backends that could not serve it. */
export async function callRequestOf(
  plan: CallDescription,
  callId: string,
  arrivedAt: number,
  waitedMs = 0,
): Promise<CallRequest> {
  const { identity, content } = plan;
  const { deadlineMs, maxWaitMs } = identity;
  return {
    callId,
    runId: identity.runId,
    app: identity.app,
    unit: identity.unit,
    backend: plan.backend,
    kind: plan.kind,
    inputTokens: plan.inputTokens,
    arrivedAt,
    final: identity.final,
    sole: identity.sole,
    bodyBytes: content?.length ?? 0,
    // Of a run of its own no call can be sent again; of what is not held nothing is known.
    ...(identity.sole || content === undefined ? {} : { print: await bodyFingerprint(content) }),
    ...(identity.retry ? { retry: true } : {}),
    ...(identity.parentRunId === undefined ? {} : { parentRunId: identity.parentRunId }),
    ...(identity.turn === undefined ? {} : { turn: identity.turn }),
    ...(plan.maxOutputTokens === undefined ? {} : { maxOutputTokens: plan.maxOutputTokens }),
    ...(deadlineMs === undefined ? {} : { deadlineAt: arrivedAt - waitedMs + deadlineMs }),
    ...(identity.refuseIfLate ? { refuseIfLate: true } : {}),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs: Math.max(0, maxWaitMs - waitedMs) }),
  };
}

/** What a call says of itself, where the object has not said better. */
export function ownFacts({ identity }: CallDescription): CallFacts {
  const { app, runId, unit } = identity;
  return { app, runId, unit, position: 0, attempts: 0 };
}
