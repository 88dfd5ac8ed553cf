/**
 * Rules of prewarming: when a cold endpoint is woken ahead of need, and whether a warm one that is
 * idle is kept. One contract; the theta rule is Talaria's, the others are there to compare with.
 */
import {
  decidePrewarm,
  demandProbability,
  type Forecast,
  type PrewarmDecision,
} from './prewarm.ts';

export interface PrewarmQuery {
  readonly backend: string;
  /** Epoch ms. */
  readonly now: number;
  /** What is expected of the backend within a time from now, ms. */
  readonly forecast: (withinMs: number) => Forecast;
  /** Time that a wake takes, ms. */
  readonly coldStartMs: number;
  /** How long it will be before the question is asked again, ms: the cron's period, or 0. */
  readonly aheadMs: number;
  /** Calls that the backend's other endpoints take, warm or warming. */
  readonly capacity: number;
  /** Runs that would share the wait for a cold start; 1 for one alone. */
  readonly crowd: number;
  /** So few calls came there that a forecast says little. */
  readonly hardlyKnown: boolean;
  /** Time since a call was last served there, ms. */
  readonly idleMs: number;
}

export interface PrewarmRule {
  /** Of a cold endpoint: to be woken now? */
  wake(ask: PrewarmQuery): PrewarmDecision;
  /** Of a warm one that is idle and would go cold: to be kept? */
  hold(ask: PrewarmQuery): PrewarmDecision;
}

/**
 * Wake as soon as a need within the cold start is as likely as it pays: theta = c / (c + v), with the
 * price of a warm second c and the value of a second of one run's time v. Where several runs would
 * wait, v counts for each of them. Hold by the same price, see `holdIndex`.
 */
export function thetaRule(theta: number): PrewarmRule {
  const paying = (ask: PrewarmQuery) => theta / (theta + (1 - theta) * ask.crowd);
  return {
    wake: (ask) =>
      decidePrewarm(ask.forecast(ask.coldStartMs + ask.aheadMs), paying(ask), ask.capacity),
    hold: (ask) => {
      const forecast = 1 - Math.exp(-holdIndex(ask));
      const probability = Math.max(forecast, ask.hardlyKnown ? UNKNOWN_NEED : 0);
      const least = paying(ask);
      const reason = `hold=${probability.toFixed(3)} theta=${least.toFixed(3)}`;
      return { wake: probability >= least, probability, reason };
    },
  };
}

/** Chance of a need within a cold start that is assumed of what was in use and is hardly known. */
const UNKNOWN_NEED = 0.05;
/** Horizons at which holding is looked at, in cold starts. */
const HOLD_HORIZONS = [0.25, 0.5, 1, 1.5, 2, 3];

/**
 * What holding is worth: the most, over horizons h, of coldStart * P(need within h) / E[min(T, h)],
 * T the time until the need. Holding for h costs E[min(T, h)] warm seconds; with the chance of the
 * need it saves a cold start, warm seconds and waiting both. It is the Gittins index of idling. With
 * a steady rate it is the same at each h, and 1 - exp(-index) is the chance of a need in a cold start.
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

/** What platforms offer: wake on demand, and stay warm for a fixed time after the last call. */
export function keepAliveRule(durationMs: number): PrewarmRule {
  return {
    wake: () => no('keep-alive never wakes ahead'),
    hold: ({ idleMs }) => ({
      wake: idleMs < durationMs,
      probability: 0,
      reason: `idle=${Math.round(idleMs)} of ${durationMs} ms`,
    }),
  };
}

/**
 * The paper's rule (section 4.3): wake when, for a single run, p * P(need comes later than a cold
 * start from now) has fallen to K. A branch with p <= K never falls to it, and the surer the need,
 * the later it fires.
 */
export function paperRule(k: number): PrewarmRule {
  return {
    wake: ({ forecast, coldStartMs }) => {
      const { runs, ever = [] } = forecast(coldStartMs);
      const at = ever.findIndex((p, i) => p > k && p - (runs[i] ?? 0) <= k);
      if (at < 0) return no(`no run of ${runs.length} has fallen to K=${k}`);
      const probability = runs[at] ?? 0;
      return { wake: true, probability, reason: `one run: P(need)=${probability.toFixed(3)}` };
    },
    hold: () => no('the platform decides'),
  };
}

function no(reason: string): PrewarmDecision {
  return { wake: false, probability: 0, reason };
}
