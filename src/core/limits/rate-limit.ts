/**
 * A limit a minute as a token bucket: full at first, a minute's worth at most, refilled evenly. Pure:
 * a state and a time in, a state out. The level may fall below 0 when a cost turns out higher than
 * it was estimated; what is over is waited for.
 */

export interface Bucket {
  /** What may be taken, as of `at`. */
  readonly level: number;
  /** Epoch ms. */
  readonly at: number;
}

/** How a limit stands, as `x-ratelimit-*` tells it. */
export interface Gauge {
  readonly limit: number;
  readonly remaining: number;
  /** Time until it is full again, ms. */
  readonly resetMs: number;
}

const MINUTE_MS = 60_000;

/** The bucket as it is now; full where there was none. */
export function filled(limit: number, bucket: Bucket | undefined, now: number): Bucket {
  if (!bucket) return { level: limit, at: now };
  const passedMs = Math.max(0, now - bucket.at);
  return { level: Math.min(limit, bucket.level + (limit * passedMs) / MINUTE_MS), at: now };
}

/** Time until a cost can be taken, ms; 0 for now. A cost beyond the limit asks for a full bucket. */
export function waitMs(limit: number, bucket: Bucket, cost: number): number {
  const missing = Math.min(cost, limit) - bucket.level;
  return missing <= 0 ? 0 : Math.ceil((missing * MINUTE_MS) / limit);
}

/** Takes a cost, or gives one back where it is below 0. */
export function taken(limit: number, bucket: Bucket, cost: number): Bucket {
  return { level: Math.min(limit, bucket.level - cost), at: bucket.at };
}

export function gaugeOf(limit: number, bucket: Bucket): Gauge {
  return {
    limit,
    remaining: Math.max(0, Math.floor(bucket.level)),
    resetMs: Math.ceil(((limit - bucket.level) * MINUTE_MS) / limit),
  };
}
