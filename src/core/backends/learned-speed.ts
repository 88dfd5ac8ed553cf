/**
 * One learned speed: moving averages of milliseconds per input token, per output token and per
 * call. They follow changes of load and hardware. Which of a backend's speeds applies is decided in
 * backend-speed.ts.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';

/** Weight of a new observation: the average covers about the last 50 calls. */
const MIN_WEIGHT = 0.02;
/** With a shorter prompt the network dominates the time to the first byte, not the prefill. */
const MIN_INPUT_TOKENS = 200;
/** Service time of a call, assumed before any has ended. */
const ASSUMED_SERVICE_MS = 5_000;

/** The averages, and the number of observations behind each. */
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

  /** Changes the assumed speed; it applies where nothing was observed yet. */
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

  /** Learns from a call that was served to its end; ignores others. */
  observe(result: CallResult, request: CallRequest): void {
    if (result.outcome !== 'ok') return;
    const next = { ...this.#state };
    next.meanServiceMs = blend(next.meanServiceMs, result.serviceMs, next.callsSeen);
    next.callsSeen += 1;
    const output = result.outputTokens ?? 0;
    const whole = result.inputTokens ?? request.inputTokens;
    const input = Math.max(0, whole - (result.cachedTokens ?? 0));
    if (request.kind === 'llm' && output > 0) {
      // A stream shows prefill and decode separately; a plain answer shows only their sum.
      const firstMs = output > 1 ? result.firstByteMs : undefined;
      const decodeMs =
        firstMs === undefined
          ? (result.serviceMs - input * next.inputMs) / output
          : (result.serviceMs - firstMs) / (output - 1);
      next.outputMs = blend(next.outputMs, Math.max(0, decodeMs), next.outputSeen);
      next.outputSeen += 1;
      if (firstMs !== undefined && input >= MIN_INPUT_TOKENS) {
        // The time to the first byte includes the decoding of the first token.
        next.inputMs = blend(next.inputMs, Math.max(0, firstMs - decodeMs) / input, next.inputSeen);
        next.inputSeen += 1;
      }
    }
    this.#state = next;
  }

  snapshot(): SpeedSnapshot {
    return this.#state;
  }

  restore(from: SpeedSnapshot): void {
    // A stored value without observations is an old assumption: the present one applies instead.
    const { inputMs, outputMs } = this.#state;
    this.#state = {
      ...from,
      inputMs: from.inputSeen > 0 ? from.inputMs : inputMs,
      outputMs: from.outputSeen > 0 ? from.outputMs : outputMs,
    };
  }
}

/** Early observations count as in a plain mean, so the first one replaces the assumption. */
function blend(mean: number, value: number, seen: number): number {
  return mean + (value - mean) * Math.max(MIN_WEIGHT, 1 / (seen + 1));
}
