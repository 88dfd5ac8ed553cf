/**
 * Fits milliseconds per input token and per output token to what calls took, by weighted least
 * squares. A stream or the engine's own times tell prefill and decoding apart; a plain answer tells
 * their sum, from which the two follow once calls differ in their shares. Which calls count is up to
 * learned-speed.ts.
 *
 * Beside other calls the first token also waits for their prefills. That wait does not depend on the
 * call's own input, so it shows as a constant part where inputs differ. The engine's own times hold no
 * wait: what a short prompt takes beside a long one in a batch is no constant part of the long one's.
 * What is far off the fit counts less, so that a stall is no speed.
 */
import type { Speed } from '../runs/demand.ts';

/** With a shorter prompt the network dominates the time to the first byte, not the prefill. */
const MIN_INPUT_TOKENS = 200;
/** Size below which the noise of a time does not shrink with it, in output tokens. */
const NOISE_TOKENS = 16;
/** Calls from which on one that is off the fit by more than this share of it counts less. */
const MIN_CALLS_TO_DOUBT = 8;
const DOUBTED = 0.5;
/** Prefills, and spread of their inputs, from which their constant part is told apart. */
const MIN_PREFILLS = 8;
const MIN_SPREAD = 0.1;
/**
 * A token takes at least this share of what it took in the fastest tenth of the prefills: those had
 * little company. Short prompts that come beside long ones would otherwise pass for the constant part.
 */
const LEAST_OF_FASTEST = 0.9;
const FASTEST = 0.1;
/** Rounds of weighing by the fit of the round before. */
const ROUNDS = 3;
/** Bounds of the ratio of the two speeds, by which sizes of calls are compared. */
const LEAST_RATIO = 1e-4;
const MOST_RATIO = 1;

/** What one call took, in the parts that are known. */
export interface Timing {
  /** Input tokens that were computed. */
  readonly input: number;
  readonly output: number;
  readonly totalMs: number;
  /** The prefill, and decoding one output token, where they are told apart, ms. */
  readonly prefillMs?: number;
  readonly decodeMs?: number;
  /** The engine told them; else the prefill is the time to the first token, waits included. */
  readonly isOwn?: boolean;
}

/** Speeds that an earlier fit found, and how many calls each still counts as. */
export interface EarlierFit extends Speed {
  readonly inputCalls: number;
  readonly outputCalls: number;
}

export interface FittedSpeed extends Speed {
  /** The part of the time to the first token that does not depend on the call's own input, ms. */
  readonly callMs: number;
  /** True where calls have shown the prefill's speed; it is the assumed one otherwise. */
  readonly isInputKnown: boolean;
}

/** Weighted sums of products over rows of (input tokens, output tokens, ms). */
interface Sums {
  xx: number;
  xy: number;
  yy: number;
  xt: number;
  yt: number;
}

/** The speed that explains the timings best; `assumed` where they say nothing. */
export function fitSpeed(
  timings: readonly Timing[],
  assumed: Speed,
  earlier: EarlierFit,
): FittedSpeed {
  const inputMs = earlier.inputCalls > 0 ? earlier.inputMs : assumed.inputMs;
  const outputMs = earlier.outputCalls > 0 ? earlier.outputMs : assumed.outputMs;
  let fit: FittedSpeed = { inputMs, outputMs, callMs: 0, isInputKnown: earlier.inputCalls > 0 };
  if (timings.length === 0) return fit;
  for (let round = 0; round < ROUNDS; round += 1) {
    fit = refined(timings, assumed, earlier, fit);
  }
  return fit;
}

function refined(
  timings: readonly Timing[],
  assumed: Speed,
  earlier: EarlierFit,
  fit: FittedSpeed,
): FittedSpeed {
  const ratio = Math.min(MOST_RATIO, Math.max(LEAST_RATIO, fit.inputMs / fit.outputMs || 0));
  const callMs = constantMs(timings, ratio);
  const doubts = timings.length >= MIN_CALLS_TO_DOUBT;
  const sums: Sums = { xx: 0, xy: 0, yy: 0, xt: 0, yt: 0 };
  let [inputs, outputs] = [0, 0];
  const add = (x: number, y: number, ms: number) => {
    const expectedMs = x * fit.inputMs + y * fit.outputMs;
    const off = doubts && expectedMs > 0 ? Math.abs(ms / expectedMs - 1) : 0;
    const weight = (off > DOUBTED ? DOUBTED / off : 1) / (x * ratio + y + NOISE_TOKENS) ** 2;
    sums.xx += weight * x * x;
    sums.xy += weight * x * y;
    sums.yy += weight * y * y;
    sums.xt += weight * x * ms;
    sums.yt += weight * y * ms;
    if (x > 0) inputs += 1;
    if (y > 0) outputs += 1;
  };
  let isTold = earlier.inputCalls > 0;
  for (const { input, output, totalMs, prefillMs, decodeMs, isOwn } of timings) {
    if (decodeMs !== undefined && output > 0) add(0, output, decodeMs * output);
    if (prefillMs === undefined) {
      if (decodeMs === undefined) add(input, output, Math.max(0, totalMs - callMs));
    } else if (showsPrefill(input, output)) {
      add(input, 0, Math.max(0, prefillMs - (isOwn ? 0 : callMs)));
      isTold = true;
    }
  }
  // An earlier call counts as much as the present ones do on the average.
  const [xx, yy] = [sums.xx / inputs || ratio ** -2, sums.yy / outputs || 1];
  sums.xx += earlier.inputCalls * xx;
  sums.xt += earlier.inputCalls * xx * earlier.inputMs;
  sums.yy += earlier.outputCalls * yy;
  sums.yt += earlier.outputCalls * yy * earlier.outputMs;
  return { ...solved(sums, assumed, fit, isTold ? Infinity : ratio), callMs };
}

/** True where the prefill dominates the time until the first byte of the answer, or is all of it. */
function showsPrefill(input: number, output: number): boolean {
  return input > 0 && (input >= MIN_INPUT_TOKENS || output === 0);
}

/**
 * Solves for both speeds, none below 0. As far as the shares of prefill in the calls are too alike to
 * tell it, its speed remains the assumed one; `ratio` Infinity: it was told apart.
 */
function solved(
  { xx, xy, yy, xt, yt }: Sums,
  assumed: Speed,
  before: Speed,
  ratio: number,
): Omit<FittedSpeed, 'callMs'> {
  /** About the number of calls times the variance of the share of prefill in them. */
  const information = (xx - (yy > 0 ? (xy * xy) / yy : 0)) * ratio ** 2;
  const prior = information >= 1 || !(ratio < Infinity) ? 0 : (1 - information) / ratio ** 2;
  const isInputKnown = prior === 0;
  const own = yy > 0 ? xx + prior - (xy * xy) / yy : xx + prior;
  if (own <= 0) {
    const outputMs = yy > 0 ? Math.max(0, (yt - assumed.inputMs * xy) / yy) : before.outputMs;
    return { inputMs: before.inputMs, outputMs, isInputKnown };
  }
  const rest = xt + prior * assumed.inputMs - (yy > 0 ? (xy * yt) / yy : 0);
  const inputMs = Math.max(0, rest / own);
  const outputMs = yy > 0 ? (yt - inputMs * xy) / yy : before.outputMs;
  if (outputMs >= 0) return { inputMs, outputMs, isInputKnown };
  return { inputMs: (xt + prior * assumed.inputMs) / (xx + prior), outputMs: 0, isInputKnown };
}

/** The constant part of the times to the first token, ms; 0 where their inputs are alike. */
function constantMs(timings: readonly Timing[], ratio: number): number {
  let [count, one, x, xx, t, xt] = [0, 0, 0, 0, 0, 0];
  const long = { one: 0, x: 0, t: 0, perToken: [] as number[] };
  for (const { input, prefillMs, isOwn } of timings) {
    if (prefillMs === undefined || isOwn || input <= 0) continue;
    const weight = 1 / (input * ratio + NOISE_TOKENS) ** 2;
    count += 1;
    one += weight;
    x += weight * input;
    xx += weight * input * input;
    t += weight * prefillMs;
    xt += weight * input * prefillMs;
    if (input < MIN_INPUT_TOKENS) continue;
    long.one += weight;
    long.x += weight * input;
    long.t += weight * prefillMs;
    long.perToken.push(prefillMs / input);
  }
  const spread = one * xx - x * x;
  if (count < MIN_PREFILLS || spread < MIN_SPREAD * x * x) return 0;
  const inputMs = (one * xt - x * t) / spread;
  if (inputMs <= 0) return 0;
  const constant = (t - inputMs * x) / one;
  const fastestMs = long.perToken.sort((a, b) => a - b)[Math.floor(FASTEST * long.perToken.length)];
  const most = (long.t - LEAST_OF_FASTEST * (fastestMs ?? 0) * long.x) / long.one || 0;
  return Math.max(0, Math.min(constant, most));
}
