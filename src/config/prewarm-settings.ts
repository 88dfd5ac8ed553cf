/**
 * The settings of prewarming, for a tenant and for a backend: theta or the two prices that it
 * follows from, and the budget of a day. A backend's fields replace the tenant's one by one. The
 * rule that uses them is in `core/prewarm`.
 */

import * as z from 'zod/mini';
import type { BudgetLimits, PrewarmSpec } from '../core/backends/backend-spec.ts';
import { numberWithin } from '../http/field-schemas.ts';
import { given } from '../http/given.ts';
import type { Problem } from '../http/problem.ts';

const DEFAULT_MODE = 'on';
const DEFAULT_THETA = 0.25;

const price = numberWithin(0.000_000_001, 1_000_000_000);

export const prewarm = z.strictObject({
  mode: z.optional(z.enum(['off', 'dry-run', 'on'])),
  /** Probability of need from which a prewarm pays; both prices may be set instead. */
  theta: z.optional(numberWithin(0, 1)),
  /** c: what a second of a warm endpoint costs, in any currency. */
  pricePerWarmSecond: z.optional(price),
  /** v: what a second of a run's time is worth, in the same currency. */
  valuePerSecond: z.optional(price),
  /** Woken endpoints read what prompts begin with, of which the text is kept for that. */
  prefix: z.optional(z.boolean()),
  /** What pings ahead of need may cost in a UTC day. */
  budgetPerDay: z.optional(
    z.strictObject({
      warmSeconds: z.optional(numberWithin(0, 1e12)),
      money: z.optional(numberWithin(0, 1e12)),
    }),
  ),
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

/** The settings that hold for a backend. */
export function prewarmOf(tenant: PrewarmSettings, own: PrewarmSettings = {}): PrewarmSpec {
  const merged = { ...tenant, ...own };
  const c = merged.pricePerWarmSecond;
  const { warmSeconds, money } = own.budgetPerDay ?? {};
  const warmMs = warmSeconds === undefined ? {} : { warmMs: warmSeconds * 1_000 };
  return {
    mode: merged.mode ?? DEFAULT_MODE,
    theta: thetaOf(tenant, own),
    ...(merged.prefix ? { prefix: true } : {}),
    ...given({ pricePerWarmSecond: c }),
    ...(own.budgetPerDay ? { budget: { ...warmMs, ...given({ money }) } } : {}),
  };
}

/** True where texts of prompts are kept for a backend, to be read ahead of calls. */
export function readsPrefixes({ prewarm: tenant, backends }: Configured, name: string): boolean {
  if (!Object.hasOwn(backends, name)) return false;
  const { mode, prefix } = prewarmOf(tenant, backends[name]?.prewarm);
  return mode === 'on' && prefix === true;
}

/** The budget for all backends of a tenant together. */
export function tenantBudget({ budgetPerDay = {} }: PrewarmSettings): BudgetLimits {
  const { warmSeconds, money } = budgetPerDay;
  return {
    ...(warmSeconds === undefined ? {} : { warmMs: warmSeconds * 1_000 }),
    ...given({ money }),
  };
}

/** Problems that the schema of the single fields cannot find. */
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
  // A tenant's budget in money needs a price for every backend, which the caller checks.
  const isBackend = own !== merged;
  if (
    isBackend &&
    own.budgetPerDay?.money !== undefined &&
    merged.pricePerWarmSecond === undefined
  ) {
    yield { param: `${at}.pricePerWarmSecond`, message: 'expected beside budgetPerDay.money' };
  }
}

/**
 * theta, or c / (c + v) from the prices; a backend's setting takes precedence over the tenant's.
 */
function thetaOf(tenant: PrewarmSettings, own: PrewarmSettings): number {
  if (own.theta !== undefined) return own.theta;
  const { pricePerWarmSecond: c, valuePerSecond: v } = { ...tenant, ...own };
  const ownPrices = own.pricePerWarmSecond !== undefined || own.valuePerSecond !== undefined;
  if (c !== undefined && v !== undefined && (ownPrices || tenant.theta === undefined)) {
    return c / (c + v);
  }
  return tenant.theta ?? DEFAULT_THETA;
}
