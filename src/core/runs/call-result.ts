/**
 * How a call that held a slot ended, and the record of it that its run keeps. The call as submitted
 * is in call-request.ts.
 */
import type { CallRequest } from './call-request.ts';
import type { CallRecord } from './recorded-run.ts';

/** Fingerprint of a text that a tool call has as an argument, and the id of the tool call. */
export type ToolTask = readonly [print: string, toolCall: string];

export interface CallResult {
  /** `failed`: the endpoint did not serve it; `cancelled`: the client left or gave it up. */
  readonly outcome: 'ok' | 'failed' | 'cancelled';
  /** The endpoint refused, broke or did not answer; counts as its fault. */
  readonly endpointFault: boolean;
  /** The endpoint reported that it is not up yet. */
  readonly cold: boolean;
  /**
   * The failure is also what an endpoint answers that is not up: a model that it does not have, a
   * fault, no connection. The client has received nothing of it.
   */
  readonly mayBeCold?: boolean;
  /**
   * The endpoint did not begin to answer in time. It may lose what it gets while it is not up; but it
   * may also be at work on the call, which is not sent again.
   */
  readonly timedOut?: boolean;
  /**
   * The connection was refused, or broke before any byte of an answer; the two cannot be told apart.
   * The call may be sent again.
   */
  readonly connectionLost?: boolean;
  /** The endpoint reported that it is overloaded. */
  readonly busy?: boolean;
  /** The endpoint answered 403: usually the call's own matter, not the endpoint's. */
  readonly forbidden?: boolean;
  /** Pause that the endpoint asked for, ms. */
  readonly retryAfterMs?: number;
  /** Calls that wait inside the endpoint's engine; absent where it does not report them. */
  readonly queuedThere?: number;
  /** Token counts that the endpoint reported; absent where it reported none. */
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Input tokens, of `inputTokens`, whose prefill a cache of the endpoint saved. */
  readonly cachedTokens?: number;
  /** Time that the engine itself reports for prefill and for decoding, ms. */
  readonly prefillMs?: number;
  readonly decodeMs?: number;
  /** Ids of the tool calls with which the answer ended; their results come with a later call. */
  readonly toolCalls?: readonly string[];
  /** Texts that its tool calls have as arguments: a sub-agent may begin with one. */
  readonly tasks?: readonly ToolTask[];
  /** Fingerprint of the text that the answer consists of; absent where it has little. */
  readonly text?: string;
  /** Id of the answer, by which a later call may continue it (Responses). */
  readonly responseId?: string;
  /** Time from the request to the endpoint until its last byte, ms. */
  readonly serviceMs: number;
  /** Time from the request to its first byte, ms; absent where the answer came in one piece. */
  readonly firstByteMs?: number;
}

/** What a call asked of its backend; undefined where it did not succeed. */
export function recordOf(request: CallRequest, result: CallResult): CallRecord | undefined {
  if (result.outcome !== 'ok') return undefined;
  if (request.kind === 'service') return { service_ms: result.serviceMs };
  return {
    input_tokens: result.inputTokens ?? request.inputTokens,
    output_tokens: result.outputTokens ?? 0,
    ...(result.cachedTokens === undefined ? {} : { cached_tokens: result.cachedTokens }),
  };
}
