/**
 * Slow start: an engine that has just woken still compiles and fills its caches, so it gets a
 * quarter of its slots first, twice as many every two seconds, and one more for each call that it
 * has served. The limit of an endpoint that reports overload is in effective-slots.ts.
 */

/** Share of the slots that is open at first. */
const FIRST_SHARE = 0.25;
const DOUBLING_MS = 2_000;

/** Slots that are open `warmMs` after the endpoint woke, if it has served `served` calls since. */
export function openSlots(slots: number, warmMs: number, served: number): number {
  const doublings = Math.floor(Math.max(0, warmMs) / DOUBLING_MS);
  return Math.min(slots, Math.ceil(slots * FIRST_SHARE) * 2 ** doublings + served);
}

/** Time after the wake, in ms, of the next doubling later than `warmMs` after it. */
export function nextOpeningMs(warmMs: number): number {
  return (Math.floor(Math.max(0, warmMs) / DOUBLING_MS) + 1) * DOUBLING_MS;
}
