/**
 * The rules of prewarming: when a cold endpoint is woken ahead of need, and whether an idle warm
 * one is kept warm. All rules have one interface; the theta rule is Talaria's, the others serve for
 * comparison. When a rule is asked is decided in check-schedule.ts.
 */

import { lookAhead } from './look-ahead.ts';
import {
  decidePrewarm,
  demandProbability,
  type Forecast,
  type PrewarmDecision,
} from './prewarm.ts';

/** What a rule is asked about one endpoint. */
export interface PrewarmQuery {
  readonly backend: string;
  /** Epoch ms. */
  readonly now: number;
  /** The backend's expected demand within `withinMs` from now. */
  readonly forecast: (withinMs: number) => Forecast;
  /** Time that a wake takes to bring the endpoint up, ms. */
  readonly coldStartMs: number;
  /** Time until the question is asked again, ms: the cron's period, or 0. */
  readonly aheadMs: number;
  /** Slots of the backend's other endpoints that are warm or warming. */
  readonly capacity: number;
  /** Runs that would share the wait for a cold start; 1 for one alone. */
  readonly crowd: number;
  /** The backend has served too few calls for a usable forecast. */
  readonly hardlyKnown: boolean;
  /** Time since a call was last served there, ms. */
  readonly idleMs: number;
  /** Time that the backend's endpoints were up without calls since it last got one, ms. */
  readonly unusedMs?: number;
}

export interface PrewarmRule {
  /** Decides whether a cold endpoint is woken now. */
  wake(query: PrewarmQuery): PrewarmDecision;
  /** Decides whether an idle warm endpoint that would go cold is kept warm; `wake` means keep. */
  hold(query: PrewarmQuery): PrewarmDecision;
}

/**
 * Wakes as soon as the probability of a need within the cold start reaches the level from which
 * warming pays: theta = c / (c + v), where c is the price of a warm second and v the value of a
 * second of one run's time. Where several runs would wait, v counts for each of them. A need that
 * comes before the question is asked again is weighed in look-ahead.ts. Holding uses the same
 * threshold, see `holdIndex`.
 */
export function thetaRule(theta: number): PrewarmRule {
  const thresholdFor = (query: PrewarmQuery) => theta / (theta + (1 - theta) * query.crowd);
  return {
    wake: (query) => {
      const threshold = thresholdFor(query);
      // The wake itself takes a cold start, in which no call is served.
      const exhausted = isExhausted(query, threshold, query.coldStartMs);
      const forecast = believed(query, exhausted);
      const decision = decidePrewarm(forecast(query.coldStartMs), threshold, query.capacity);
      if (decision.wake || query.aheadMs === 0) return decision;
      const ahead = lookAhead({ ...query, forecast }, threshold);
      if (!ahead.pays) return decision;
      const reason = `${decision.reason} P(later)=${ahead.probability.toFixed(3)}`;
      return { wake: true, probability: ahead.probability, reason };
    },
    hold: (query) => {
      const threshold = thresholdFor(query);
      const exhausted = isExhausted(query, threshold);
      const index = holdIndex({ ...query, forecast: believed(query, exhausted) });
      const probability = Math.max(1 - Math.exp(-index), exhausted ? 0 : unknownNeed(query));
      const reason = `hold=${probability.toFixed(3)} theta=${threshold.toFixed(3)}`;
      return { wake: probability >= threshold, probability, reason };
    },
  };
}

/** Warm time that forecasts of arrivals may always cost before a call comes, ms. */
const MIN_PATIENCE_MS = 3_600_000;

/**
 * True where endpoints have been up without calls for longer than a cold start is worth at the
 * threshold, and for an hour. Whatever made the forecasts wrong, they are then not believed until a
 * call comes; runs in flight still count.
 */
function isExhausted(
  { unusedMs = 0, coldStartMs }: PrewarmQuery,
  threshold: number,
  aheadMs = 0,
): boolean {
  const patienceMs = Math.max(MIN_PATIENCE_MS, (coldStartMs * (1 - threshold)) / threshold);
  return unusedMs + aheadMs > patienceMs;
}

/** The forecast; without arrivals, where those are not believed. */
function believed({ forecast }: PrewarmQuery, exhausted: boolean): PrewarmQuery['forecast'] {
  return exhausted ? (withinMs) => withoutArrivals(forecast(withinMs)) : forecast;
}

function withoutArrivals({ expected: _, ...forecast }: Forecast): Forecast {
  return { ...forecast, arrivals: 0 };
}

/** Probability of a need within a cold start, assumed where too few calls were served. */
const UNKNOWN_NEED = 0.05;

/** The assumed probability: what did not come for long is not due within a cold start. */
function unknownNeed({ hardlyKnown, coldStartMs, idleMs, unusedMs = 0 }: PrewarmQuery): number {
  if (!hardlyKnown) return 0;
  // After a restart the idle time counts from the last ping, the unused time does not.
  const silentMs = Math.max(0, idleMs, unusedMs);
  return Math.min(UNKNOWN_NEED, coldStartMs / (coldStartMs + silentMs));
}

/** Horizons at which the hold index is evaluated, in cold starts. */
const HOLD_HORIZONS = [0.25, 0.5, 1, 1.5, 2, 3];

/**
 * The value of holding an endpoint warm: the maximum, over horizons h, of coldStart * P(need within
 * h) / E[min(T, h)], where T is the time until the need. Holding for h costs E[min(T, h)] warm
 * seconds; if the need comes, it saves a cold start, both its warm seconds and the wait. This is
 * the Gittins index of idling. With a steady rate it is the same at each h, and 1 - exp(-index) is
 * the probability of a need within a cold start.
 */
export function holdIndex({ forecast, coldStartMs, capacity }: PrewarmQuery): number {
  let best = 0;
  let costMs = 0;
  let [lastMs, lastP] = [0, 0];
  for (const share of HOLD_HORIZONS) {
    const atMs = share * coldStartMs;
    const p = demandProbability(forecast(atMs), capacity);
    if (p >= 1 && share === HOLD_HORIZONS[0]) return Infinity;
    costMs += (atMs - lastMs) * (1 - (p + lastP) / 2);
    best = Math.max(best, (coldStartMs * p) / Math.max(costMs, 1));
    [lastMs, lastP] = [atMs, p];
  }
  return best;
}

/** The usual platform rule: wake on demand, stay warm for a fixed time after the last call. */
export function keepAliveRule(durationMs: number): PrewarmRule {
  return {
    wake: () => decline('keep-alive never wakes ahead'),
    hold: ({ idleMs }) => ({
      wake: idleMs < durationMs,
      probability: 0,
      reason: `idle=${Math.round(idleMs)} of ${durationMs} ms`,
    }),
  };
}

/**
 * The paper's rule (section 4.3): wake when, for a single run, p * P(need comes later than a cold
 * start from now) has fallen to K. It never fires for a branch with p <= K, and it fires later the
 * more certain the need is.
 */
export function paperRule(k: number): PrewarmRule {
  return {
    wake: ({ forecast, coldStartMs }) => {
      const { runs, ever = [] } = forecast(coldStartMs);
      const index = ever.findIndex((p, i) => p > k && p - (runs[i] ?? 0) <= k);
      if (index < 0) return decline(`no run of ${runs.length} has fallen to K=${k}`);
      const probability = runs[index] ?? 0;
      return { wake: true, probability, reason: `one run: P(need)=${probability.toFixed(3)}` };
    },
    hold: () => decline('the platform decides'),
  };
}

function decline(reason: string): PrewarmDecision {
  return { wake: false, probability: 0, reason };
}
