/**
 * One learned speed: milliseconds per input token that is computed, per output token and per call,
 * of about the last 50 calls. It follows changes of load and hardware. How the two are told apart is
 * in speed-fit.ts; which of a backend's speeds applies is decided in backend-speed.ts.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';
import { type EarlierFit, type FittedSpeed, fitSpeed, type Timing } from './speed-fit.ts';

/** Calls that the speeds cover. */
const WINDOW = 50;
/** Weight of a new call in the mean service time, which covers about as many. */
const MIN_WEIGHT = 1 / WINDOW;
/** Service time of a call, assumed before any has ended. */
const ASSUMED_SERVICE_MS = 5_000;

/** The speeds, and the number of observations behind each. */
export interface SpeedSnapshot {
  readonly inputMs: number;
  readonly outputMs: number;
  readonly meanServiceMs: number;
  readonly inputSeen: number;
  readonly outputSeen: number;
  readonly callsSeen: number;
}

const NOTHING_EARLIER: EarlierFit = { inputMs: 0, outputMs: 0, inputCalls: 0, outputCalls: 0 };

export class LearnedSpeed {
  #assumed: Speed;
  readonly #timings: Timing[] = [];
  /** Place of the oldest timing once the window is full. */
  #oldest = 0;
  /** What was restored. It counts as the calls behind it, until new ones have replaced those. */
  #earlier = NOTHING_EARLIER;
  #fit: FittedSpeed | undefined;
  #meanServiceMs = ASSUMED_SERVICE_MS;
  #callsSeen = 0;
  #inputSeen = 0;
  #outputSeen = 0;

  constructor(assumed: Speed) {
    this.#assumed = assumed;
  }

  /** Changes the assumed speed; it applies where nothing was observed yet. */
  assume({ inputMs, outputMs }: Speed): void {
    this.#assumed = { inputMs, outputMs };
    this.#fit = undefined;
  }

  /** The present estimate. */
  get value(): FittedSpeed {
    this.#fit ??= this.#fitted();
    return this.#fit;
  }

  #fitted(): FittedSpeed {
    const left = (calls: number) => Math.min(calls, WINDOW - this.#timings.length);
    const { inputCalls, outputCalls, ...speed } = this.#earlier;
    return fitSpeed(this.#timings, this.#assumed, {
      ...speed,
      inputCalls: left(inputCalls),
      outputCalls: left(outputCalls),
    });
  }

  get meanServiceMs(): number {
    return this.#meanServiceMs;
  }

  /** Calls that were served to their end. */
  get calls(): number {
    return this.#callsSeen;
  }

  /** Learns from a call that was served to its end; ignores others. */
  observe(result: CallResult, request: CallRequest): void {
    if (result.outcome !== 'ok') return;
    this.#meanServiceMs = blend(this.#meanServiceMs, result.serviceMs, this.#callsSeen);
    this.#callsSeen += 1;
    if (request.kind !== 'llm') return;
    const timing = timingOf(result, request);
    if (!timing) return;
    if (this.#timings.length < WINDOW) this.#timings.push(timing);
    else this.#timings[this.#oldest] = timing;
    this.#oldest = (this.#oldest + 1) % WINDOW;
    if (timing.output > 0) this.#outputSeen += 1;
    if (timing.prefillMs !== undefined) this.#inputSeen += 1;
    this.#fit = undefined;
  }

  snapshot(): SpeedSnapshot {
    const { inputMs, outputMs, isInputKnown } = this.value;
    const inputSeen = isInputKnown ? Math.max(this.#inputSeen, this.#timings.length, 1) : 0;
    return {
      ...{ inputMs, outputMs, meanServiceMs: this.#meanServiceMs },
      ...{ inputSeen, outputSeen: this.#outputSeen, callsSeen: this.#callsSeen },
    };
  }

  restore({ meanServiceMs, callsSeen, inputSeen, outputSeen, ...speed }: SpeedSnapshot): void {
    this.#meanServiceMs = meanServiceMs;
    this.#callsSeen = callsSeen;
    this.#inputSeen = inputSeen;
    this.#outputSeen = outputSeen;
    const { inputMs, outputMs } = speed;
    this.#earlier = { inputMs, outputMs, inputCalls: inputSeen, outputCalls: outputSeen };
    this.#fit = undefined;
  }
}

/** What a call shows of the speed; undefined where it shows nothing. */
function timingOf(result: CallResult, request: CallRequest): Timing | undefined {
  const { serviceMs, firstByteMs, cachedTokens = 0 } = result;
  if (result.outputTokens === undefined) return undefined;
  // Answers to one call are decoded beside each other.
  const output = result.outputTokens / (request.sequences ?? 1);
  const input = Math.max(0, (result.inputTokens ?? request.inputTokens) - cachedTokens);
  const call = { input, output, totalMs: serviceMs };
  // Without output all of the time is the input's: an embedding, a ranking.
  if (output <= 0) return input > 0 ? { ...call, prefillMs: serviceMs } : undefined;
  const { prefillMs, decodeMs } = result;
  if (prefillMs !== undefined && decodeMs !== undefined && decodeMs > 0) {
    return { ...call, prefillMs, decodeMs: decodeMs / output, isOwn: true };
  }
  // The first byte of a single token is the whole answer.
  if (firstByteMs === undefined || output <= 1) return call;
  const tokenMs = Math.max(0, serviceMs - firstByteMs) / (output - 1);
  // The time to the first byte includes the decoding of the first token.
  return { ...call, prefillMs: Math.max(0, firstByteMs - tokenMs), decodeMs: tokenMs };
}

/** Early observations count as in a plain mean, so the first one replaces the assumption. */
function blend(mean: number, value: number, seen: number): number {
  return mean + (value - mean) * Math.max(MIN_WEIGHT, 1 / (seen + 1));
}
