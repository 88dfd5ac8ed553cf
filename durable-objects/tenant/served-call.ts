/** Counts the times and the tokens of a call that succeeded. */
import { sequencesOf } from '../../src/core/runs/call-request.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type { MetricSet } from '../../src/metrics/metric-set.ts';

interface Served {
  /** Epoch ms. */
  readonly grantedAt: number;
  readonly endedAt: number;
  readonly result: CallResult;
}

/** `labels`: backend and application. */
export function countServed(
  set: MetricSet,
  labels: readonly string[],
  { request }: LiveCall,
  { grantedAt, endedAt, result }: Served,
): void {
  const sinceArrival = (at: number) => Math.max(0, at - request.arrivedAt) / 1_000;
  set.observe('talaria_call_duration_seconds', labels, sinceArrival(endedAt));
  if (request.kind !== 'llm') return;
  const { inputTokens = 0, cachedTokens = 0, outputTokens = 0, firstByteMs } = result;
  set.add('talaria_input_tokens_total', labels, inputTokens);
  set.add('talaria_cached_tokens_total', labels, cachedTokens);
  set.add('talaria_output_tokens_total', labels, outputTokens);
  if (firstByteMs !== undefined) {
    const firstAt = grantedAt + firstByteMs;
    set.observe('talaria_time_to_first_token_seconds', labels, sinceArrival(firstAt));
  }
  const decodeMs = firstByteMs === undefined ? result.decodeMs : result.serviceMs - firstByteMs;
  // The tokens of several sequences come beside each other.
  if (decodeMs === undefined || outputTokens < 2 || sequencesOf(request) > 1) return;
  const perToken = Math.max(0, decodeMs) / (outputTokens - 1) / 1_000;
  set.observe('talaria_time_per_output_token_seconds', labels, perToken);
}
