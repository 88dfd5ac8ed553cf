/**
 * The clock of the page: the Worker's time, so that ages are right on a machine whose clock is not.
 * It ticks once a second, and not in a hidden tab.
 */
import { signal } from '@preact/signals';

const TICK_MS = 1_000;

/** The Worker's time, epoch ms; rises each second. */
export const now = signal(Date.now());

let aheadMs = 0;

/** The Worker's time at this moment. */
export function exactNow(): number {
  return Date.now() + aheadMs;
}

/** Takes the Worker's time over. Below a second the difference is the way of the answer. */
export function setServerTime(serverMs: number): void {
  const difference = serverMs - Date.now();
  aheadMs = Math.abs(difference) < TICK_MS ? 0 : difference;
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
