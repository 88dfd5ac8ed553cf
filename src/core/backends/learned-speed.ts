/**
 * How fast a backend is, learned from its calls: milliseconds for each input and output token, and
 * the mean time of a call. Moving averages, since load and hardware change.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';

/** Share of a new observation: an average over about the last 50 calls. */
const SHARE = 0.02;
/** Of a shorter prompt the time to the first byte is the network's, not the prefill's. */
const LEAST_INPUT_TOKENS = 200;
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

  /** What is assumed is another now: it counts where nothing was seen. */
  assume({ inputMs, outputMs }: Speed): void {
    const { inputSeen, outputSeen } = this.#state;
    this.#state = {
      ...this.#state,
      ...(inputSeen > 0 ? {} : { inputMs }),
      ...(outputSeen > 0 ? {} : { outputMs }),
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
      const firstMs = output > 1 ? result.firstByteMs : undefined;
      const decodeMs =
        firstMs === undefined
          ? (result.serviceMs - input * s.inputMs) / output
          : (result.serviceMs - firstMs) / (output - 1);
      s.outputMs = blend(s.outputMs, Math.max(0, decodeMs), s.outputSeen);
      s.outputSeen += 1;
      if (firstMs !== undefined && input >= LEAST_INPUT_TOKENS) {
        // Up to the first byte the first token was decoded too.
        s.inputMs = blend(s.inputMs, Math.max(0, firstMs - decodeMs) / input, s.inputSeen);
        s.inputSeen += 1;
      }
    }
    this.#state = s;
  }

  snapshot(): SpeedSnapshot {
    return this.#state;
  }

  restore(from: SpeedSnapshot): void {
    // What was only assumed then is not better than what is assumed now.
    const { inputMs, outputMs } = this.#state;
    this.#state = {
      ...from,
      inputMs: from.inputSeen > 0 ? from.inputMs : inputMs,
      outputMs: from.outputSeen > 0 ? from.outputMs : outputMs,
    };
  }
}

/** Early observations count as in a plain mean, so that the assumption is left behind at once. */
function blend(old: number, value: number, seen: number): number {
  return old + (value - old) * Math.max(SHARE, 1 / (seen + 1));
}
