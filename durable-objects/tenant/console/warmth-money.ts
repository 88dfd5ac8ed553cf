/**
 * What waking and holding endpoints cost and brought, by backend and for the whole tenant, from the
 * accounts of each day (src/core/prewarm/daily-accounts.ts). Days that are not stored yet are missing:
 * call it after what is pending was written.
 */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import {
  DAILY_FIELDS,
  type DailyAccount,
  type DailyCounts,
  emptyCounts,
} from '../../../src/core/prewarm/daily-accounts.ts';
import type { WarmthMoney } from '../../../src/protocol/console/warmth.ts';

const DAYS_SHOWN = 90;

export class Money {
  readonly #dispatcher: Dispatcher;
  readonly #days: readonly DailyAccount[];
  readonly #now: number;

  /** `days`: the newest first. */
  constructor(dispatcher: Dispatcher, days: readonly DailyAccount[], now: number) {
    this.#dispatcher = dispatcher;
    this.#days = days;
    this.#now = now;
  }

  of(backend: Backend): WarmthMoney {
    const { accounts } = this.#dispatcher;
    const hasPrice = backend.spec.prewarm.pricePerWarmSecond !== undefined;
    const days = this.#days.filter((day) => day.backend === backend.name);
    const { money } = accounts.budgets.left(backend.name, this.#now).backend;
    return moneyOf(days, hasPrice, money ?? null);
  }

  ofAll(): WarmthMoney {
    const backends = [...this.#dispatcher.backends.values()];
    const hasPrice = backends.some((b) => b.spec.prewarm.pricePerWarmSecond !== undefined);
    const [first] = backends;
    const left = first && this.#dispatcher.accounts.budgets.left(first.name, this.#now).tenant;
    return moneyOf(this.#days, hasPrice, left?.money ?? null);
  }
}

function moneyOf(
  accounts: readonly DailyAccount[],
  hasPrice: boolean,
  budgetLeft: number | null,
): WarmthMoney {
  const byDay = new Map<string, Record<keyof DailyCounts, number>>();
  const all = emptyCounts();
  for (const { day, counts } of accounts) {
    const sum = byDay.get(day) ?? emptyCounts();
    byDay.set(day, sum);
    for (const field of DAILY_FIELDS) {
      sum[field] += counts[field];
      all[field] += counts[field];
    }
  }
  const priced = (money: number) => (hasPrice ? money : null);
  return {
    spent: priced(all.money),
    wasted: priced(all.wastedMoney),
    spared: priced(all.sparedMoney),
    budgetLeft,
    warmMs: all.warmMs,
    wastedMs: all.wastedMs,
    coldMs: all.coldMs,
    savedWaitMs: all.avoidedMs,
    savedWaits: all.avoidedWaits,
    sufferedWaitMs: all.coldWaitMs,
    sufferedWaits: all.coldWaits,
    days: [...byDay]
      .slice(0, DAYS_SHOWN)
      .reverse()
      .map(([day, counts]) => ({
        day,
        money: priced(counts.money),
        warmMs: counts.warmMs,
        pingMs: counts.pingMs,
        wakes: counts.demandWakes + counts.prewarms + counts.keepWarms + counts.operatorWakes,
        savedWaitMs: counts.avoidedMs,
        sufferedWaitMs: counts.coldWaitMs,
      })),
  };
}
