/**
 * A seeded random generator for the few random decisions of the core (reservoirs). The core has no
 * other source of randomness: the creator of a dispatcher passes the seed, so a simulation is
 * exactly repeatable.
 */

/** Returns numbers in [0, 1). */
export type Random = () => number;

/** Mulberry32: 32 bits of state, sufficient to choose which sample to forget; not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
