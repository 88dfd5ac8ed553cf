/**
 * Rate limits of API keys: requests and tokens per minute. Tokens are estimated when a call arrives,
 * by what it may take at most, and corrected when it has ended; a refused call is refunded. A call
 * that may take more than a minute's worth is refused for good. In memory only: a restarted object
 * begins with full buckets. The bucket itself is rate-limit.ts.
 */
import { type Bucket, filled, type Gauge, gaugeOf, taken, waitMs } from './rate-limit.ts';

/** Limits per minute; without limit where absent. */
export interface RateLimits {
  readonly requests?: number;
  readonly tokens?: number;
}

/** State of the limits that the API key has. */
export interface Gauges {
  readonly requests?: Gauge;
  readonly tokens?: Gauge;
}

export type RateAnswer =
  | { readonly ok: true; readonly gauges: Gauges }
  | {
      readonly ok: false;
      readonly gauges: Gauges;
      readonly limit: 'requests' | 'tokens';
      readonly retryAfterMs: number;
    }
  /** The call never fits: it may take `cost` tokens, and the key has `most` a minute. */
  | {
      readonly ok: false;
      readonly gauges: Gauges;
      readonly limit: 'too-large';
      readonly cost: number;
      readonly most: number;
    };

/** The answer to a charge of requests; `limit` is that of a minute. */
export type RequestCharge =
  | { readonly ok: true }
  | { readonly ok: false; readonly limit: number; readonly retryAfterMs: number };

type Kind = 'requests' | 'tokens';

/** The expected usage of a call. */
export interface Estimate {
  readonly callId: string;
  readonly keyId: string;
  readonly inputTokens: number;
  /** Most output that it may have; absent where it set no limit: what the key's calls usually have. */
  readonly outputTokens?: number;
  /** Number of answers that it may have; 1 where absent. */
  readonly answers?: number;
  /** An earlier call was already charged for the same request, so only tokens are. */
  readonly isCharged?: boolean;
  /** It runs already, so that it is charged beyond a limit too, and later calls wait for that. */
  readonly hasBegun?: boolean;
}

/** The usage of a call that has ended; without `inputTokens` the estimate of the input stays. */
export interface Took {
  readonly inputTokens?: number | undefined;
  readonly outputTokens: number;
}

/** What a call was charged, under which limits. */
interface Charge {
  readonly keyId: string;
  readonly limits: RateLimits;
  readonly requests: number;
  readonly inputTokens: number;
  readonly tokens: number;
}

const KINDS: readonly Kind[] = ['requests', 'tokens'];
/** Output that each answer of a call without a limit is expected to have at least. */
const LEAST_OUTPUT_TOKENS = 200;
/** Weight of a new call in the mean output of its key's calls. */
const MEAN_WEIGHT = 0.1;

export class KeyLimits {
  readonly #buckets = new Map<string, Bucket>();
  /** Charges of the calls that wait or run, by call id. */
  readonly #charges = new Map<string, Charge>();
  /** Mean output of the ended calls of an API key, tokens. */
  readonly #meanOutput = new Map<string, number>();

  /**
   * Charges a call once, however often it is submitted; a call beyond a limit is not charged, unless it
   * has begun.
   */
  admit(call: Estimate, limits: RateLimits, now: number): RateAnswer {
    const { callId, keyId, inputTokens, isCharged = false, hasBegun = false } = call;
    if (this.#charges.has(callId)) return { ok: true, gauges: this.gauges(keyId, limits, now) };
    const most = limits.tokens ?? Infinity;
    const certain = inputTokens + (call.outputTokens ?? 0);
    if (certain > most && !hasBegun) {
      const gauges = this.gauges(keyId, limits, now);
      return { ok: false, gauges, limit: 'too-large', cost: certain, most };
    }
    const expected = inputTokens + (call.outputTokens ?? this.#usualOutput(keyId, call.answers));
    const tokens = Math.min(expected, most);
    const requests = isCharged ? 0 : 1;
    const cost = { requests, tokens };
    let refused: { limit: Kind; retryAfterMs: number } | undefined;
    for (const kind of KINDS) {
      const limit = limits[kind];
      if (limit === undefined) continue;
      const retryAfterMs = waitMs(limit, this.#bucket(kind, keyId, limit, now), cost[kind]);
      if (retryAfterMs > (refused?.retryAfterMs ?? 0)) refused = { limit: kind, retryAfterMs };
    }
    if (refused && !hasBegun) {
      return { ok: false, gauges: this.gauges(keyId, limits, now), ...refused };
    }
    const charge = { keyId, limits, requests, inputTokens, tokens };
    // Charges are kept only for API keys with limits.
    if (KINDS.some((kind) => limits[kind] !== undefined)) this.#charges.set(callId, charge);
    this.#take(charge, cost, now);
    return { ok: true, gauges: this.gauges(keyId, limits, now) };
  }

  /** Charges requests that are no calls, such as orders of jobs; a refused charge takes nothing. */
  charge(keyId: string, requests: number, limits: RateLimits, now: number): RequestCharge {
    const limit = limits.requests;
    if (limit === undefined) return { ok: true };
    const retryAfterMs = waitMs(limit, this.#bucket('requests', keyId, limit, now), requests);
    if (retryAfterMs > 0) return { ok: false, limit, retryAfterMs };
    const charge = { keyId, limits, requests, inputTokens: 0, tokens: 0 };
    this.#take(charge, { requests, tokens: 0 }, now);
    return { ok: true };
  }

  /** Takes back the charge of a call that was refused later on. */
  refund(callId: string, now: number): void {
    const charge = this.#end(callId);
    if (charge) this.#take(charge, { requests: -charge.requests, tokens: -charge.tokens }, now);
  }

  /**
   * Corrects the charge of a call that has ended; with unknown usage the estimate stays charged.
   */
  settle(callId: string, took: Took | undefined, now: number): void {
    const charge = this.#end(callId);
    if (!charge || !took) return;
    if (took.outputTokens > 0) this.#observeOutput(charge.keyId, took.outputTokens);
    const tokens = (took.inputTokens ?? charge.inputTokens) + took.outputTokens;
    this.#take(charge, { requests: 0, tokens: tokens - charge.tokens }, now);
  }

  /** Present state of the API key's limits. */
  gauges(keyId: string, limits: RateLimits, now: number): Gauges {
    const of = (kind: Kind) => {
      const limit = limits[kind];
      return limit === undefined
        ? {}
        : { [kind]: gaugeOf(limit, this.#bucket(kind, keyId, limit, now)) };
    };
    return { ...of('requests'), ...of('tokens') };
  }

  #usualOutput(keyId: string, answers = 1): number {
    return Math.max(answers * LEAST_OUTPUT_TOKENS, this.#meanOutput.get(keyId) ?? 0);
  }

  #observeOutput(keyId: string, tokens: number): void {
    const mean = this.#meanOutput.get(keyId) ?? tokens;
    this.#meanOutput.set(keyId, mean + (tokens - mean) * MEAN_WEIGHT);
  }

  #end(callId: string): Charge | undefined {
    const charge = this.#charges.get(callId);
    this.#charges.delete(callId);
    return charge;
  }

  #take({ keyId, limits }: Charge, cost: Record<Kind, number>, now: number): void {
    for (const kind of KINDS) {
      const limit = limits[kind];
      if (limit === undefined) continue;
      const bucket = this.#bucket(kind, keyId, limit, now);
      this.#buckets.set(`${kind} ${keyId}`, taken(limit, bucket, cost[kind]));
    }
  }

  #bucket(kind: Kind, keyId: string, limit: number, now: number): Bucket {
    return filled(limit, this.#buckets.get(`${kind} ${keyId}`), now);
  }
}
