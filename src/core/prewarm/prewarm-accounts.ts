/**
 * The running accounts of prewarming: how long endpoints are up, what each ping ahead of need took
 * and how it ended, and which calls waited for a cold start. What pings may cost is in
 * prewarm-budgets.ts, the totals by day are in daily-accounts.ts.
 */

import type { Backend } from '../backends/backend.ts';
import type { BudgetLimits } from '../backends/backend-spec.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';
import { DailyAccounts, type DailyCounts } from './daily-accounts.ts';
import { type ForecastCounts, ForecastRecord } from './forecast-record.ts';
import { type BudgetsSnapshot, PrewarmBudgets, priceOf } from './prewarm-budgets.ts';

const DAY_MS = 86_400_000;
const COUNTED_AS = {
  demand: 'demandWakes',
  prewarm: 'prewarms',
  'keep-warm': 'keepWarms',
  operator: 'operatorWakes',
} as const;

/** What survives a restart. */
export interface AccountsSnapshot extends BudgetsSnapshot {
  /** Time up to which warm time has been counted, epoch ms. */
  readonly at: number;
  /** Unused warm time by backend; absent in snapshots of older versions. */
  readonly unusedMs?: Readonly<Record<string, number>>;
  /** How forecasts came out; absent in snapshots of older versions. */
  readonly forecasts?: Readonly<Record<string, readonly ForecastCounts[]>>;
}

/** What a wake cost before a call used it. */
export interface WakeCost {
  readonly warmMs: number;
  readonly money: number;
}

export class PrewarmAccounts {
  readonly daily = new DailyAccounts();
  readonly forecasts = new ForecastRecord();
  /** What pings ahead of need may cost. */
  readonly budgets: PrewarmBudgets;
  readonly #backends: ReadonlyMap<string, Backend>;
  /** Time that endpoints were up without calls since the backend last got one, ms. */
  readonly #unusedMs = new Map<string, number>();
  /** Time up to which warm time has been counted, epoch ms; undefined before the first count. */
  #countedUntil: number | undefined;

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends;
    this.budgets = new PrewarmBudgets(backends);
  }

  /** Applies new budgets, and forgets backends that are no longer configured. */
  configure(tenant: BudgetLimits, now: number): void {
    this.budgets.configure(tenant, now);
    for (const name of this.#unusedMs.keys()) {
      if (!this.#backends.has(name)) this.#unusedMs.delete(name);
    }
    this.forecasts.keepOnly((name) => this.#backends.has(name));
  }

  /** Handles a clock that jumps back: no count or reservation begins after `now`. */
  clockWentBack(now: number): void {
    if (this.#countedUntil !== undefined) this.#countedUntil = Math.min(this.#countedUntil, now);
    this.forecasts.clockWentBack();
    this.budgets.clockWentBack(now);
  }

  /**
   * Counts the warm time since the last call. Must be called before endpoints change state, because
   * it assumes that they kept their state for all that time.
   */
  elapse(now: number): void {
    const from = this.#countedUntil ?? now;
    if (this.#countedUntil !== undefined && now <= from) return;
    this.#countedUntil = now;
    for (const [name, backend] of this.#backends) {
      if (backend.canGoCold) this.#countTime(name, backend, from, now);
    }
  }

  /** Counts how long a backend's endpoints were up and down. */
  #countTime(name: string, backend: Backend, from: number, now: number): void {
    let downMs = 0;
    for (const endpoint of backend.pool.list) {
      const isUp = endpoint.state === 'warm' || endpoint.state === 'warming';
      if (!endpoint.spec.coldStart) continue;
      // An endpoint goes cold when its idle timeout ends, also if no step ran at that moment.
      const until = isUp ? Math.min(now, endpoint.changesAt) : from;
      this.#addTime(name, backend, 'up', from, until);
      if (endpoint.state !== 'draining') downMs += now - Math.max(from, until);
      if (endpoint.slots.inFlight === 0 && until > from) {
        this.#unusedMs.set(name, this.unusedMs(name) + until - from);
      }
    }
    // Spread over the whole time: a day's end rarely lies in it.
    if (downMs > 0) this.#addTime(name, backend, 'down', from, now, downMs / (now - from));
  }

  /** Adds time that so many endpoints were up or down to the days that it falls in, epoch ms. */
  #addTime(
    name: string,
    backend: Backend,
    what: 'up' | 'down',
    from: number,
    until: number,
    endpoints = 1,
  ): void {
    for (let at = from; at < until; ) {
      const end = Math.min(until, (Math.floor(at / DAY_MS) + 1) * DAY_MS);
      const ms = (end - at) * endpoints;
      const money = ms * priceOf(backend);
      const counts = what === 'up' ? { warmMs: ms, money } : { coldMs: ms, sparedMoney: money };
      this.daily.add(name, at, counts);
      at = end;
    }
  }

  /** Time that the backend's endpoints were up without calls since it last got a call, ms. */
  unusedMs(backend: string): number {
    return this.#unusedMs.get(backend) ?? 0;
  }

  /** A call was sent to the backend. */
  used(backend: string): void {
    this.#unusedMs.delete(backend);
  }

  /** Counts a wake that begins, and reserves its budget unless calls asked for it. */
  began(backend: Backend, endpoint: Endpoint, wake: Wake): void {
    this.daily.add(backend.name, wake.at, { [COUNTED_AS[wake.cause]]: 1 });
    if (!isPing(wake)) return;
    const pingMs = this.budgets.reserve(backend, endpoint, wake.at);
    if (pingMs > 0) this.daily.add(backend.name, wake.at, { pingMs });
  }

  /** The wake was answered: without calls the endpoint stays up for its idle timeout at most. */
  answered(backend: string, endpoint: Endpoint, now: number): void {
    this.budgets.narrow(backend, endpoint, now + endpoint.idleTimeoutMs);
  }

  /**
   * Settles a wake. `sufferedMs`: cold wait that its first call still had, ms. Returns the warm time from
   * the wake to its first call or its end, ms, and the price of it.
   */
  ended(
    backend: string,
    endpoint: Endpoint,
    { wake, outcome, sufferedMs = 0 }: { wake: Wake; outcome: WakeOutcome; sufferedMs?: number },
    now: number,
  ): WakeCost {
    const spec = this.#backends.get(backend);
    const pricePerMs = spec ? priceOf(spec) : 0;
    if (!isPing(wake)) {
      const warmMs = Math.min(Math.max(0, now - wake.at), endpoint.learning.longestPingMs);
      return { warmMs, money: warmMs * pricePerMs };
    }
    const pingMs = this.budgets.settle(backend, endpoint, now);
    // A keep-warm ping avoids nothing if a call comes before the endpoint would have gone cold.
    const avoidedColdStart =
      (outcome === 'used' || outcome === 'late') && now >= (wake.coldAt ?? 0);
    const avoidedMs = avoidedColdStart ? Math.max(0, endpoint.coldStartMs - sufferedMs) : 0;
    const avoidedWaits = avoidedMs > 0 ? 1 : 0;
    const warmMs = Math.max(0, wake.at - (wake.since ?? wake.at)) + pingMs;
    const cost = { warmMs, money: warmMs * pricePerMs };
    const isWasted = outcome === 'wasted' || outcome === 'failed';
    const wasted = isWasted ? { wastedMs: warmMs, wastedMoney: cost.money } : {};
    const avoided = { avoidedWaits, avoidedMs };
    this.daily.add(backend, now, { pingMs, ...countsOf(outcome, wake), ...avoided, ...wasted });
    return cost;
  }

  /** Counts the time that a call waited while no endpoint was warm, ms. */
  suffered(backend: string, coldWaitMs: number, now: number): void {
    this.daily.add(backend, now, { coldWaits: 1, coldWaitMs });
  }

  /** Counts an endpoint that was told to go cold. */
  released(backend: string, now: number): void {
    this.daily.add(backend, now, { releases: 1 });
  }

  /** Counts a ping that the budgets did not allow. */
  refused(backend: string, now: number): void {
    this.daily.add(backend, now, { overBudget: 1 });
  }

  snapshot(now: number): AccountsSnapshot {
    return {
      at: this.#countedUntil ?? now,
      ...this.budgets.snapshot(),
      unusedMs: Object.fromEntries(this.#unusedMs),
      forecasts: this.forecasts.snapshot(),
    };
  }

  restore(from: AccountsSnapshot): void {
    this.#countedUntil = from.at;
    this.budgets.restore(from);
    this.forecasts.restore(from.forecasts ?? {});
    this.forecasts.keepOnly((name) => this.#backends.has(name));
    for (const [name, unusedMs] of Object.entries(from.unusedMs ?? {})) {
      if (this.#backends.has(name)) this.#unusedMs.set(name, unusedMs);
    }
  }
}

/**
 * The pings of a wake by outcome. Of a chain whose last ping failed, those before it kept the endpoint
 * warm for nothing.
 */
function countsOf(outcome: WakeOutcome, { pings = 1 }: Wake): Partial<DailyCounts> {
  if (outcome !== 'failed' || pings === 1) return { [outcome]: pings };
  return { failed: 1, wasted: pings - 1 };
}

/** True for a wake ahead of need, which is paid from the budget. */
export function isPing({ cause }: Wake): boolean {
  return cause === 'prewarm' || cause === 'keep-warm';
}
