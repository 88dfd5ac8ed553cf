/**
 * When to check an idle warm endpoint: whether it is kept warm, and whether it is released. The
 * decision itself is in prewarm-rule.ts.
 */
import type { Endpoint } from './endpoint.ts';

/** Idle time after which a releasable endpoint is first checked, ms. */
export const RELEASE_AFTER_MS = 15_000;
/** Time until the next check while it is held, ms. */
const HOLD_PERIOD_MS = 5_000;

/** True where an endpoint can be told to go cold and has been idle for long enough. */
export function mayRelease(endpoint: Endpoint, now: number): boolean {
  if (!endpoint.spec.coldStart?.releasable || now < endpoint.release.notBefore) return false;
  return now >= Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
}

/** When to check an idle warm endpoint next, epoch ms; Infinity for never. */
export function nextCheckAt(endpoint: Endpoint, now: number): number {
  const keepAt = keepWarmAt(endpoint);
  const isIdle = endpoint.state === 'warm' && endpoint.slots.inFlight === 0 && !endpoint.isPaused;
  if (!endpoint.spec.coldStart?.releasable || !isIdle) return keepAt;
  const idleAt = Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
  const releaseAt = Math.max(idleAt, endpoint.release.notBefore);
  return Math.min(keepAt, releaseAt > now ? releaseAt : now + HOLD_PERIOD_MS);
}

/**
 * When to check whether to keep an endpoint warm, epoch ms; Infinity unless idle and warm. Not before
 * the last ping is answered: one that is not may have found it cold, and goes on asking.
 */
export function keepWarmAt(endpoint: Endpoint): number {
  const isIdle =
    endpoint.state === 'warm' && endpoint.slots.inFlight === 0 && !endpoint.slots.isReading;
  if (!isIdle || endpoint.isPaused) return Infinity;
  return Math.max(
    endpoint.lastActiveAt + endpoint.learning.pingAfterMs,
    endpoint.learning.awaitedUntil,
  );
}
