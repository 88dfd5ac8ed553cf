/**
 * How far waits turn out longer than the calls ahead explain, learned by the number of calls ahead:
 * runs that arrive later overtake, and those ahead come back with further calls. It follows the
 * median of the ratio, so that half of the waits are longer than told and half are shorter.
 */

/** Waits shorter than this teach nothing: they are noise, and nobody minds them. */
const LEAST_MS = 500;
/** Step of the logarithm of the ratio after each wait, and after the first ones. */
const STEP = 0.04;
const FIRST_STEP = 0.7;
/** Classes by the logarithm of the number of calls ahead. */
const CLASSES = 12;
/** Largest factor either way. */
const MOST = Math.log(20);

interface Class {
  logRatio: number;
  seen: number;
}

export class WaitCorrection {
  readonly #classes: Class[] = Array.from({ length: CLASSES }, () => ({ logRatio: 0, seen: 0 }));

  /** The factor on what the calls ahead explain. */
  of(callsAhead: number): number {
    return Math.exp(this.#of(callsAhead).logRatio);
  }

  /** A call waited for so long, where the calls ahead explained `explainedMs`. */
  observe(callsAhead: number, explainedMs: number, waitedMs: number): void {
    if (waitedMs < LEAST_MS || !(explainedMs > 0)) return;
    const known = this.#of(callsAhead);
    known.seen += 1;
    const step = Math.max(STEP, FIRST_STEP / known.seen);
    const isLonger = Math.log(waitedMs / explainedMs) > known.logRatio;
    const next = known.logRatio + (isLonger ? step : -step);
    known.logRatio = Math.min(MOST, Math.max(-MOST, next));
  }

  #of(callsAhead: number): Class {
    const at = Math.min(CLASSES - 1, Math.floor(Math.log2(1 + Math.max(0, callsAhead))));
    return this.#classes[at] as Class;
  }
}
