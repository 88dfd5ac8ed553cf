/** A call as it is submitted: what the edge, or the simulator, knows of it then. */

/** Where units run that the client runs itself; no call is ever sent there. */
export const CLIENT_BACKEND = 'client';

/** What the edge, or the simulator, knows of a call when it is submitted. */
export interface CallRequest {
  readonly callId: string;
  readonly runId: string;
  readonly app: string;
  readonly unit: string;
  readonly backend: string;
  /** `llm` is measured in tokens, `service` in milliseconds. */
  readonly kind: 'llm' | 'service';
  /** Estimate from the request's text; 0 for a call that is not a model call. */
  readonly inputTokens: number;
  /** The client's own limit of output tokens, where it set one. */
  readonly maxOutputTokens?: number;
  /** Epoch ms at which the call first arrived; a call that is submitted again keeps it. */
  readonly arrivedAt: number;
  /** Epoch ms by which the run should be complete. */
  readonly deadlineAt?: number;
  /** The client would rather be refused than served when its run has hardly a chance in time. */
  readonly refuseIfLate?: boolean;
  /** Longest time that the call may wait for a slot, in ms. */
  readonly maxWaitMs?: number;
  /** Nobody holds a connection for it: it may wait for `maxWaitMs`, whatever its backend says. */
  readonly patient?: boolean;
  /** Multiplies its application's weight; 1 where absent. */
  readonly weight?: number;
  /** The run's last call. */
  readonly final: boolean;
  /** The call is a run of its own, which nobody can add to. */
  readonly sole?: boolean;
  /** The session that began this one: both are one run. */
  readonly parentRunId?: string;
  /** Messages of the conversation so far, where the run is known by the conversation's beginning. */
  readonly turn?: number;
  /** Fingerprint of the body: a call that is sent again has the same. */
  readonly print?: string;
  /** The client says that it sends this call again. */
  readonly retry?: boolean;
  /** Length of the body, which its Worker holds while the call waits. */
  readonly bodyBytes?: number;
}
