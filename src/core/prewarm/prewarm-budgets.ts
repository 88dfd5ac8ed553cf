/**
 * The budgets of pings ahead of need: each ping has to fit into the backend's and into the tenant's of
 * the day, and reserves the most that it can cost in both. One budget is in prewarm-budget.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { BudgetLimits } from '../backends/backend-spec.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { type BudgetSnapshot, PrewarmBudget } from './prewarm-budget.ts';

/** What survives a restart. */
export interface BudgetsSnapshot {
  readonly tenant: BudgetSnapshot;
  readonly backends: Readonly<Record<string, BudgetSnapshot>>;
}

export class PrewarmBudgets {
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #tenant = new PrewarmBudget();
  readonly #budgets = new Map<string, PrewarmBudget>();

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends;
  }

  /**
   * Applies new budgets. The pings of endpoints that are no longer configured are settled, or their
   * reservations would stay open.
   */
  configure(tenant: BudgetLimits, now: number): void {
    this.#tenant.limits = tenant;
    for (const name of this.#budgets.keys()) {
      if (!this.#backends.has(name)) this.#budgets.delete(name);
    }
    for (const [name, { spec }] of this.#backends) {
      this.#of(name).limits = spec.prewarm.budget ?? {};
    }
    const isGone = (key: string) => {
      const at = key.indexOf('\n');
      return !this.#backends.get(key.slice(0, at))?.endpoints.has(key.slice(at + 1));
    };
    this.#tenant.settleWhere(isGone, now);
    for (const budget of this.#budgets.values()) budget.settleWhere(isGone, now);
  }

  /** True where both budgets allow a ping ahead of need, at the most that it can cost. */
  allows(backend: Backend, endpoint: Endpoint, now: number): boolean {
    const maxMs = endpoint.learning.longestPingMs;
    return [this.#tenant, this.#of(backend.name)].every((budget) =>
      budget.allows(maxMs, priceOf(backend), now),
    );
  }

  /**
   * The most that a ping can cost, where the whole budget of a day does not allow that: then no ping
   * is ever made.
   */
  neverAllowed(backend: Backend, endpoint: Endpoint): BudgetLimits | undefined {
    const warmMs = endpoint.learning.longestPingMs;
    const money = warmMs * priceOf(backend);
    const isEnough = [this.#tenant, this.#of(backend.name)].every(
      ({ limits }) => warmMs <= (limits.warmMs ?? Infinity) && money <= (limits.money ?? Infinity),
    );
    return isEnough ? undefined : { warmMs, ...(money > 0 ? { money } : {}) };
  }

  /** A ping begins. Returns what an earlier ping of its chain took so far, ms: that is spent. */
  reserve(backend: Backend, endpoint: Endpoint, at: number): number {
    const key = keyOf(backend.name, endpoint);
    const pingMs = this.#of(backend.name).settle(key, at);
    for (const budget of [this.#tenant, this.#of(backend.name)]) {
      budget.reserve(key, endpoint.learning.longestPingMs, priceOf(backend), at);
    }
    return pingMs;
  }

  /** The endpoint's ping lasts until a time at most, epoch ms. */
  narrow(backend: string, endpoint: Endpoint, until: number): void {
    const key = keyOf(backend, endpoint);
    for (const budget of [this.#tenant, this.#of(backend)]) budget.narrow(key, until);
  }

  /** The endpoint's ping is over; returns what it took, ms. */
  settle(backend: string, endpoint: Endpoint, now: number): number {
    const key = keyOf(backend, endpoint);
    this.#tenant.settle(key, now);
    return this.#of(backend).settle(key, now);
  }

  /** What is left today of the backend's budget and of the tenant's. */
  left(backend: string, now: number): { backend: BudgetLimits; tenant: BudgetLimits } {
    return { backend: this.#of(backend).left(now), tenant: this.#tenant.left(now) };
  }

  /** Handles a clock that jumps back: no reservation begins after `now`. */
  clockWentBack(now: number): void {
    this.#tenant.clockWentBack(now);
    for (const budget of this.#budgets.values()) budget.clockWentBack(now);
  }

  snapshot(): BudgetsSnapshot {
    const backends = [...this.#budgets].map(([name, budget]) => [name, budget.snapshot()]);
    return { tenant: this.#tenant.snapshot(), backends: Object.fromEntries(backends) };
  }

  restore(from: BudgetsSnapshot): void {
    this.#tenant.restore(from.tenant);
    for (const [name, budget] of Object.entries(from.backends)) {
      if (this.#backends.has(name)) this.#of(name).restore(budget);
    }
  }

  #of(backend: string): PrewarmBudget {
    let budget = this.#budgets.get(backend);
    if (!budget) {
      budget = new PrewarmBudget();
      this.#budgets.set(backend, budget);
    }
    return budget;
  }
}

/** Price of a warm millisecond, in money; 0 where none is configured. */
export function priceOf(backend: Backend): number {
  return (backend.spec.prewarm.pricePerWarmSecond ?? 0) / 1_000;
}

function keyOf(backend: string, endpoint: Endpoint): string {
  return `${backend}\n${endpoint.spec.id}`;
}
