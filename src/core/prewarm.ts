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
  /** For the same runs: the chance that they need it at all. */
  readonly ever?: readonly number[];
  /** The chance that a run that has not arrived yet does. */
  readonly arrivals: number;
}

/** P(at least one call needs the backend within the horizon). */
export function needProbability(forecast: Forecast): number {
  const none = forecast.runs.reduce((p, q) => p * (1 - q), 1 - forecast.arrivals);
  return 1 - none;
}

export interface PrewarmDecision {
  readonly wake: boolean;
  readonly probability: number;
  readonly reason: string;
}

/** Decides for one backend none of whose endpoints can serve now, or will soon cease to. */
export function decidePrewarm(forecast: Forecast, theta: number): PrewarmDecision {
  const probability = needProbability(forecast);
  const likely = forecast.runs.filter((q) => q > 0).length;
  const reason =
    `P(need)=${probability.toFixed(3)} theta=${theta.toFixed(3)} ` +
    `runs=${likely} P(arrival)=${forecast.arrivals.toFixed(3)}`;
  return { wake: probability >= theta, probability, reason };
}
