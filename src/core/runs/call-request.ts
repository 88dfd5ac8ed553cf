/**
 * A call as it is submitted, by the Worker or the simulator. A call in flight (LiveCall) is in
 * live-run.ts; how a call ended is in call-result.ts.
 */

import type { PrefixLink } from './prefix.ts';

/** Backend name of units that the client executes itself; no call is ever sent there. */
export const CLIENT_BACKEND = 'client';

export interface Labels {
  readonly app?: string;
  readonly unit?: string;
}

/** Slots that a call needs: one for each sequence. */
export function sequencesOf({ sequences = 1 }: Pick<CallRequest, 'sequences'>): number {
  return sequences;
}

/** What is known of a call at its submission. */
export interface CallRequest {
  readonly callId: string;
  /** API key that the call is charged to; absent in a simulation. */
  readonly keyId?: string;
  readonly runId: string;
  readonly app: string;
  readonly unit: string;
  readonly backend: string;
  /** `llm` is measured in tokens, `service` in milliseconds. */
  readonly kind: 'llm' | 'service';
  /** The model that it asks for; absent for a call that is not a model call. */
  readonly model?: string;
  /** Set where that model is an adapter which its backend has to load; the dispatcher's own. */
  readonly adapter?: string;
  /** Answers that it asks for at once, each a sequence of its own in the engine; a whole number, 1 where absent. */
  readonly sequences?: number;
  /** Estimated from the request's text; 0 for a call that is not a model call. */
  readonly inputTokens: number;
  /** The client's limit of output tokens; absent where it set none. */
  readonly maxOutputTokens?: number;
  /** Epoch ms of the call's first arrival; kept when the call is submitted again. */
  readonly arrivedAt: number;
  /** Epoch ms by which the run should be complete. */
  readonly deadlineAt?: number;
  /** Refuse the call when its run meets its deadline with a chance of less than 5 %. */
  readonly refuseIfLate?: boolean;
  /** Longest wait for a slot that the client accepts, ms. */
  readonly maxWaitMs?: number;
  /** No client connection is open for it: `maxWaitMs` applies even beyond its backend's limit. */
  readonly patient?: boolean;
  /** Multiplies the weight of its application; 1 where absent. */
  readonly weight?: number;
  /** The client marked it as the run's last call. */
  readonly final: boolean;
  /** The call is a run by itself, to which no other call can belong. */
  readonly sole?: boolean;
  /** Id of the session that began this one; both sessions are one run. */
  readonly parentRunId?: string;
  /**
   * Messages of the conversation so far, where its beginning is all that identifies the run: then
   * several runs may have the name `runId`, and dispatch/conversations.ts tells them apart.
   */
  readonly turn?: number;
  /**
   * Ids by which earlier answers of the run are recognised, the newest first: of tool calls whose
   * results the body has, and of the response that it continues.
   */
  readonly cameBack?: readonly string[];
  /** Id of the response that it continues, which the endpoint that gave it has stored. */
  readonly continues?: string;
  /** Fingerprints of texts in the body that a model may have written, the newest first. */
  readonly texts?: readonly string[];
  /**
   * Fingerprints of the text that its conversation begins with, and of what that ends with: where it
   * is the beginning, a tool call of another conversation may have handed it out.
   */
  readonly tasks?: readonly string[];
  /** It is of the conversation of a sub-agent, which a tool call of the run began. */
  readonly subAgent?: true;
  /** `runId` is that of the call's run: conversations were told apart at its first submission. */
  readonly placed?: true;
  /**
   * The client named no application, so `app` is a fingerprint of this call: one of an agent's main
   * loop, which names the run's application, or one beside it.
   */
  readonly guessedApp?: 'main' | 'side';
  /** What people read beside a name that is a fingerprint; contains no words of users. */
  readonly labels?: Labels;
  /** Fingerprint of the body; a repeated call has the same. */
  readonly print?: string;
  /** The client declares that it sends this call again. */
  readonly retry?: boolean;
  /** Fingerprints of its prompt's beginnings, the shortest first; absent where it has none. */
  readonly prefix?: readonly PrefixLink[];
  /** Length of the body that the Worker holds while the call waits, bytes. */
  readonly bodyBytes?: number;
}
