/**
 * A limit per minute that is kept evenly: at most a second's worth is taken at once. Unlike a rate
 * limit (rate-limit.ts), which refuses, it says when the next one may be taken.
 */

export interface Pace {
  /** What may be taken at `at`. */
  readonly level: number;
  /** Epoch ms. */
  readonly at: number;
}

const MINUTE_MS = 60_000;

/** Most that are taken at once. */
function mostAtOnce(perMinute: number): number {
  return Math.max(1, Math.floor(perMinute / 60));
}

/** The pace at a later time; full where there was none. */
export function paceAt(perMinute: number, pace: Pace | undefined, now: number): Pace {
  const most = mostAtOnce(perMinute);
  if (!pace) return { level: most, at: now };
  const refilled = (Math.max(0, now - pace.at) * perMinute) / MINUTE_MS;
  return { level: Math.min(most, pace.level + refilled), at: now };
}

/** Takes one. */
export function paceTaken({ level, at }: Pace): Pace {
  return { level: level - 1, at };
}

/**
 * When the next one may be taken, epoch ms. After the last of a second's worth it is when all of it
 * is there again, so that whoever waits for it looks once a second and not for each.
 */
export function readyAt(perMinute: number, { level, at }: Pace): number {
  if (level >= 1) return at;
  return at + Math.ceil(((mostAtOnce(perMinute) - level) * MINUTE_MS) / perMinute);
}
