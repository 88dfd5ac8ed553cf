/**
 * The settings of prewarming, a tenant's and a backend's: theta or the two prices that it follows
 * from, and what a day may cost. A backend's fields replace the tenant's one by one.
 */

import { z } from 'zod';
import type { BudgetLimits, PrewarmSpec } from '../core/backends/backend-spec.ts';
import type { Problem } from '../http/problem.ts';

const DEFAULT_MODE = 'on';
const DEFAULT_THETA = 0.25;

const price = z.number().min(0.000_000_001).max(1_000_000_000);

export const prewarm = z.strictObject({
  mode: z.enum(['off', 'dry-run', 'on']).optional(),
  /** Probability of need from which warming pays; or else both prices. */
  theta: z.number().min(0).max(1).optional(),
  /** c: what a second of a warm endpoint costs, in any currency. */
  pricePerWarmSecond: price.optional(),
  /** v: what a second of a run's time is worth, in the same. */
  valuePerSecond: price.optional(),
  /** What pings ahead of need may cost in a UTC day. */
  budgetPerDay: z
    .strictObject({
      warmSeconds: z.number().min(0).max(1e12).optional(),
      money: z.number().min(0).max(1e12).optional(),
    })
    .optional(),
});

export type PrewarmSettings = z.infer<typeof prewarm>;

interface ConfiguredBackend {
  readonly prewarm?: PrewarmSettings | undefined;
  readonly endpoints: ReadonlyArray<{ readonly coldStart?: object | undefined }>;
}

interface Configured {
  readonly prewarm: PrewarmSettings;
  readonly backends: Readonly<Record<string, ConfiguredBackend>>;
}

/** What holds for a backend. */
export function prewarmOf(tenant: PrewarmSettings, own: PrewarmSettings = {}): PrewarmSpec {
  const merged = { ...tenant, ...own };
  const c = merged.pricePerWarmSecond;
  const { warmSeconds, money } = own.budgetPerDay ?? {};
  const warmMs = warmSeconds === undefined ? {} : { warmMs: warmSeconds * 1_000 };
  return {
    mode: merged.mode ?? DEFAULT_MODE,
    theta: thetaOf(tenant, own),
    ...(c === undefined ? {} : { pricePerWarmSecond: c }),
    ...(own.budgetPerDay
      ? { budget: { ...warmMs, ...(money === undefined ? {} : { money }) } }
      : {}),
  };
}

/** What holds for all backends of a tenant together. */
export function tenantBudget({ budgetPerDay = {} }: PrewarmSettings): BudgetLimits {
  const { warmSeconds, money } = budgetPerDay;
  return {
    ...(warmSeconds === undefined ? {} : { warmMs: warmSeconds * 1_000 }),
    ...(money === undefined ? {} : { money }),
  };
}

/** What is wrong with them beyond the form of each. */
export function* prewarmProblems({ prewarm: tenant, backends }: Configured): Iterable<Problem> {
  yield* problemsOf(tenant, tenant, 'prewarm');
  for (const [name, { prewarm: own }] of Object.entries(backends)) {
    if (own) yield* problemsOf(own, { ...tenant, ...own }, `backends.${name}.prewarm`);
  }
  if (tenant.budgetPerDay?.money === undefined) return;
  for (const [name, { prewarm: own, endpoints }] of Object.entries(backends)) {
    if ((own?.pricePerWarmSecond ?? tenant.pricePerWarmSecond) !== undefined) continue;
    if (!endpoints.some((e) => e.coldStart)) continue;
    const message = `a budget in money needs pricePerWarmSecond, which backend "${name}" has not`;
    yield { param: 'prewarm.budgetPerDay.money', message };
  }
}

function* problemsOf(own: PrewarmSettings, merged: PrewarmSettings, at: string): Iterable<Problem> {
  if (own.theta !== undefined && own.valuePerSecond !== undefined) {
    const message = 'expected either theta or the prices that it follows from, not both';
    yield { param: `${at}.theta`, message };
  }
  if (own.valuePerSecond !== undefined && merged.pricePerWarmSecond === undefined) {
    yield { param: `${at}.pricePerWarmSecond`, message: 'expected beside valuePerSecond' };
  }
  // Of a tenant's money each backend must know its own price, which is looked at by the caller.
  const isBackend = own !== merged;
  if (
    isBackend &&
    own.budgetPerDay?.money !== undefined &&
    merged.pricePerWarmSecond === undefined
  ) {
    yield { param: `${at}.pricePerWarmSecond`, message: 'expected beside budgetPerDay.money' };
  }
}

/** c / (c + v) where the prices are given, the nearer setting first. */
function thetaOf(tenant: PrewarmSettings, own: PrewarmSettings): number {
  if (own.theta !== undefined) return own.theta;
  const { pricePerWarmSecond: c, valuePerSecond: v } = { ...tenant, ...own };
  const ownPrices = own.pricePerWarmSecond !== undefined || own.valuePerSecond !== undefined;
  if (c !== undefined && v !== undefined && (ownPrices || tenant.theta === undefined)) {
    return c / (c + v);
  }
  return tenant.theta ?? DEFAULT_THETA;
}
