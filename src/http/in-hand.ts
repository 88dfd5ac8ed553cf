/**
 * Counts what this isolate holds for its callers, by owner (an API key), so that no owner takes all
 * of the memory that they share. An owner may hold as much as is still free: one alone has half of it
 * at most, and whoever comes next finds room.
 */
import { failure, type Outcome } from './errors.ts';

/** Most that one owner holds at a time. */
export interface HandLimits {
  readonly count: number;
  readonly bytes: number;
}

/** What is held of one owner. */
interface Holding {
  count: number;
  bytes: number;
}

/** After this time whoever was refused may ask again. */
const RETRY_MS = 1_000;
/** Least time between two log lines about refusals. */
const LOG_EVERY_MS = 10_000;

export class InHand {
  /** What is counted, for messages: a plural. */
  readonly #what: string;
  readonly #holdings = new Map<string, Holding>();
  #bytes = 0;
  #refused = 0;
  #loggedAt = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** Bytes held of all owners. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is held, by owner. */
  get holdings(): Iterable<readonly [owner: string, Readonly<Holding>]> {
    return this.#holdings;
  }

  /** What is held of an owner. */
  of(owner: string): Readonly<Holding> {
    return this.#holdings.get(owner) ?? { count: 0, bytes: 0 };
  }

  /**
   * Takes one more in hand; `expected`: its length in bytes as far as it is known. `room`: bytes for
   * all owners together. Errors: `rate_limit_exceeded`, `dispatcher_unavailable`.
   */
  take(owner: string, limits: HandLimits, room: number, expected = 0): Outcome<{ hand: Hand }> {
    const { count } = this.of(owner);
    if (count >= limits.count) {
      const message = `This key has too many ${this.#what} at a time: it may have ${limits.count}.`;
      return this.#refuse(owner, 'rate_limit_exceeded', message);
    }
    const refused = this.#roomFor(owner, limits, room, expected);
    if (refused) return refused;
    this.#change(owner, 1, 0);
    return {
      ok: true,
      hand: new Hand({
        grow: (bytes) => {
          const tooMuch = this.#roomFor(owner, limits, room, bytes);
          if (!tooMuch) this.#change(owner, 0, bytes);
          return tooMuch;
        },
        free: (bytes) => this.#change(owner, -1, -bytes),
      }),
    };
  }

  #roomFor(owner: string, limits: HandLimits, room: number, more: number) {
    const held = this.of(owner).bytes;
    if (held + more > limits.bytes) {
      const message = `This key has too many bytes of ${this.#what} at a time: it may have ${limits.bytes}.`;
      return this.#refuse(owner, 'rate_limit_exceeded', message);
    }
    if (more === 0 || held + more <= room - this.#bytes) return undefined;
    const message = `There is no room at present for more ${this.#what} of this key.`;
    return this.#refuse(owner, 'dispatcher_unavailable', message);
  }

  #refuse(owner: string, code: 'rate_limit_exceeded' | 'dispatcher_unavailable', message: string) {
    this.#refused += 1;
    const now = Date.now();
    if (now - this.#loggedAt >= LOG_EVERY_MS) {
      const { count, bytes } = this.of(owner);
      const event = { event: 'in_hand_refused', what: this.#what, owner, code, count, bytes };
      console.warn(JSON.stringify({ ...event, all_bytes: this.#bytes, refused: this.#refused }));
      this.#loggedAt = now;
      this.#refused = 0;
    }
    return failure(code, { message, retryAfterMs: RETRY_MS });
  }

  #change(owner: string, count: number, bytes: number): void {
    const now = this.of(owner);
    const next = { count: now.count + count, bytes: now.bytes + bytes };
    this.#bytes += bytes;
    if (next.count === 0) this.#holdings.delete(owner);
    else this.#holdings.set(owner, next);
  }
}

/** How one thing in hand is counted. */
interface Counter {
  grow(bytes: number): Refused | undefined;
  free(bytes: number): void;
}

type Refused = ReturnType<typeof failure>;

/** One thing in hand. It counts until it is released, by whichever of several ways comes first. */
export class Hand {
  /** Resolves when it counts no longer. */
  readonly released: Promise<void>;
  readonly #counter: Counter;
  readonly #resolve: () => void;
  #bytes = 0;
  #uses = 1;
  #onUnused: () => void = () => {};

  constructor(counter: Counter) {
    this.#counter = counter;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.released = promise;
    this.#resolve = resolve;
  }

  /** Counts `bytes` more; returns the error where there is no room for them. */
  grow(bytes: number): Refused | undefined {
    // It has been dropped: its client is gone, and so is what it sends.
    if (this.#uses <= 0) return undefined;
    const refused = this.#counter.grow(bytes);
    if (!refused) this.#bytes += bytes;
    return refused;
  }

  /** It is in use until the promise settles, also where its first user releases it earlier. */
  until(used: Promise<unknown>): void {
    this.#uses += 1;
    const release = () => this.release();
    used.then(release, release);
  }

  /** `act` is called when the last user needs it no longer; not when it is dropped in use. */
  onUnused(act: () => void): void {
    this.#onUnused = act;
  }

  /** One of its users needs it no longer. */
  release(): void {
    if (this.#uses <= 0) return;
    this.#uses -= 1;
    if (this.#uses > 0) return;
    this.#end();
    this.#onUnused();
  }

  /** Nobody needs it any longer. */
  drop(): void {
    if (this.#uses <= 0) return;
    this.#uses = 0;
    this.#end();
  }

  #end(): void {
    this.#counter.free(this.#bytes);
    this.#bytes = 0;
    this.#resolve();
  }
}
