/**
 * A rate limit per minute as a token bucket: full at first, refilled evenly, with the amount of one
 * minute at most. Pure: state and time in, state out. The level may fall below 0 when a cost turns
 * out higher than its estimate; later calls wait for the difference, one minute for it at most. The
 * limits of API keys, which use it, are in key-limits.ts.
 */

export interface Bucket {
  /** Amount that may be taken at the time `at`. */
  readonly level: number;
  /** Epoch ms. */
  readonly at: number;
}

/** State of a limit, as the `x-ratelimit-*` headers report it. */
export interface Gauge {
  readonly limit: number;
  readonly remaining: number;
  /** Time until the bucket is full, ms. */
  readonly resetMs: number;
}

const MINUTE_MS = 60_000;

/** The bucket refilled up to now; a full one where there was none. */
export function filled(limit: number, bucket: Bucket | undefined, now: number): Bucket {
  if (!bucket) return { level: limit, at: now };
  const passedMs = Math.max(0, now - bucket.at);
  // The debt may be that of a higher limit.
  const level = Math.max(-limit, bucket.level) + (limit * passedMs) / MINUTE_MS;
  return { level: Math.min(limit, level), at: now };
}

/** Time until a cost can be taken, ms; 0 for now. A cost above the limit needs a full bucket. */
export function waitMs(limit: number, bucket: Bucket, cost: number): number {
  const missing = Math.min(cost, limit) - bucket.level;
  return missing <= 0 ? 0 : Math.ceil((missing * MINUTE_MS) / limit);
}

/** The bucket after a cost was taken, in debt by one limit at most; a negative cost is a refund. */
export function taken(limit: number, bucket: Bucket, cost: number): Bucket {
  return { level: Math.max(-limit, Math.min(limit, bucket.level - cost)), at: bucket.at };
}

export function gaugeOf(limit: number, bucket: Bucket): Gauge {
  return {
    limit,
    remaining: Math.max(0, Math.floor(bucket.level)),
    resetMs: Math.ceil(((limit - bucket.level) * MINUTE_MS) / limit),
  };
}
