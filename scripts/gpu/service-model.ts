/**
 * How long an endpoint takes for a call: the one model that the emulated endpoint and the simulator
 * share, so that what is measured in one can be compared with the other. Pure.
 */
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';

export interface BackendModel {
  /** Calls that run at once; null: no limit. */
  readonly slots: number | null;
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
  /** Absent: always warm. */
  readonly coldStartMs?: number;
  readonly idleTimeoutMs?: number;
}

/** Time that a call is in service, ms. */
export function serviceMs(call: CallRecord, model: BackendModel): number {
  if ('service_ms' in call) return call.service_ms;
  return call.input_tokens * model.prefillMsPerToken + call.output_tokens * model.decodeMsPerToken;
}

/** English text has about four characters a token; the dispatcher estimates alike. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
