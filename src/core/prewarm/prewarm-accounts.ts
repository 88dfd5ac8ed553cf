/**
 * What prewarming costs and brings, kept while it happens: how long endpoints are up, what each ping
 * ahead of need took and how it ended, who waited for a cold start. It also says whether the day's
 * budgets, the backend's and the tenant's, allow one more ping.
 */

import type { Backend } from '../backends/backend.ts';
import type { BudgetLimits } from '../backends/backend-spec.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';
import { DailyAccounts } from './daily-accounts.ts';
import { type BudgetSnapshot, PrewarmBudget } from './prewarm-budget.ts';

const DAY_MS = 86_400_000;
const COUNTED_AS = {
  demand: 'demandWakes',
  prewarm: 'prewarms',
  'keep-warm': 'keepWarms',
} as const;

/** What survives a restart. */
export interface AccountsSnapshot {
  /** Until when warm time is counted, epoch ms. */
  readonly at: number;
  readonly tenant: BudgetSnapshot;
  readonly backends: Readonly<Record<string, BudgetSnapshot>>;
}

export class PrewarmAccounts {
  readonly daily = new DailyAccounts();
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #tenant = new PrewarmBudget();
  readonly #budgets = new Map<string, PrewarmBudget>();
  #at: number | undefined;

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends;
  }

  /** New budgets are in force; endpoints may be gone. */
  configure(tenant: BudgetLimits, now: number): void {
    this.#tenant.limits = tenant;
    for (const name of this.#budgets.keys()) {
      if (!this.#backends.has(name)) this.#budgets.delete(name);
    }
    for (const [name, { spec }] of this.#backends) {
      this.#budgetOf(name).limits = spec.prewarm.budget ?? {};
    }
    const isGone = (key: string) => {
      const at = key.indexOf('\n');
      return !this.#backends.get(key.slice(0, at))?.endpoints.has(key.slice(at + 1));
    };
    this.#tenant.settleWhere(isGone, now);
    for (const budget of this.#budgets.values()) budget.settleWhere(isGone, now);
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    if (this.#at !== undefined) this.#at = Math.min(this.#at, now);
    this.#tenant.clockWentBack(now);
    for (const budget of this.#budgets.values()) budget.clockWentBack(now);
  }

  /** Time passed in which endpoints stayed what they were; to be called before they change. */
  elapse(now: number): void {
    const from = this.#at ?? now;
    if (this.#at !== undefined && now <= from) return;
    this.#at = now;
    for (const [name, backend] of this.#backends) {
      if (!backend.canGoCold) continue;
      for (const endpoint of backend.endpoints.values()) {
        const up = endpoint.state === 'warm' || endpoint.state === 'warming';
        if (!up || !endpoint.spec.coldStart) continue;
        // It went cold when it was due to, also where nobody looked at that moment.
        this.#warm(name, backend, from, Math.min(now, endpoint.changesAt));
      }
    }
  }

  /** An endpoint was up for a time: each day has its part. */
  #warm(name: string, backend: Backend, from: number, until: number): void {
    for (let at = from; at < until; ) {
      const end = Math.min(until, (Math.floor(at / DAY_MS) + 1) * DAY_MS);
      const warmMs = end - at;
      this.daily.add(name, at, { warmMs, money: warmMs * priceOf(backend) });
      at = end;
    }
  }

  /** True where the budgets allow a ping ahead of need. */
  allows(backend: Backend, endpoint: Endpoint, now: number): boolean {
    const mostMs = endpoint.longestPingMs;
    return [this.#tenant, this.#budgetOf(backend.name)].every((budget) =>
      budget.allows(mostMs, priceOf(backend), now),
    );
  }

  /** A wake begins. */
  began(backend: Backend, endpoint: Endpoint, wake: Wake): void {
    this.daily.add(backend.name, wake.at, { [COUNTED_AS[wake.cause]]: 1 });
    if (wake.cause === 'demand') return;
    const key = keyOf(backend.name, endpoint);
    for (const budget of [this.#tenant, this.#budgetOf(backend.name)]) {
      budget.reserve(key, endpoint.longestPingMs, priceOf(backend), wake.at);
    }
  }

  /** The ping was answered: from now on only its idle timeout is left to it. */
  answered(backend: string, endpoint: Endpoint, now: number): void {
    const key = keyOf(backend, endpoint);
    for (const budget of [this.#tenant, this.#budgetOf(backend)]) {
      budget.narrow(key, now + endpoint.idleTimeoutMs);
    }
  }

  /** A wake ended; `sufferedMs`: how long the first call after it had to wait for it, ms. */
  ended(
    backend: string,
    endpoint: Endpoint,
    { wake, outcome, sufferedMs = 0 }: { wake: Wake; outcome: WakeOutcome; sufferedMs?: number },
    now: number,
  ): void {
    if (wake.cause === 'demand') return;
    const key = keyOf(backend, endpoint);
    this.#tenant.settle(key, now);
    const pingMs = this.#budgetOf(backend).settle(key, now);
    // Kept warm and used before it would have gone cold, it avoided nothing.
    const served = (outcome === 'used' || outcome === 'late') && now >= (wake.coldAt ?? 0);
    const avoidedMs = served ? Math.max(0, endpoint.coldStartMs - sufferedMs) : 0;
    const avoidedWaits = avoidedMs > 0 ? 1 : 0;
    this.daily.add(backend, now, { pingMs, [outcome]: 1, avoidedWaits, avoidedMs });
  }

  /** A call waited while no endpoint was warm. */
  suffered(backend: string, coldWaitMs: number, now: number): void {
    this.daily.add(backend, now, { coldWaits: 1, coldWaitMs });
  }

  released(backend: string, now: number): void {
    this.daily.add(backend, now, { releases: 1 });
  }

  refused(backend: string, now: number): void {
    this.daily.add(backend, now, { overBudget: 1 });
  }

  /** What pings may still cost today, of the backend's budget and of the tenant's. */
  left(backend: string, now: number): { backend: BudgetLimits; tenant: BudgetLimits } {
    return { backend: this.#budgetOf(backend).left(now), tenant: this.#tenant.left(now) };
  }

  snapshot(now: number): AccountsSnapshot {
    const backends = [...this.#budgets].map(([name, budget]) => [name, budget.snapshot()]);
    return {
      at: this.#at ?? now,
      tenant: this.#tenant.snapshot(),
      backends: Object.fromEntries(backends),
    };
  }

  restore(from: AccountsSnapshot): void {
    this.#at = from.at;
    this.#tenant.restore(from.tenant);
    for (const [name, budget] of Object.entries(from.backends)) {
      if (this.#backends.has(name)) this.#budgetOf(name).restore(budget);
    }
  }

  #budgetOf(backend: string): PrewarmBudget {
    let budget = this.#budgets.get(backend);
    if (!budget) {
      budget = new PrewarmBudget();
      this.#budgets.set(backend, budget);
    }
    return budget;
  }
}

/** Price of a warm ms; 0 where none is configured. */
function priceOf(backend: Backend): number {
  return (backend.spec.prewarm.pricePerWarmSecond ?? 0) / 1_000;
}

function keyOf(backend: string, endpoint: Endpoint): string {
  return `${backend}\n${endpoint.spec.id}`;
}
