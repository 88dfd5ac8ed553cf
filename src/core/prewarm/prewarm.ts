/**
 * A forecast of needs, and the decision that follows from it: wake an endpoint, or keep it warm, as
 * soon as the probability that at least one call needs it within its cold start reaches theta = c /
 * (c + v), where c is the price of a warm second and v the value of a second of a run's time. The
 * forecast itself is made in forecast.ts, and the rules that use it are in prewarm-rule.ts.
 *
 * All runs in flight and the arrivals count together: ten runs at 40 % each make a need 99.4 %
 * likely, which a rule that looks at one run at a time (paper, section 4.3) never detects.
 */

/** The expected demand for one backend within a horizon. */
export interface Forecast {
  /** Probability of a need within the horizon, for each run in flight that may have one. */
  readonly runs: readonly number[];
  /** The same runs' names, in the same order. */
  readonly of?: ReadonlyArray<{ readonly id: string; readonly app: string }>;
  /** For the same runs: the probability that they need the backend at any time. */
  readonly ever?: readonly number[];
  /** Probability that a run that has not arrived yet needs the backend within the horizon. */
  readonly arrivals: number;
  /** Calls that wait or run at the backend now: needs that are certain. */
  readonly busy?: number;
  /** Mean number of needs within the horizon by runs that have not arrived yet. */
  readonly expected?: number;
}

/** P(at least one call needs the backend within the horizon). */
export function needProbability(forecast: Forecast): number {
  return demandProbability(forecast, 0);
}

/** P(more than `capacity` calls need the backend within the horizon). */
export function demandProbability(forecast: Forecast, capacity: number): number {
  const { runs, arrivals, busy = 0, expected = 0 } = forecast;
  const room = Math.floor(capacity) - busy;
  if (room < 0) return 1;
  if (room === Infinity) return 0;
  if (room === 0) return 1 - runs.reduce((p, q) => p * (1 - q), 1 - arrivals);
  // P(exactly k of the runs need the backend), updated for one run at a time.
  const maxRuns = Math.min(room, runs.length);
  const exactly = new Float64Array(maxRuns + 1);
  exactly[0] = 1;
  for (const q of runs) {
    for (let k = maxRuns; k >= 0; k -= 1) {
      exactly[k] = (exactly[k] ?? 0) * (1 - q) + (k > 0 ? (exactly[k - 1] ?? 0) * q : 0);
    }
  }
  const atMost = arrivalsAtMost(arrivals, expected, room);
  let pFits = 0;
  for (let i = 0; i <= maxRuns; i += 1) {
    pFits += (exactly[i] ?? 0) * (atMost[Math.min(room - i, atMost.length - 1)] ?? 1);
  }
  return Math.max(0, 1 - pFits);
}

/**
 * P(at most k arrivals) for k = 0 to `room`, or up to the k beyond which the probability is
 * negligible. There are no arrivals with probability 1 - `atLeastOne`; otherwise their number is
 * one plus a Poisson number, with the mean that gives `expected` arrivals in all.
 */
function arrivalsAtMost(atLeastOne: number, expected: number, room: number): Float64Array {
  const mean = atLeastOne > 0 ? Math.max(0, expected / atLeastOne - 1) : 0;
  const end = Math.min(room, Math.ceil(mean + 10 * Math.sqrt(mean) + 50));
  const atMost = new Float64Array(end + 1);
  let sum = 1 - atLeastOne;
  atMost[0] = sum;
  // In logarithms: with a large mean, the probability of few arrivals underflows.
  let logPoisson = -mean;
  for (let k = 1; k <= end; k += 1) {
    sum += atLeastOne * Math.exp(logPoisson);
    atMost[k] = sum;
    logPoisson += Math.log(mean / k);
  }
  return atMost;
}

/** `probability` and `reason` explain the decision, for people and for the accounts. */
export interface PrewarmDecision {
  readonly wake: boolean;
  readonly probability: number;
  readonly reason: string;
}

/** Decides whether one more endpoint is needed beside others that take `capacity` calls in all. */
export function decidePrewarm(forecast: Forecast, theta: number, capacity = 0): PrewarmDecision {
  const probability = demandProbability(forecast, capacity);
  const likely = forecast.runs.filter((q) => q > 0).length;
  const reason =
    `P(need)=${probability.toFixed(3)} theta=${theta.toFixed(3)} ` +
    `runs=${likely} P(arrival)=${forecast.arrivals.toFixed(3)}` +
    (capacity > 0 ? ` beyond=${capacity}` : '');
  return { wake: probability >= theta, probability, reason };
}
