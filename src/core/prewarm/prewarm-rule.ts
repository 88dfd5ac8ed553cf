/**
 * The rules of prewarming: when a cold endpoint is woken ahead of need, and whether an idle warm
 * one is kept warm. All rules have one interface; the theta rule is Talaria's, the others serve for
 * comparison. When a rule is asked is decided in prewarmer.ts.
 */
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
 * second of one run's time. Where several runs would wait, v counts for each of them. Holding uses
 * the same threshold, see `holdIndex`.
 */
export function thetaRule(theta: number): PrewarmRule {
  const thresholdFor = (query: PrewarmQuery) => theta / (theta + (1 - theta) * query.crowd);
  return {
    wake: (query) =>
      decidePrewarm(
        query.forecast(query.coldStartMs + query.aheadMs),
        thresholdFor(query),
        query.capacity,
      ),
    hold: (query) => {
      const forecast = 1 - Math.exp(-holdIndex(query));
      const probability = Math.max(forecast, query.hardlyKnown ? UNKNOWN_NEED : 0);
      const threshold = thresholdFor(query);
      const reason = `hold=${probability.toFixed(3)} theta=${threshold.toFixed(3)}`;
      return { wake: probability >= threshold, probability, reason };
    },
  };
}

/** Probability of a need within a cold start, assumed where too few calls were served. */
const UNKNOWN_NEED = 0.05;
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
