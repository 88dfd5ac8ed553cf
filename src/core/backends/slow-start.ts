/**
 * Slow start: an engine that just woke still compiles and fills its caches, so it is given a few
 * calls first, then twice as many every other second, and one more for each that it has served.
 */

/** Part of the slots that is open at once. */
const FIRST_SHARE = 0.25;
const DOUBLES_MS = 2_000;

/** Slots that are open `warmMs` after the endpoint woke, when it has served so many calls since. */
export function openSlots(slots: number, warmMs: number, served: number): number {
  const doublings = Math.floor(Math.max(0, warmMs) / DOUBLES_MS);
  return Math.min(slots, Math.ceil(slots * FIRST_SHARE) * 2 ** doublings + served);
}

/** Time after the endpoint woke when more are open than `warmMs` after it; both ms. */
export function nextOpeningMs(warmMs: number): number {
  return (Math.floor(Math.max(0, warmMs) / DOUBLES_MS) + 1) * DOUBLES_MS;
}
