/**
 * What pings ahead of need may cost a day, in warm time and in money. A ping reserves the longest
 * that it can keep an endpoint up before somebody needs it, and gives back what it did not use, so
 * that a day's pings never cost more than the budget, whatever happens. Days are UTC's; a ping that
 * lasts beyond midnight is charged to each day for its part.
 */
import type { BudgetLimits } from '../backends/backend-spec.ts';

const DAY_MS = 86_400_000;

interface Reservation {
  readonly from: number;
  /** By then the ping has been used, or the endpoint is cold again. */
  readonly until: number;
  readonly pricePerMs: number;
}

export interface BudgetSnapshot {
  readonly day: number;
  readonly spentMs: number;
  readonly spentMoney: number;
  /** By what it was reserved for. */
  readonly open: ReadonlyArray<readonly [string, Reservation]>;
}

export class PrewarmBudget {
  limits: BudgetLimits = {};
  #day = -1;
  #spentMs = 0;
  #spentMoney = 0;
  readonly #open = new Map<string, Reservation>();

  /** True where a ping that can cost so much is within what is left of the day. */
  allows(mostMs: number, pricePerMs: number, now: number): boolean {
    const { warmMs, money } = this.committed(now);
    const { warmMs: limitMs = Infinity, money: limit = Infinity } = this.limits;
    return warmMs + mostMs <= limitMs && money + mostMs * pricePerMs <= limit;
  }

  reserve(key: string, mostMs: number, pricePerMs: number, now: number): void {
    this.settle(key, now);
    this.#open.set(key, { from: now, until: now + mostMs, pricePerMs });
  }

  /** The ping can keep its endpoint up for no longer than until a time, epoch ms. */
  narrow(key: string, until: number): void {
    const open = this.#open.get(key);
    if (open && until < open.until) this.#open.set(key, { ...open, until });
  }

  /** The ping was used, or is over: what it took is spent. Answers the time charged in all, ms. */
  settle(key: string, now: number): number {
    const open = this.#open.get(key);
    if (!open) return 0;
    this.#startDay(now);
    this.#open.delete(key);
    const today = costOf(open, this.#day, now);
    this.#spentMs += today.warmMs;
    this.#spentMoney += today.money;
    return Math.max(0, Math.min(now, open.until) - open.from);
  }

  /** Settles the pings that `ends` names: of endpoints that are there no more. */
  settleWhere(ends: (key: string) => boolean, now: number): void {
    for (const key of [...this.#open.keys()]) if (ends(key)) this.settle(key, now);
  }

  /** Spent today and still reserved. */
  committed(now: number): { warmMs: number; money: number } {
    this.#startDay(now);
    let [warmMs, money] = [this.#spentMs, this.#spentMoney];
    for (const open of this.#open.values()) {
      const cost = costOf(open, this.#day, open.until);
      warmMs += cost.warmMs;
      money += cost.money;
    }
    return { warmMs, money };
  }

  /** What is left of the day, field by field of the limits. */
  left(now: number): BudgetLimits {
    const { warmMs, money } = this.committed(now);
    const { warmMs: mostMs, money: most } = this.limits;
    return {
      ...(mostMs === undefined ? {} : { warmMs: Math.max(0, mostMs - warmMs) }),
      ...(most === undefined ? {} : { money: Math.max(0, most - money) }),
    };
  }

  /** The clock went back: what was spent stays spent, of the day that it is now. */
  clockWentBack(now: number): void {
    this.#day = Math.min(this.#day, Math.floor(now / DAY_MS));
    for (const [key, open] of this.#open) this.#open.set(key, notAfter(open, now));
  }

  snapshot(): BudgetSnapshot {
    return {
      day: this.#day,
      spentMs: this.#spentMs,
      spentMoney: this.#spentMoney,
      open: [...this.#open],
    };
  }

  /** What was reserved stays reserved in full until it is settled, or its day is over. */
  restore({ day, spentMs, spentMoney, open }: BudgetSnapshot): void {
    this.#day = day;
    this.#spentMs = spentMs;
    this.#spentMoney = spentMoney;
    for (const [key, reservation] of open) this.#open.set(key, reservation);
  }

  #startDay(now: number): void {
    const day = Math.floor(now / DAY_MS);
    if (day <= this.#day) return;
    this.#day = day;
    this.#spentMs = 0;
    this.#spentMoney = 0;
  }
}

/** The same reservation, begun at a time at the latest. */
function notAfter(open: Reservation, now: number): Reservation {
  const from = Math.min(open.from, now);
  return { ...open, from, until: open.until - (open.from - from) };
}

/** What a reservation costs from the beginning of a day until a time. */
function costOf(open: Reservation, day: number, at: number): { warmMs: number; money: number } {
  const from = Math.max(open.from, day * DAY_MS);
  const warmMs = Math.max(0, Math.min(at, open.until) - from);
  return { warmMs, money: warmMs * open.pricePerMs };
}
