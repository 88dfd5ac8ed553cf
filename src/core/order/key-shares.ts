/**
 * Fair shares of one backend between the API keys of a tenant, in slot-milliseconds: whichever key has
 * had the least service goes first once the difference exceeds half a usual call, and a key that is ahead
 * leaves the slots alone that a key behind it was just using. Within a key, and between keys that are
 * about even, the policy orders. A reservation is charged as use, so that nobody gains by reserving. With a single key nothing here has an effect.
 *
 * The rule is start-time fair queuing without preemption (Goyal et al., SIGCOMM 1996): a key that
 * returns from a pause starts level with the least served one, so that pausing earns no credit.
 */
import { RecentMap } from '../learning/recent-map.ts';

/** Keys that are remembered beyond those that wait or run. */
const MAX_KEYS = 1_000;
/** After its last call a key's slots stay reserved for this many of its mean calls. */
const RESERVED_CALLS = 2;
/** A client takes so long, at least, to send its next call. */
const LEAST_RESERVED_MS = 20;
const LONGEST_RESERVED_MS = 5_000;
/** Share of a new call in a key's mean call length. */
const SHARE = 0.1;
/** What a key's longest call keeps of its length with each further call. */
const LONGEST_KEPT = 0.95;

interface Account {
  /** Service of ended calls, slot-ms; raised to the least served key's when the key returns. */
  servedMs: number;
  /** Slots in use. */
  running: number;
  /** Sum of the grant times of the slots in use, epoch ms: gives their elapsed time in O(1). */
  grantedAtSum: number;
  /** Most calls that waited or ran at once since the key was last away. */
  peak: number;
  /** When its last call ended, epoch ms. */
  lastEndedAt: number;
  /** Since when so many slots are kept free for it, epoch ms: they are charged as if it used them. */
  reserving: { readonly since: number; readonly slots: number } | undefined;
  meanMs: number | undefined;
  longestMs: number;
}

/** What is free at the backend when a call is to be taken. */
export interface FreeSlots {
  /** All its slots. */
  readonly slots: number;
  readonly free: number;
  /** Whether some endpoint takes calls of a key now. */
  readonly accepts: (key: string) => boolean;
}

export class KeyShares {
  /** Off: every key may take every slot in the policy's order. */
  enabled = true;
  readonly #waitingOf: (key: string) => number;
  readonly #active = new Map<string, Account>();
  readonly #idle = new RecentMap<Account>(MAX_KEYS);

  /** `waitingOf`: the calls of a key that wait in the backend's queue. */
  constructor(waitingOf: (key: string) => number) {
    this.#waitingOf = waitingOf;
  }

  /** A call of the key has joined the queue. */
  queued(key: string, now: number): void {
    const account = this.#activate(key, now);
    account.peak = Math.max(account.peak, this.#waitingOf(key) + account.running);
  }

  /** A call of the key gets so many slots. */
  granted(key: string, now: number, slots = 1): void {
    const account = this.#activate(key, now);
    endReservation(account, now);
    account.running += slots;
    account.grantedAtSum += slots * now;
    account.peak = Math.max(account.peak, account.running);
  }

  /** A call of the key gave its slots back. */
  released(key: string, grantedAt: number, now: number, slots = 1): void {
    const account = this.#active.get(key);
    if (!account || account.running === 0) return;
    const tookMs = Math.max(0, now - grantedAt);
    account.running -= slots;
    account.grantedAtSum -= slots * grantedAt;
    account.servedMs += slots * tookMs;
    endReservation(account, now);
    account.lastEndedAt = now;
    account.meanMs =
      account.meanMs === undefined ? tookMs : account.meanMs + (tookMs - account.meanMs) * SHARE;
    account.longestMs = Math.max(tookMs, account.longestMs * LONGEST_KEPT);
  }

  /** Charges a key with service that it kept from others, slot-ms. */
  charge(key: string, slotMs: number): void {
    const account = this.#active.get(key);
    if (account) account.servedMs += slotMs;
  }

  /** True where keys take turns: more than one waits or runs. */
  get isDivided(): boolean {
    return this.enabled && this.#active.size > 1;
  }

  /**
   * True where more than one key waits, runs, or has just ended a call. `isBarred`: no endpoint takes
   * calls of a key, whatever is free; such a key earns no credit for its wait.
   */
  isShared(now: number, isBarred: (key: string) => boolean): boolean {
    if (!this.enabled || this.#active.size < 2) return false;
    this.#retire(now);
    if (this.#active.size < 2) return false;
    const barred = [...this.#active].filter(([key]) => isBarred(key));
    if (barred.length === 0 || barred.length === this.#active.size) return true;
    let least = Infinity;
    for (const [key, account] of this.#active) {
      if (!barred.some(([name]) => name === key)) least = Math.min(least, usedMs(account, now));
    }
    for (const [, account] of barred) {
      account.servedMs += Math.max(0, least - usedMs(account, now));
    }
    return true;
  }

  /** Whether a waiting call of a key may take one of the free slots now. */
  mayTake(key: string, now: number, room: FreeSlots): boolean {
    const own = this.#active.get(key);
    if (!own) return true;
    const { slots, free, accepts } = room;
    const quantumMs = this.#quantumMs();
    const least = this.#leastServedMs(now);
    if (usedMs(own, now) <= least + quantumMs) return true;
    const fair = Math.max(1, Math.ceil(slots / this.#active.size));
    let reserved = 0;
    const lenders: Array<[Account, number]> = [];
    for (const [other, account] of this.#active) {
      if (other === key || usedMs(account, now) > least + quantumMs) continue;
      // Whoever is behind and waits goes first.
      if (this.#waitingOf(other) > 0) {
        if (accepts(other)) return false;
        continue;
      }
      // A slot that is back before its user misses it may be lent.
      if (own.longestMs <= (account.meanMs ?? 0)) continue;
      const kept = Math.max(0, Math.min(fair, account.peak) - account.running);
      if (kept > 0) lenders.push([account, kept]);
      reserved += kept;
    }
    if (free > reserved) return true;
    for (const [account, kept] of lenders) account.reserving ??= { since: now, slots: kept };
    return false;
  }

  /** True where keys take turns and a key had more service than another that waits or runs. */
  isAhead(key: string, now: number): boolean {
    const own = this.#active.get(key);
    if (!own || !this.isDivided) return false;
    return usedMs(own, now) > this.#leastServedMs(now) + this.#quantumMs();
  }

  /** When a reservation ends though nothing happens, epoch ms; Infinity where there is none. */
  dueAt(now: number): number {
    let due = Infinity;
    if (!this.enabled || this.#active.size < 2) return due;
    for (const account of this.#active.values()) {
      const until = reservedUntil(account);
      if (until > now) due = Math.min(due, until);
    }
    return due;
  }

  /** The clock went back: no reservation lasts longer for it. */
  clockWentBack(now: number): void {
    for (const account of this.#active.values()) {
      account.lastEndedAt = Math.min(account.lastEndedAt, now);
      account.reserving = undefined;
    }
  }

  #activate(key: string, now: number): Account {
    const known = this.#active.get(key);
    if (known) return known;
    this.#retire(now);
    const account = this.#idle.get(key) ?? {
      ...{ servedMs: 0, running: 0, grantedAtSum: 0, peak: 0 },
      ...{ lastEndedAt: -Infinity, reserving: undefined, meanMs: undefined, longestMs: 0 },
    };
    this.#idle.delete(key);
    account.peak = 0;
    const least = this.#leastServedMs(now);
    if (least < Infinity) account.servedMs = Math.max(account.servedMs, least);
    this.#active.set(key, account);
    return account;
  }

  /** Service by which keys may differ and still count as even: half of the shortest usual call. */
  #quantumMs(): number {
    let shortest = Infinity;
    for (const { meanMs = 0 } of this.#active.values()) shortest = Math.min(shortest, meanMs);
    return Number.isFinite(shortest) ? shortest / 2 : 0;
  }

  #leastServedMs(now: number): number {
    let least = Infinity;
    for (const account of this.#active.values()) least = Math.min(least, usedMs(account, now));
    return least;
  }

  /** Keys that neither wait nor run nor hold a reservation are away. */
  #retire(now: number): void {
    for (const [key, account] of this.#active) {
      const isBusy = account.running > 0 || this.#waitingOf(key) > 0;
      if (isBusy || reservedUntil(account) > now) continue;
      endReservation(account, now);
      this.#active.delete(key);
      this.#idle.set(key, account);
    }
  }
}

function usedMs(account: Account, now: number): number {
  const { servedMs, running, grantedAtSum } = account;
  return servedMs + Math.max(0, running * now - grantedAtSum) + reservationMs(account, now);
}

/** What the open reservation costs its key so far, slot-ms. */
function reservationMs(account: Account, now: number): number {
  if (!account.reserving) return 0;
  const { since, slots } = account.reserving;
  return slots * Math.max(0, Math.min(now, reservedUntil(account)) - since);
}

function endReservation(account: Account, now: number): void {
  account.servedMs += reservationMs(account, now);
  account.reserving = undefined;
}

function reservedUntil({ lastEndedAt, meanMs = 0 }: Account): number {
  const reservedMs = RESERVED_CALLS * meanMs;
  return lastEndedAt + Math.min(LONGEST_RESERVED_MS, Math.max(LEAST_RESERVED_MS, reservedMs));
}
