/**
 * When to wake an endpoint before anybody waits, and when to keep one warm: as soon as the chance
 * that at least one call needs it within its cold start reaches theta = c / (c + v), where c is the
 * price of a warm second and v the value of a second of a run's time. All runs in flight and the
 * arrivals count together: ten runs at 40 % each are a need that is 99.4 % sure, which a rule that
 * looks at one run at a time (paper, section 4.3) never sees.
 */

export interface Forecast {
  /** For each run in flight that may need the backend: the chance that it does within the horizon. */
  readonly runs: readonly number[];
  /** Which runs they are. */
  readonly of?: ReadonlyArray<{ readonly id: string; readonly app: string }>;
  /** For the same runs: the chance that they need it at all. */
  readonly ever?: readonly number[];
  /** The chance that a run that has not arrived yet does. */
  readonly arrivals: number;
  /** Calls that wait or run at the backend now; they are certain. */
  readonly busy?: number;
  /** Needs by runs that have not arrived yet, in the mean. */
  readonly expected?: number;
}

/** P(at least one call needs the backend within the horizon). */
export function needProbability(forecast: Forecast): number {
  return demandProbability(forecast, 0);
}

/** P(more than so many calls want the backend within the horizon). */
export function demandProbability(forecast: Forecast, capacity: number): number {
  const { runs, arrivals, busy = 0, expected = 0 } = forecast;
  const room = Math.floor(capacity) - busy;
  if (room < 0) return 1;
  if (room === Infinity) return 0;
  if (room === 0) return 1 - runs.reduce((p, q) => p * (1 - q), 1 - arrivals);
  // P(exactly k of the runs need it): one run after the other. No more need it than there are.
  const most = Math.min(room, runs.length);
  const exactly = new Float64Array(most + 1);
  exactly[0] = 1;
  for (const q of runs) {
    for (let k = most; k >= 0; k -= 1) {
      exactly[k] = (exactly[k] ?? 0) * (1 - q) + (k > 0 ? (exactly[k - 1] ?? 0) * q : 0);
    }
  }
  const atMost = arrivalsAtMost(arrivals, expected, room);
  let fits = 0;
  for (let i = 0; i <= most; i += 1) {
    fits += (exactly[i] ?? 0) * (atMost[Math.min(room - i, atMost.length - 1)] ?? 1);
  }
  return Math.max(0, 1 - fits);
}

/**
 * P(k arrivals or fewer), k = 0 to `room`, or to where nothing is left beyond: none with the forecast's
 * own chance, else Poisson with the mean that is left for those cases.
 */
function arrivalsAtMost(atLeastOne: number, expected: number, room: number): Float64Array {
  const mean = atLeastOne > 0 ? Math.max(0, expected / atLeastOne - 1) : 0;
  const end = Math.min(room, Math.ceil(mean + 10 * Math.sqrt(mean) + 50));
  const atMost = new Float64Array(end + 1);
  let sum = 1 - atLeastOne;
  atMost[0] = sum;
  // By logarithms: of a large mean the chance of few is too small for a number.
  let logPoisson = -mean;
  for (let k = 1; k <= end; k += 1) {
    sum += atLeastOne * Math.exp(logPoisson);
    atMost[k] = sum;
    logPoisson += Math.log(mean / k);
  }
  return atMost;
}

export interface PrewarmDecision {
  readonly wake: boolean;
  readonly probability: number;
  readonly reason: string;
}

/** Decides for one more endpoint, beside others that take so many calls: 0 where there are none. */
export function decidePrewarm(forecast: Forecast, theta: number, capacity = 0): PrewarmDecision {
  const probability = demandProbability(forecast, capacity);
  const likely = forecast.runs.filter((q) => q > 0).length;
  const reason =
    `P(need)=${probability.toFixed(3)} theta=${theta.toFixed(3)} ` +
    `runs=${likely} P(arrival)=${forecast.arrivals.toFixed(3)}` +
    (capacity > 0 ? ` beyond=${capacity}` : '');
  return { wake: probability >= theta, probability, reason };
}
