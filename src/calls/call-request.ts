/**
 * Builds the request for a slot that the tenant's object receives: what the call is, which run it
 * belongs to and how large it is. What is sent to the endpoint is in `call-plan.ts`.
 */

import { given } from '../http/given.ts';
import { bodyFingerprint } from '../identity/fingerprint.ts';
import type { Identity } from '../identity/identity.ts';
import type { CallFacts, CallRequest, PrefixLink } from '../protocol/admission.ts';

/** More than an engine has slots: such a call takes all of them. */
const MAX_SEQUENCES = 1_024;

export interface CallDescription {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly model?: string;
  /** Sequences that an engine computes for it at once; 1 where absent. */
  readonly sequences?: number | undefined;
  readonly inputTokens: number;
  readonly prefix?: readonly PrefixLink[];
  readonly continues?: string;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  /** The body as the client sent it; undefined where it is relayed as it arrives. */
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
}

/**
 * `arrivedAt`: arrival at this backend, epoch ms. `waitedMs`: time that the request has already
 * waited at backends that could not serve it.
 */
export async function callRequestOf(
  plan: CallDescription,
  callId: string,
  arrivedAt: number,
  waitedMs = 0,
): Promise<CallRequest> {
  const { identity, content } = plan;
  const { deadlineMs, maxWaitMs } = identity;
  // What the client expects is less than what it allows.
  const maxOutputTokens = plan.maxOutputTokens ?? identity.expectedTokens;
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
    ...sequencesIn(plan),
    // A call that is a run of its own cannot be recognised as a repeat; a body that is not held
    // has no fingerprint.
    ...(identity.sole || content === undefined ? {} : { print: await bodyFingerprint(content) }),
    ...claimsOf(identity),
    ...given({
      model: plan.model,
      prefix: plan.prefix,
      continues: plan.continues,
      maxOutputTokens,
    }),
    ...(deadlineMs === undefined ? {} : { deadlineAt: arrivedAt - waitedMs + deadlineMs }),
    ...(identity.refuseIfLate ? { refuseIfLate: true } : {}),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs: Math.max(0, maxWaitMs - waitedMs) }),
  };
}

/** What the client and its conversation tell of the call's run; absent where they tell nothing. */
function claimsOf(identity: Identity): Partial<CallRequest> {
  const { parentRunId, turn, cameBack, texts, tasks, guessedApp, labels } = identity;
  return {
    ...(identity.retry ? { retry: true } : {}),
    ...given({ parentRunId, turn, cameBack, texts, tasks, guessedApp, labels }),
  };
}

/** Sequences at once, each of which takes a slot, as far as they are counted. */
function sequencesIn({ sequences = 1 }: CallDescription): Pick<CallRequest, 'sequences'> {
  return sequences > 1 ? { sequences: Math.min(MAX_SEQUENCES, Math.ceil(sequences)) } : {};
}

/** The call's own claims, for use where the object has reported nothing. */
export function ownFacts({ identity }: CallDescription): CallFacts {
  const { app, runId, unit } = identity;
  return { app, runId, unit, position: 0, attempts: 0 };
}
