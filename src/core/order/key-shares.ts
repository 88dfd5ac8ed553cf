/**
 * Fair shares of one backend between the API keys of a tenant, in slot-milliseconds: whichever key has
 * had the least service goes first once the difference exceeds half a usual call, and a key that is ahead
 * leaves the slots alone that a key behind it was just using. Within a key, and between keys that are
 * about even, the policy orders. A reservation is charged as use, so that nobody gains by reserving. With a single key nothing here has an effect.
 *
 * The rule is start-time fair queuing without preemption (Goyal et al., SIGCOMM 1996): a key that
 * returns from a pause starts level with the least served one, so that pausing earns no credit.
 */
import { RecentMap } from '../runs/recent-map.ts';
import { ActiveKeys, type KeyAccount, reservationMs, usedMs } from './active-keys.ts';
import { nextTurnAt } from './even-times.ts';

/** Keys that are remembered beyond those that wait or run. */
const MAX_KEYS = 1_000;
/** Share of a new call in a key's mean call length. */
const SHARE = 0.1;
/** What a key's longest call keeps of its length with each further call. */
const LONGEST_KEPT = 0.95;

/** What is free at the backend when a call is to be taken. */
export interface FreeSlots {
  /** All its slots. */
  readonly slots: number;
  /** Those that are free for the call's key. */
  readonly free: () => number;
  /** Whether some endpoint takes calls of a key now. */
  readonly accepts: (key: string) => boolean;
}

/** The calls that wait in the backend's queue. */
export interface WaitingByKey {
  /** Calls of a key. */
  of(key: string): number;
  /** The keys of which none waits any more, since this was last asked. */
  takeEmptied(): Iterable<string>;
}

export class KeyShares {
  /** Off: every key may take every slot in the policy's order. */
  enabled = true;
  readonly #waiting: WaitingByKey;
  readonly #active = new ActiveKeys();
  readonly #idle = new RecentMap<KeyAccount>(MAX_KEYS);
  #accounts = 0;

  constructor(waiting: WaitingByKey) {
    this.#waiting = waiting;
  }

  /** A call of the key has joined the queue. */
  queued(key: string, now: number): void {
    const account = this.#activate(key, now);
    account.peak = Math.max(account.peak, this.#waiting.of(key) + account.running);
  }

  /** A call of the key gets so many slots. */
  granted(key: string, now: number, slots = 1): void {
    const account = this.#activate(key, now);
    endReservation(account, now);
    account.running += slots;
    account.grantedAtSum += slots * now;
    account.peak = Math.max(account.peak, account.running);
    this.#active.changed(account);
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
    this.#active.changed(account);
  }

  /** Charges a key with service that it kept from others, slot-ms. */
  charge(key: string, slotMs: number): void {
    const account = this.#active.get(key);
    if (!account) return;
    account.servedMs += slotMs;
    this.#active.changed(account);
  }

  /** True where keys take turns: more than one waits or runs. */
  get isDivided(): boolean {
    return this.enabled && this.#active.size > 1;
  }

  /**
   * True where more than one key waits, runs, or has just ended a call. `barred`: the keys of which no
   * endpoint takes calls, whatever is free, or all of them; such a key earns no credit for its wait.
   */
  isShared(now: number, barred: ReadonlySet<string> | 'all'): boolean {
    if (!this.enabled || this.#active.size < 2) return false;
    this.#retire(now);
    if (this.#active.size < 2) return false;
    if (barred === 'all' || barred.size === 0) return true;
    const accounts = [...barred].flatMap((key) => this.#active.get(key) ?? []);
    if (accounts.length === 0 || accounts.length === this.#active.size) return true;
    const least = this.#active.leastUsedMs(now, new Set(accounts));
    for (const account of accounts) {
      account.servedMs += Math.max(0, least - usedMs(account, now));
      this.#active.changed(account);
    }
    return true;
  }

  /** Whether a waiting call of a key may take one of the free slots now. */
  mayTake(key: string, now: number, room: FreeSlots): boolean {
    const own = this.#active.get(key);
    if (!own) return true;
    const evenMs = this.#active.evenMs(now);
    if (usedMs(own, now) <= evenMs) return true;
    const fair = Math.max(1, Math.ceil(room.slots / this.#active.size));
    let reserved = 0;
    const lenders: Array<[KeyAccount, number]> = [];
    for (const account of this.#active.usedUpTo(evenMs, now)) {
      // Whoever is behind and waits goes first.
      if (this.#waiting.of(account.key) > 0) {
        if (room.accepts(account.key)) return false;
        continue;
      }
      // A slot that is back before its user misses it may be lent.
      if (own.longestMs <= (account.meanMs ?? 0)) continue;
      const kept = Math.max(0, Math.min(fair, account.peak) - account.running);
      if (kept > 0) lenders.push([account, kept]);
      reserved += kept;
    }
    if (room.free() > reserved) return true;
    for (const [account, kept] of lenders) {
      account.reserving ??= { since: now, slots: kept };
      this.#active.changed(account);
    }
    return false;
  }

  /**
   * The most service of a key of which calls may take a slot, slot-ms, where one waits for which those of
   * keys that had more have to wait; undefined where none does.
   */
  mostUsedMs(now: number, accepts: FreeSlots['accepts']): number | undefined {
    const evenMs = this.#active.evenMs(now);
    for (const { key } of this.#active.usedUpTo(evenMs, now)) {
      if (this.#waiting.of(key) > 0 && accepts(key)) return evenMs;
    }
    return undefined;
  }

  /** Service of a key, that of its running calls included, slot-ms. */
  usedMs(key: string, now: number): number {
    const account = this.#active.get(key);
    return account ? usedMs(account, now) : 0;
  }

  /** True where keys take turns and a key had more service than another that waits or runs. */
  isAhead(key: string, now: number): boolean {
    const own = this.#active.get(key);
    if (!own || !this.isDivided) return false;
    return usedMs(own, now) > this.#active.evenMs(now);
  }

  /**
   * When a reservation ends, or may keep a slot from a waiting key no longer, though nothing happens,
   * epoch ms; Infinity where there is none.
   */
  dueAt(now: number): number {
    if (!this.enabled || this.#active.size < 2) return Infinity;
    const waits = (key: string) => this.#waiting.of(key) > 0;
    return Math.min(this.#active.reservedUntil(now), nextTurnAt(this.#active, waits, now));
  }

  /** The clock went back: no reservation lasts longer for it. */
  clockWentBack(now: number): void {
    for (const account of [...this.#active.all()]) {
      account.lastEndedAt = Math.min(account.lastEndedAt, now);
      account.reserving = undefined;
      this.#active.changed(account);
    }
  }

  #activate(key: string, now: number): KeyAccount {
    const known = this.#active.get(key);
    if (known) return known;
    this.#retire(now);
    const account = this.#idle.get(key) ?? this.#newAccount(key);
    this.#idle.delete(key);
    account.peak = 0;
    const least = this.#active.leastUsedMs(now);
    if (least < Infinity) account.servedMs = Math.max(account.servedMs, least);
    this.#active.add(account);
    return account;
  }

  #newAccount(key: string): KeyAccount {
    this.#accounts += 1;
    return {
      ...{ key, seq: this.#accounts, servedMs: 0, running: 0, grantedAtSum: 0, peak: 0 },
      ...{ lastEndedAt: -Infinity, reserving: undefined, meanMs: undefined, longestMs: 0 },
    };
  }

  /** Keys that neither wait nor run nor hold a reservation are away. */
  #retire(now: number): void {
    for (const key of this.#waiting.takeEmptied()) {
      const account = this.#active.get(key);
      if (account) this.#active.changed(account);
    }
    for (
      let next = this.#active.takeUnreserved(now);
      next;
      next = this.#active.takeUnreserved(now)
    ) {
      // One that waits is looked at again once it does not.
      if (this.#waiting.of(next.key) > 0) continue;
      endReservation(next, now);
      this.#active.delete(next);
      this.#idle.set(next.key, next);
    }
  }
}

function endReservation(account: KeyAccount, now: number): void {
  account.servedMs += reservationMs(account, now);
  account.reserving = undefined;
}
