/**
 * After what time runs needed a backend, as samples, and the probability of a need that follows for
 * a run that has been in its state for some time. Where the samples come from is in sample-table.ts.
 */
import { countBelow, countUpTo } from '../gittins/ascending.ts';

/** Times from a visit's submission until a backend was needed. */
export interface NeedTimes {
  /** Ascending, ms; only of the samples that needed it at all. */
  readonly ms: Float64Array;
  /** Number of samples, with those that never needed it. */
  readonly samples: number;
}

/** Probabilities of a need. */
export interface NeedChances {
  /** Within the horizon. */
  readonly within: number;
  /** At any time from now on. */
  readonly ever: number;
}

export interface NeedQuestion {
  /** Time since the visit's service began, ms; minus the expected wait where it has not begun. */
  readonly elapsedMs: number;
  /** True where calls of the visit still wait or run. */
  readonly inVisit: boolean;
  readonly withinMs: number;
}

export const NO_TIMES: NeedTimes = { ms: new Float64Array(0), samples: 0 };

/** The times of samples given in any order, Infinity for never; `needs` is sorted in place. */
export function needTimes(needs: Float64Array): NeedTimes {
  needs.sort();
  return { ms: needs.subarray(0, countBelow(needs, Infinity)), samples: needs.length };
}

/** Probability that the run needs the backend, soon and at all; both 0 without samples. */
export function needChances(times: NeedTimes, question: NeedQuestion): NeedChances {
  const { ms, samples } = times;
  const { elapsedMs, inVisit, withinMs } = question;
  // A need in the past is overdue. If the visit is over, the run went elsewhere. If it still runs,
  // it takes longer than in the sample, and is expected to go on for as long as it is late.
  const gone = inVisit ? 0 : countBelow(ms, elapsedMs);
  const first = inVisit ? countBelow(ms, elapsedMs - withinMs) : gone;
  const within = countUpTo(ms, elapsedMs + withinMs) - first;
  // One sample without a need is added, or a few samples that all had it would make it certain.
  const possible = samples - gone + 1;
  return { within: within / possible, ever: (ms.length - gone) / possible };
}
