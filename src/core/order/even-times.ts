/**
 * When the turns of keys change as time alone passes, while slots are reserved: the service of each key
 * grows by the slots that it has or keeps, so that one which is even has more in the end, or one that
 * waits becomes even. What that means for its calls is in key-shares.ts.
 */
import { type ActiveKeys, type Growth, growthOf } from './active-keys.ts';

/**
 * The first whole ms after the next such change, epoch ms; Infinity where nothing is reserved or nothing
 * changes. `waits`: whether calls of a key wait.
 */
export function nextTurnAt(keys: ActiveKeys, waits: (key: string) => boolean, now: number): number {
  const accounts = [...keys.growing];
  if (!accounts.some(({ reserving }) => reserving)) return Infinity;
  const { leastStillMs, marginMs } = keys;
  const evenMs = keys.evenMs(now);
  const growing = accounts.map((account) => ({ account, ...growthOf(account, now) }));
  const least = leastOf([...growing, { usedMs: leastStillMs, slots: 0 }]);
  let ms = Infinity;
  for (const { account, ...growth } of growing) {
    if (growth.usedMs <= evenMs) {
      if (account.reserving) ms = Math.min(ms, whileEven(growth, least, marginMs));
    } else if (waits(account.key)) ms = Math.min(ms, untilEven(growth, least, marginMs));
  }
  for (const { key, servedMs: usedMs } of keys.still) {
    // Those that do not grow become even one after the other, and only up to here.
    if (usedMs > leastStillMs + marginMs) break;
    if (usedMs <= evenMs || !waits(key)) continue;
    ms = Math.min(ms, untilEven({ usedMs, slots: 0 }, least, marginMs));
    break;
  }
  return now + Math.floor(ms) + 1;
}

/** For each number of slots the key that had the least: the least of all is one of these at any time. */
function leastOf(growths: readonly Growth[]): readonly Growth[] {
  const least = new Map<number, Growth>();
  for (const growth of growths) {
    const other = least.get(growth.slots);
    if (!other || growth.usedMs < other.usedMs) least.set(growth.slots, growth);
  }
  return [...least.values()];
}

/** Time until a key is even that is not, ms; Infinity where it does not become so. */
function untilEven(key: Growth, least: readonly Growth[], marginMs: number): number {
  let from = 0;
  let until = Infinity;
  for (const other of least) {
    const aheadMs = key.usedMs - other.usedMs - marginMs;
    const gained = other.slots - key.slots;
    if (aheadMs > 0) from = Math.max(from, gained > 0 ? aheadMs / gained : Infinity);
    else if (gained < 0) until = Math.min(until, aheadMs / gained);
  }
  return from <= until ? from : Infinity;
}

/** Time until a key that is even has more, ms; Infinity where it stays even. */
function whileEven(key: Growth, least: readonly Growth[], marginMs: number): number {
  let until = Infinity;
  for (const other of least) {
    const lost = key.slots - other.slots;
    if (lost > 0) until = Math.min(until, (other.usedMs + marginMs - key.usedMs) / lost);
  }
  return until;
}
