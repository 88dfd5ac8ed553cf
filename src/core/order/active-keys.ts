/**
 * The accounts of the API keys that wait, run, or have just ended a call at one backend, so that what is
 * asked of all of them costs the same however many there are: the key that had the least service, the
 * shortest usual call, the reservation that ends first. How slots are shared by it is decided in
 * key-shares.ts.
 */
import { OrderedQueue } from './ordered-queue.ts';
import { RankedQueue } from './ranked-queue.ts';

/** After its last call a key's slots stay reserved for this many of its mean calls. */
const RESERVED_CALLS = 2;
/** A client takes so long, at least, to send its next call. */
const LEAST_RESERVED_MS = 20;
const LONGEST_RESERVED_MS = 5_000;

/** Service of a key from now on, while no call begins or ends and no reservation either. */
export interface Growth {
  /** Service until now, slot-ms. */
  readonly usedMs: number;
  /** Slots that it is charged for. */
  readonly slots: number;
}

export interface KeyAccount {
  readonly key: string;
  /** One for each account. */
  readonly seq: number;
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

export class ActiveKeys {
  readonly #all = new Map<string, KeyAccount>();
  /** Those whose use does not grow as time passes, by it. */
  readonly #still = new RankedQueue<KeyAccount>();
  /** The others: they hold slots or a reservation, so they are few. */
  readonly #growing = new Set<KeyAccount>();
  readonly #means = new OrderedQueue<KeyAccount>();
  /** Those that hold no slots, by the end of their reservation, until they are taken for that. */
  readonly #reserved = new RankedQueue<KeyAccount>();

  get size(): number {
    return this.#all.size;
  }

  get(key: string): KeyAccount | undefined {
    return this.#all.get(key);
  }

  all(): Iterable<KeyAccount> {
    return this.#all.values();
  }

  add(account: KeyAccount): void {
    this.#all.set(account.key, account);
    this.changed(account);
  }

  delete(account: KeyAccount): void {
    this.#all.delete(account.key);
    this.#still.delete(account);
    this.#growing.delete(account);
    this.#means.delete(account);
    this.#reserved.delete(account);
  }

  /** The account has changed, or its key does not wait any more. */
  changed(account: KeyAccount): void {
    if (account.running === 0 && !account.reserving) {
      this.#growing.delete(account);
      this.#still.set(account, usedMs(account, 0), account.seq);
    } else {
      this.#still.delete(account);
      this.#growing.add(account);
    }
    this.#means.set(account, account.meanMs ?? 0, account.seq);
    if (account.running === 0) this.#reserved.set(account, reservedUntil(account), account.seq);
    else this.#reserved.delete(account);
  }

  /** The least service of a key, slot-ms; Infinity where there is none. */
  leastUsedMs(now: number, without?: ReadonlySet<KeyAccount>): number {
    let least = this.#still.peekKey();
    if (without) {
      least = Infinity;
      for (const account of this.#still.inOrder()) {
        if (without.has(account)) continue;
        least = usedMs(account, now);
        break;
      }
    }
    for (const account of this.#growing) {
      if (!without?.has(account)) least = Math.min(least, usedMs(account, now));
    }
    return least;
  }

  /** The accounts that had no more service than this, slot-ms. */
  *usedUpTo(mostMs: number, now: number): Iterable<KeyAccount> {
    for (const account of this.#still.inOrder()) {
      if (usedMs(account, now) > mostMs) break;
      yield account;
    }
    for (const account of this.#growing) if (usedMs(account, now) <= mostMs) yield account;
  }

  /** Those whose use may grow as time passes. */
  get growing(): Iterable<KeyAccount> {
    return this.#growing;
  }

  /** The others, the least served first. */
  get still(): Iterable<KeyAccount> {
    return this.#still.inOrder();
  }

  /** The least service of one whose use does not grow, slot-ms; Infinity where there is none. */
  get leastStillMs(): number {
    return this.#still.peekKey();
  }

  /** The shortest mean call of a key, ms; 0 for a key without any, Infinity without keys. */
  get shortestMeanMs(): number {
    return this.#means.peekKey();
  }

  /** What an even key may have had beyond the least served one: half of the shortest usual call, ms. */
  get marginMs(): number {
    const shortest = this.shortestMeanMs;
    return Number.isFinite(shortest) ? shortest / 2 : 0;
  }

  /** The most service of a key that is even with the least served one, slot-ms. */
  evenMs(now: number): number {
    return this.leastUsedMs(now) + this.marginMs;
  }

  /** When the next reservation ends, epoch ms; Infinity where there is none. */
  reservedUntil(now: number): number {
    let first = Infinity;
    for (const account of this.#reserved.inOrder()) {
      first = reservedUntil(account);
      if (first > now) break;
      first = Infinity;
    }
    for (const account of this.#growing) {
      const until = reservedUntil(account);
      if (until > now) first = Math.min(first, until);
    }
    return first;
  }

  /** A key that holds no slots and no reservation; each once, until its account changes. */
  takeUnreserved(now: number): KeyAccount | undefined {
    if (this.#reserved.peekKey() > now) return undefined;
    const account = this.#reserved.peek();
    if (account) this.#reserved.delete(account);
    return account;
  }
}

/** Service of a key, that of its running calls and its reservation so far included, slot-ms. */
export function usedMs(account: KeyAccount, now: number): number {
  const { servedMs, running, grantedAtSum } = account;
  return servedMs + Math.max(0, running * now - grantedAtSum) + reservationMs(account, now);
}

/** How the service of a key goes on from now. */
export function growthOf(account: KeyAccount, now: number): Growth {
  const { running, reserving } = account;
  const kept = reserving && now < reservedUntil(account) ? reserving.slots : 0;
  return { usedMs: usedMs(account, now), slots: running + kept };
}

/** What the open reservation costs its key so far, slot-ms. */
export function reservationMs(account: KeyAccount, now: number): number {
  if (!account.reserving) return 0;
  const { since, slots } = account.reserving;
  return slots * Math.max(0, Math.min(now, reservedUntil(account)) - since);
}

function reservedUntil({ lastEndedAt, meanMs = 0 }: KeyAccount): number {
  const reservedMs = RESERVED_CALLS * meanMs;
  return lastEndedAt + Math.min(LONGEST_RESERVED_MS, Math.max(LEAST_RESERVED_MS, reservedMs));
}
