/**
 * Rules of prewarming: when a cold endpoint is woken ahead of need, and whether a warm one that is
 * idle is kept. One contract; the theta rule is Talaria's, the others are there to compare with.
 */
import { decidePrewarm, type Forecast, type PrewarmDecision } from './prewarm.ts';

export interface PrewarmAsk {
  /** What is expected of the backend within a time from now, ms. */
  readonly forecast: (withinMs: number) => Forecast;
  /** Time that a wake takes, ms. */
  readonly coldStartMs: number;
  /** How long it will be before the question is asked again, ms: the cron's period, or 0. */
  readonly aheadMs: number;
  /** Time since a call was last served there, ms. */
  readonly idleMs: number;
}

export interface PrewarmRule {
  /** Of a cold endpoint: to be woken now? */
  wake(ask: PrewarmAsk): PrewarmDecision;
  /** Of a warm one that is idle and would go cold: to be kept? */
  hold(ask: PrewarmAsk): PrewarmDecision;
}

/** Wake and hold as soon as a need within the cold start is as likely as it pays (theta). */
export function thetaRule(theta: number): PrewarmRule {
  return {
    wake: (ask) => decidePrewarm(ask.forecast(ask.coldStartMs + ask.aheadMs), theta),
    hold: (ask) => decidePrewarm(ask.forecast(ask.coldStartMs), theta),
  };
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
