/** When an idle warm endpoint is looked at: whether it is kept warm, and whether it is told to go cold. */
import type { Endpoint } from './endpoint.ts';

/** An endpoint that can be released is asked about when it was idle for so long, ms. */
export const RELEASE_AFTER_MS = 15_000;
/** And then again in this time, while it is held. */
const HOLD_PERIOD_MS = 5_000;
/** An endpoint that goes cold within this share of its idle timeout is asked about. */
const KEEP_WARM_SHARE = 0.2;

/** True where an endpoint has been idle for long enough, and can be told to go cold. */
export function mayRelease(endpoint: Endpoint, now: number): boolean {
  if (!endpoint.spec.coldStart?.releasable) return false;
  return now >= Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
}

/** When to look at an idle warm endpoint next, epoch ms. */
export function nextCheckAt(endpoint: Endpoint, now: number): number {
  const keepAt = keepWarmAt(endpoint);
  if (!endpoint.spec.coldStart?.releasable || !Number.isFinite(keepAt)) return keepAt;
  const releaseAt = Math.max(endpoint.lastServedAt, endpoint.warmSince) + RELEASE_AFTER_MS;
  return Math.min(keepAt, releaseAt > now ? releaseAt : now + HOLD_PERIOD_MS);
}

/** When to ask whether an idle warm endpoint should stay warm, epoch ms. */
export function keepWarmAt(endpoint: Endpoint): number {
  if (endpoint.state !== 'warm' || endpoint.inFlight > 0) return Infinity;
  return endpoint.lastActiveAt + endpoint.idleTimeoutMs * (1 - KEEP_WARM_SHARE);
}
