/**
 * How fast a backend is, learned from its calls: milliseconds for each input and output token, and
 * the mean time of a call. Moving averages, since load and hardware change.
 */
import type { CallResult } from './call-result.ts';
import type { Speed } from './demand.ts';
import type { CallRequest } from './live-run.ts';

/** Share of a new observation: an average over about the last 50 calls. */
const SHARE = 0.02;
/** Early observations count as in a plain mean, so that the assumption is left behind at once. */
const WARM_UP = 1 / SHARE;
/** Assumed of a call before any has ended. */
const ASSUMED_SERVICE_MS = 5_000;

export interface SpeedSnapshot {
  readonly inputMs: number;
  readonly outputMs: number;
  readonly meanServiceMs: number;
  readonly inputSeen: number;
  readonly outputSeen: number;
  readonly callsSeen: number;
}

export class LearnedSpeed {
  #state: SpeedSnapshot;

  constructor(assumed: Speed) {
    this.#state = {
      ...assumed,
      meanServiceMs: ASSUMED_SERVICE_MS,
      inputSeen: 0,
      outputSeen: 0,
      callsSeen: 0,
    };
  }

  /** The present estimate. */
  get value(): Speed {
    return this.#state;
  }

  get meanServiceMs(): number {
    return this.#state.meanServiceMs;
  }

  observe(result: CallResult, request: CallRequest): void {
    if (result.outcome !== 'ok') return;
    const s = { ...this.#state };
    s.meanServiceMs = blend(s.meanServiceMs, result.serviceMs, s.callsSeen);
    s.callsSeen += 1;
    const output = result.outputTokens ?? 0;
    const input = result.inputTokens ?? request.inputTokens;
    if (request.kind === 'llm' && output > 0) {
      // A stream tells prefill and decode apart; of a plain answer only the sum is known.
      const streamed = result.firstByteMs !== undefined && output > 1;
      const prefillMs = streamed ? (result.firstByteMs ?? 0) : input * s.inputMs;
      const decoded = streamed ? output - 1 : output;
      s.outputMs = blend(s.outputMs, Math.max(0, result.serviceMs - prefillMs) / decoded, s.outputSeen);
      s.outputSeen += 1;
      if (streamed && input > 0) {
        s.inputMs = blend(s.inputMs, prefillMs / input, s.inputSeen);
        s.inputSeen += 1;
      }
    }
    this.#state = s;
  }

  snapshot(): SpeedSnapshot {
    return this.#state;
  }

  restore(from: SpeedSnapshot): void {
    this.#state = from;
  }
}

function blend(old: number, value: number, seen: number): number {
  const share = Math.max(SHARE, 1 / (seen + 1));
  return old + (value - old) * (seen < WARM_UP ? share : SHARE);
}
