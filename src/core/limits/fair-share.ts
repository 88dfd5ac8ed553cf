/**
 * Shares places between API keys: how many of them one key may take while others may come, and which
 * key is served next. For jobs and webhooks, whose work cannot be interrupted once it has begun.
 */

/** A key takes at most so many times the places that it leaves free. */
const TIMES_THE_FREE = 3;

/**
 * Whether a key that has `own` places may take one of the `free`. A key alone gets three quarters of
 * all; the last free place is for a key that has none.
 */
export function mayTakePlace(own: number, free: number): boolean {
  if (own === 0) return free > 0;
  return free > 1 && own < TIMES_THE_FREE * free;
}

export interface Served {
  /** Places that the key has. */
  readonly own: number;
  /** Rises with each turn that a key was given; 0 for a key that had none yet. */
  readonly lastTurn: number;
}

/** The key with the fewest places, of several the one whose last turn is longest ago. */
export function leastServed<T extends Served>(keys: readonly T[]): T | undefined {
  return keys.reduce<T | undefined>((least, key) => {
    if (!least || key.own < least.own) return key;
    return key.own === least.own && key.lastTurn < least.lastTurn ? key : least;
  }, undefined);
}
