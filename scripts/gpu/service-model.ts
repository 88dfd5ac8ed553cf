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
  /** Tokens that the prefix cache of an emulated endpoint holds; absent: it has none. */
  readonly kvCacheTokens?: number;
}

/** The time that a call is in service, in ms; `hitTokens` of its input are in a prefix cache. */
export function serviceMs(call: CallRecord, model: BackendModel, hitTokens = 0): number {
  if ('service_ms' in call) return call.service_ms;
  return prefillMs(call, model, hitTokens) + call.output_tokens * model.decodeMsPerToken;
}

/** The time until its first token, in ms; 0 for a call that is not to a model. */
export function prefillMs(call: CallRecord, model: BackendModel, hitTokens = 0): number {
  return 'service_ms' in call ? 0 : (call.input_tokens - hitTokens) * model.prefillMsPerToken;
}

/** Tokens of a block of the emulated endpoint's prefix cache, as vLLM's. */
export const KV_BLOCK_TOKENS = 16;

/** English text has about four characters a token; the dispatcher uses the same estimate. */
export const CHARS_PER_TOKEN = 4;

export function estimateTokens(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}
