/**
 * How far an endpoint is trusted with calls, by API key: each key has a circuit breaker of its own
 * (circuit-breaker.ts), and the breaker of the whole endpoint needs evidence from two keys. A caller
 * can choose what its calls are answered (a tool's path, a prompt that a filter rejects), so one key's
 * failures close the endpoint for that key only, and one call's refusal delays that call only.
 */
import { RecentMap } from '../runs/recent-map.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

/** Keys that are remembered for one endpoint; the one without news for the longest is forgotten. */
const MAX_KEYS = 64;
/** Refusals (overloaded, loading) within this time count as one event, ms. */
const WINDOW_MS = 5_000;
/** A key that sent no call for this long is not counted among those that use the endpoint, ms. */
const PRESENT_MS = 60_000;
/** Forbidden answers (403) in a row, of several keys, from which on they are the endpoint's fault. */
const FORBIDDEN_TO_FAIL = 3;

const NO_KEYS: ReadonlySet<string> = new Set();

type State = 'closed' | 'open' | 'half-open';

/** A refusal by the endpoint, as it is evidence. */
export interface RefusedCall {
  readonly key: string;
  readonly callId: string;
  /** How long the endpoint is to be left alone, ms. */
  readonly pauseMs: number;
}

/** Whom a refusal concerns: the call, all calls of its key, or every call. */
export type Scope = 'call' | 'key' | 'endpoint';

interface KeyTrust {
  readonly breaker: CircuitBreaker;
  sentAt: number;
  /** The last call that was refused, and when two different ones were, epoch ms. */
  refusedCall: string | undefined;
  refusedAt: number;
}

export class EndpointTrust {
  readonly #whole = new CircuitBreaker();
  readonly #keys = new RecentMap<KeyTrust>(MAX_KEYS);
  /** Keys whose breaker is not plainly closed: mostly none. */
  readonly #troubled = new Set<string>();
  /** Keys that met a fault since the endpoint last served a call. */
  readonly #failingKeys = new Set<string>();
  readonly #forbiddenKeys = new Set<string>();
  #forbidden = 0;

  /** State for the keys that use the endpoint at present, taken together. */
  stateAt(now: number): State {
    const whole = this.#whole.stateAt(now);
    if (whole !== 'closed' || this.#troubled.size === 0) return whole;
    let present = 0;
    let state: State = 'open';
    for (const [key, trust] of this.#keys.entries()) {
      if (now - trust.sentAt > PRESENT_MS) continue;
      present += 1;
      const own = this.#troubled.has(key) ? trust.breaker.stateAt(now) : 'closed';
      if (own === 'closed') return 'closed';
      if (own === 'half-open') state = own;
    }
    return present > 0 ? state : 'closed';
  }

  /** True where nothing speaks against a call of any key. */
  isWhole(now: number): boolean {
    return this.#whole.stateAt(now) === 'closed' && this.#troubled.size === 0;
  }

  /** True where calls of the key are not sent for now. */
  isOpenFor(key: string, now: number): boolean {
    if (this.#whole.stateAt(now) === 'open') return true;
    return this.#troubled.has(key) && this.#keys.get(key)?.breaker.stateAt(now) === 'open';
  }

  /** True where a call of the key may be sent now. */
  admits(key: string, now: number): boolean {
    if (!this.#whole.admits(now)) return false;
    return !this.#troubled.has(key) || (this.#keys.get(key)?.breaker.admits(now) ?? true);
  }

  /** True where calls of keys that met no trouble there may be sent now. */
  admitsSome(now: number): boolean {
    return this.#whole.admits(now);
  }

  /** Of some keys, or of all, those whose calls may not be sent now although others' may. */
  barredOf(keys: ReadonlySet<string> | undefined, now: number): ReadonlySet<string> {
    if (this.#troubled.size === 0) return NO_KEYS;
    return new Set([...(keys ?? this.#troubled)].filter((key) => !this.admits(key, now)));
  }

  /** No call of the present keys is sent before this time, epoch ms. */
  openUntil(now: number): number {
    if (this.stateAt(now) !== 'open') return 0;
    let until = this.#whole.openUntil;
    if (until > now) return until;
    until = Infinity;
    for (const key of this.#troubled) {
      const own = this.#keys.get(key)?.breaker.openUntil ?? 0;
      if (own > now) until = Math.min(until, own);
    }
    return Number.isFinite(until) ? until : 0;
  }

  /** When a pause ends, of any key or of the endpoint, epoch ms; Infinity for none. */
  dueAt(now: number): number {
    let due = this.#whole.openUntil > now ? this.#whole.openUntil : Infinity;
    for (const key of this.#troubled) {
      const until = this.#keys.get(key)?.breaker.openUntil ?? 0;
      if (until > now) due = Math.min(due, until);
    }
    return due;
  }

  /** A call of the key is sent. */
  sent(key: string, now: number): void {
    const trust = this.#of(key);
    trust.sentAt = now;
    this.#whole.sent(now);
    if (this.#troubled.has(key)) trust.breaker.sent(now);
  }

  /** A call that was sent at `sentAt` has ended. */
  over(key: string, sentAt: number): void {
    this.#whole.over(sentAt);
    if (this.#troubled.has(key)) this.#keys.get(key)?.breaker.over(sentAt);
  }

  /** A call or wake failed by the endpoint's fault; a wake has no key and speaks for the endpoint. */
  failed(now: number, sentAt: number, key?: string): void {
    if (key === undefined) return this.#whole.failed(now, sentAt);
    this.#of(key).breaker.failed(now, sentAt);
    this.#troubled.add(key);
    this.#failingKeys.add(key);
    if (this.#failingKeys.size > 1) this.#whole.failed(now, sentAt);
  }

  /** A call was answered 403: the call's matter, unless several keys get nothing else. */
  forbidden(now: number, sentAt: number, key: string): void {
    this.#forbiddenKeys.add(key);
    this.#forbidden += 1;
    if (this.#forbiddenKeys.size < 2 || this.#forbidden < FORBIDDEN_TO_FAIL) return;
    this.#whole.failed(now, sentAt);
  }

  /** A call of the key was served, or a wake succeeded (no key), which clears every key. */
  succeeded(key?: string): void {
    this.#whole.succeeded();
    this.#failingKeys.clear();
    this.#forbiddenKeys.clear();
    this.#forbidden = 0;
    const keys = key === undefined ? [...this.#troubled] : [key];
    for (const name of keys) {
      const trust = this.#keys.get(name);
      if (!trust) continue;
      trust.breaker.succeeded();
      trust.refusedCall = undefined;
      trust.refusedAt = -Infinity;
      // A pause that the endpoint asked for still holds.
      if (!trust.breaker.isPaused) this.#troubled.delete(name);
    }
  }

  /**
   * A call was refused. A pause of its key needs two different calls, a pause of the endpoint two
   * keys, both within five seconds and without a call that was served in between.
   */
  refused(call: RefusedCall, now: number): Scope {
    const trust = this.#of(call.key);
    const isRecent = now - trust.refusedAt <= WINDOW_MS;
    const isAnother = trust.refusedCall !== undefined && trust.refusedCall !== call.callId;
    trust.refusedCall = call.callId;
    trust.refusedAt = now;
    if (this.#isRefusedElsewhere(call.key, now)) {
      this.#whole.pause(now, call.pauseMs);
      return 'endpoint';
    }
    if (!isRecent || !isAnother) return 'call';
    trust.breaker.pause(now, call.pauseMs);
    this.#troubled.add(call.key);
    return 'key';
  }

  /** True where no other key has sent a call lately. */
  isOnlyKey(key: string, now: number): boolean {
    for (const [other, { sentAt }] of this.#keys.entries()) {
      if (other !== key && now - sentAt <= PRESENT_MS) return false;
    }
    return true;
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    this.#whole.clockWentBack(now);
    for (const trust of this.#keys.values()) {
      trust.breaker.clockWentBack(now);
      trust.sentAt = Math.min(trust.sentAt, now);
      trust.refusedAt = Math.min(trust.refusedAt, now);
    }
  }

  #isRefusedElsewhere(key: string, now: number): boolean {
    for (const [other, { refusedAt }] of this.#keys.entries()) {
      if (other !== key && now - refusedAt <= WINDOW_MS) return true;
    }
    return false;
  }

  #of(key: string): KeyTrust {
    const existing = this.#keys.get(key);
    if (existing) return existing;
    const created = {
      breaker: new CircuitBreaker(),
      ...{ sentAt: -Infinity, refusedCall: undefined, refusedAt: -Infinity },
    };
    this.#keys.set(key, created);
    // A key that is forgotten takes its trouble with it.
    for (const name of this.#troubled) if (!this.#keys.get(name)) this.#troubled.delete(name);
    return created;
  }
}
