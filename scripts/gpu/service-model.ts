/**
 * The service time of a call. The emulated endpoint and the simulator share this one model, so that
 * their measurements can be compared. Pure.
 */
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';

export interface BackendModel {
  /** Calls that run at once; null means no limit. */
  readonly slots: number | null;
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
  /** Absent if the backend is always warm. */
  readonly coldStartMs?: number;
  readonly idleTimeoutMs?: number;
}

/** The time that a call is in service, in ms. */
export function serviceMs(call: CallRecord, model: BackendModel): number {
  if ('service_ms' in call) return call.service_ms;
  return call.input_tokens * model.prefillMsPerToken + call.output_tokens * model.decodeMsPerToken;
}

/** English text has about four characters a token; the dispatcher uses the same estimate. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
