/**
 * The daily budget of pings ahead of need, in warm time and in money. A ping reserves the longest
 * time that it can keep an endpoint up before a call needs it, and returns what it did not use, so
 * a day's pings never cost more than the budget. Days are UTC days; a ping that lasts beyond
 * midnight is charged to each day for its part. What was spent by day is recorded in
 * daily-accounts.ts.
 */
import type { BudgetLimits } from '../backends/backend-spec.ts';

const DAY_MS = 86_400_000;

interface Reservation {
  /** Epoch ms. */
  readonly from: number;
  /** Time by which the ping has been used or the endpoint is cold again, epoch ms. */
  readonly until: number;
  readonly pricePerMs: number;
}

/** What was spent on a day. */
interface Spent {
  /** Days since the epoch, UTC. */
  readonly day: number;
  readonly spentMs: number;
  readonly spentMoney: number;
}

export interface BudgetSnapshot extends Spent {
  /** The day before; absent in snapshots of earlier versions. */
  readonly before?: Spent;
  /** Reservations that are not settled yet, by key. */
  readonly open: ReadonlyArray<readonly [string, Reservation]>;
}

export class PrewarmBudget {
  limits: BudgetLimits = {};
  #day = -1;
  #spentMs = 0;
  #spentMoney = 0;
  /** What was spent on the day before: the clock may go back to it. */
  #before: Spent | undefined;
  readonly #reservations = new Map<string, Reservation>();

  /** True where a ping of at most `maxMs` warm time fits in what is left of the day. */
  allows(maxMs: number, pricePerMs: number, now: number): boolean {
    const { warmMs, money } = this.committed(now);
    const { warmMs: maxWarmMs = Infinity, money: maxMoney = Infinity } = this.limits;
    return warmMs + maxMs <= maxWarmMs && money + maxMs * pricePerMs <= maxMoney;
  }

  /** Reserves the budget of a ping; an open reservation of the same key is settled first. */
  reserve(key: string, maxMs: number, pricePerMs: number, now: number): void {
    this.settle(key, now);
    this.#reservations.set(key, { from: now, until: now + maxMs, pricePerMs });
  }

  /** Shortens a reservation: the ping keeps its endpoint up until `until` at most, epoch ms. */
  narrow(key: string, until: number): void {
    const reservation = this.#reservations.get(key);
    if (reservation && until < reservation.until)
      this.#reservations.set(key, { ...reservation, until });
  }

  /**
   * Settles a ping that was used or is over: the time that it took is spent. Returns the time
   * charged in all, over all its days, ms.
   */
  settle(key: string, now: number): number {
    const reservation = this.#reservations.get(key);
    if (!reservation) return 0;
    this.#startDay(now);
    this.#reservations.delete(key);
    const today = costOf(reservation, this.#day, now);
    this.#spentMs += today.warmMs;
    this.#spentMoney += today.money;
    return Math.max(0, Math.min(now, reservation.until) - reservation.from);
  }

  /** Settles the pings whose keys `isOver` accepts, as those of endpoints that no longer exist. */
  settleWhere(isOver: (key: string) => boolean, now: number): void {
    for (const key of [...this.#reservations.keys()]) if (isOver(key)) this.settle(key, now);
  }

  /** What is spent or reserved today. */
  committed(now: number): { warmMs: number; money: number } {
    this.#startDay(now);
    let [warmMs, money] = [this.#spentMs, this.#spentMoney];
    for (const reservation of this.#reservations.values()) {
      const cost = costOf(reservation, this.#day, reservation.until);
      warmMs += cost.warmMs;
      money += cost.money;
    }
    return { warmMs, money };
  }

  /** What is left of the day, for each limit that is set. */
  left(now: number): BudgetLimits {
    const { warmMs, money } = this.committed(now);
    const { warmMs: maxMs, money: maxMoney } = this.limits;
    return {
      ...(maxMs === undefined ? {} : { warmMs: Math.max(0, maxMs - warmMs) }),
      ...(maxMoney === undefined ? {} : { money: Math.max(0, maxMoney - money) }),
    };
  }

  /**
   * Handles a clock that jumps back: what was spent stays spent, on the day of `now`, and so does what
   * was spent on that day before the clock went too far ahead.
   */
  clockWentBack(now: number): void {
    const today = Math.floor(now / DAY_MS);
    if (today < this.#day) {
      this.#day = today;
      if (this.#before && this.#before.day >= today) {
        this.#spentMs += this.#before.spentMs;
        this.#spentMoney += this.#before.spentMoney;
        this.#before = undefined;
      }
    }
    for (const [key, reservation] of this.#reservations)
      this.#reservations.set(key, notAfter(reservation, now));
  }

  snapshot(): BudgetSnapshot {
    return {
      day: this.#day,
      spentMs: this.#spentMs,
      spentMoney: this.#spentMoney,
      ...(this.#before ? { before: this.#before } : {}),
      open: [...this.#reservations],
    };
  }

  /** Restored reservations count in full until they are settled or their day is over. */
  restore({ day, spentMs, spentMoney, before, open }: BudgetSnapshot): void {
    this.#day = day;
    this.#before = before;
    this.#spentMs = spentMs;
    this.#spentMoney = spentMoney;
    for (const [key, reservation] of open) this.#reservations.set(key, reservation);
  }

  #startDay(now: number): void {
    const day = Math.floor(now / DAY_MS);
    if (day <= this.#day) return;
    if (this.#spentMs > 0 || this.#spentMoney > 0) {
      this.#before = { day: this.#day, spentMs: this.#spentMs, spentMoney: this.#spentMoney };
    }
    this.#day = day;
    this.#spentMs = 0;
    this.#spentMoney = 0;
  }
}

/** The same reservation, moved back to begin at `now` if it begins later. */
function notAfter(reservation: Reservation, now: number): Reservation {
  const from = Math.min(reservation.from, now);
  return { ...reservation, from, until: reservation.until - (reservation.from - from) };
}

/** What a reservation costs from the beginning of `day` until `at`. */
function costOf(
  reservation: Reservation,
  day: number,
  at: number,
): { warmMs: number; money: number } {
  const from = Math.max(reservation.from, day * DAY_MS);
  const warmMs = Math.max(0, Math.min(at, reservation.until) - from);
  return { warmMs, money: warmMs * reservation.pricePerMs };
}
