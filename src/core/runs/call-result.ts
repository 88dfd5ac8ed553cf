/** How a call that held a slot ended, and what it therefore counts for in the record of its run. */
import type { CallRequest } from './call-request.ts';
import type { CallRecord } from './recorded-run.ts';

export interface CallResult {
  /** `failed`: the endpoint's fault; `cancelled`: the client left or the call was given up. */
  readonly outcome: 'ok' | 'failed' | 'cancelled';
  /** The endpoint refused, broke or said nothing; it counts against it. */
  readonly endpointFault: boolean;
  /** The endpoint said that it is not up yet. */
  readonly cold: boolean;
  /** The endpoint said that it is overloaded. */
  readonly busy?: boolean;
  /** And how long it wants to be left alone, ms. */
  readonly retryAfterMs?: number;
  /** Calls that wait inside the endpoint's engine, where it tells. */
  readonly queuedThere?: number;
  /** Counts that the endpoint gave; absent where it gave none. */
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Time from the request to the endpoint until its last byte, ms. */
  readonly serviceMs: number;
  /** Time until its first byte, ms; absent where the answer came in one piece. */
  readonly firstByteMs?: number;
}

/** What a call asked of its backend; undefined where it did not come to its end. */
export function recordOf(request: CallRequest, result: CallResult): CallRecord | undefined {
  if (result.outcome !== 'ok') return undefined;
  if (request.kind === 'service') return { service_ms: result.serviceMs };
  return {
    input_tokens: result.inputTokens ?? request.inputTokens,
    output_tokens: result.outputTokens ?? 0,
  };
}
