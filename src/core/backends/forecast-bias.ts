/**
 * How far forecast waits turn out too short or too long, learned by the number of calls ahead: the
 * median of the logarithm of waits come over waits told. Waits at the same time are long together, so
 * one is followed at a time, chosen before it is known how long it lasts; and as long as a median may
 * come from their spread alone, nothing is corrected.
 */
import type { ExplainedWait } from '../runs/call-state.ts';

/** Waits shorter than this teach nothing: they are noise, and nobody minds them. */
const LEAST_MS = 500;
/** Waits that are remembered of each class, and from how many on they tell anything. */
const KEPT = 128;
const LEAST_KNOWN = 12;
/** A wait that is not over after so many times what was told, and this time, was given up. */
const GIVEN_UP = { times: 20, ms: 60_000 };
/** Logarithms of ratios are cut here. */
const MOST = Math.log(20);
/** A median within so many standard errors of 0 is taken for 0. */
const SURE = 1.5;
/** Standard deviation over the interquartile range of a normal distribution, and a median's over a mean's. */
const OF_QUARTILES = 0.741;
const OF_MEDIAN = 1.253;
/** Classes by the logarithm of the number of calls ahead, each four times the last. */
const CLASSES = 6;

interface Class {
  readonly logs: number[];
  next: number;
  /** The wait that is followed. */
  followed: ExplainedWait | undefined;
  /** Logarithm of the factor. */
  log: number;
}

export class ForecastBias {
  readonly #classes: Class[] = Array.from({ length: CLASSES }, () => ({
    logs: [],
    next: 0,
    followed: undefined,
    log: 0,
  }));

  /** The factor on a forecast wait. */
  of(callsAhead: number): number {
    return Math.exp(this.#of(callsAhead).log);
  }

  /** A call is told its wait for the first time. */
  told(wait: ExplainedWait): void {
    const known = this.#of(wait.callsAhead);
    const { at, explainedMs } = known.followed ?? { at: -Infinity, explainedMs: 0 };
    const longestMs = Math.max(GIVEN_UP.ms, GIVEN_UP.times * explainedMs);
    if (wait.at >= at && wait.at - at < longestMs) return;
    known.followed = wait;
  }

  /** The wait of a call that was told of it is over. */
  observe(wait: ExplainedWait, waitedMs: number): void {
    const known = this.#of(wait.callsAhead);
    if (known.followed !== wait) return;
    known.followed = undefined;
    if (waitedMs < LEAST_MS) return;
    const log = Math.log(waitedMs / Math.max(1, wait.explainedMs));
    known.logs[known.next] = Math.min(MOST, Math.max(-MOST, log));
    known.next = (known.next + 1) % KEPT;
    known.log = biasOf(known.logs);
  }

  #of(callsAhead: number): Class {
    const at = Math.min(CLASSES - 1, Math.floor(Math.log2(1 + Math.max(0, callsAhead)) / 2));
    return this.#classes[at] as Class;
  }
}

/** The median, less what may come from the spread alone. */
function biasOf(logs: readonly number[]): number {
  const n = logs.length;
  if (n < LEAST_KNOWN) return 0;
  const sorted = Float64Array.from(logs).sort();
  const at = (share: number) => sorted[Math.floor(share * (n - 1))] as number;
  const median = at(0.5);
  const error = (OF_MEDIAN * OF_QUARTILES * (at(0.75) - at(0.25))) / Math.sqrt(n);
  const unsure = (SURE * error) / Math.abs(median);
  return unsure < 1 ? median * (1 - unsure ** 2) : 0;
}
