/**
 * The clock of the page: the Worker's time, so that ages are right on a machine whose clock is not.
 * It ticks once a second, and not in a hidden tab.
 */
import { signal } from '@preact/signals';

const TICK_MS = 1_000;

/** The Worker's time, epoch ms; rises each second. */
export const now = signal(Date.now());

/**
 * How far the Worker's clock is ahead of the page's at least and at most, as far as is known. What is
 * heard was said before, maybe long before on a busy machine; what is answered was said after it was
 * asked.
 */
let [leastMs, mostMs] = [-Infinity, Infinity];

/** The Worker's time at this moment. */
export function exactNow(): number {
  return Date.now() + aheadMs();
}

/** Nothing, where the clocks may be the same; else the least that explains what was heard. */
function aheadMs(): number {
  if (leastMs > 0) return leastMs;
  return mostMs < 0 ? mostMs : 0;
}

/** Takes the Worker's time over, as it is heard; `askedAt`: when it was asked, by `Date.now()`. */
export function heardServerTime(serverMs: number, askedAt = -Infinity): void {
  const [least, most] = [serverMs - Date.now(), serverMs - askedAt];
  // A clock was set since, or it goes faster: what was known before is not true any more.
  const isOther = least > mostMs || most < leastMs;
  leastMs = isOther ? least : Math.max(leastMs, least);
  mostMs = isOther ? most : Math.min(mostMs, most);
  now.value = exactNow();
}

/** Starts the ticking; returns what ends it. */
export function startClock(page: Document): () => void {
  const tick = () => {
    if (!page.hidden) now.value = exactNow();
  };
  const timer = setInterval(tick, TICK_MS);
  page.addEventListener('visibilitychange', tick);
  return () => {
    clearInterval(timer);
    page.removeEventListener('visibilitychange', tick);
  };
}
