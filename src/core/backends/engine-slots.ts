/**
 * The slots that an engine has by its own word: when it is asked, and what its answer means. It is
 * asked while calls of ours run there, so that this wakes nothing. One address may stand for several
 * engines, of which one answers: a number counts only where the answer covers all our calls.
 */

/** What an engine tells of its load; absent: it does not tell. */
export interface EngineLoad {
  /** Calls that it runs at a time. */
  readonly slots?: number;
  /** Calls that run in it and wait in it, of whomever. */
  readonly running?: number;
  readonly waiting?: number;
}

/** Calls that run there when it is asked: fewer do not show a lack of slots. */
const LEAST_HELD = 2;
const PERIOD_MS = 60_000;
/** The same while calls were found waiting in it. */
const QUEUED_PERIOD_MS = 15_000;
/** An engine that tells nothing is asked so many times less often with each asking. */
const PERIOD_GROWTH = 4;
const LONGEST_PERIOD_MS = 86_400_000;
/** What it told holds no longer without another answer. */
const KEPT_MS = 600_000;
/** Share of our calls that an answer has to show, as some come or go meanwhile. */
const WHOLE_SHARE = 0.75;

export class EngineSlots {
  /** The slots that it told; Infinity where nothing limits what is configured. */
  limit = Infinity;
  #toldAt = -Infinity;
  #askAt = -Infinity;
  #heldWhenAsked = 0;
  #misses = 0;

  /** True where it is to be asked now that `held` calls of ours run there; then `told` follows. */
  isDue(held: number, now: number): boolean {
    if (held < LEAST_HELD || now < this.#askAt) return false;
    if (now - this.#toldAt > KEPT_MS) this.limit = Infinity;
    this.#heldWhenAsked = held;
    // Until its answer, or in case that none is ever reported.
    this.#askAt = now + PERIOD_MS;
    return true;
  }

  /**
   * It answered, or (undefined) told nothing, while `held` calls of ours run there. Returns how many of
   * them wait in it, as far as it has no fixed number of slots. `isLimited`: calls have waited there.
   */
  told(load: EngineLoad | undefined, held: number, isLimited: boolean, now: number): number {
    if (!load) {
      const periodMs = PERIOD_MS * PERIOD_GROWTH ** this.#misses;
      this.#misses = Math.min(this.#misses + 1, 10);
      this.#askAt = now + Math.min(periodMs, LONGEST_PERIOD_MS);
      return 0;
    }
    const { slots, running = 0, waiting = 0 } = load;
    const ours = Math.min(held, this.#heldWhenAsked);
    this.#misses = 0;
    this.#toldAt = now;
    this.#askAt = now + (waiting > 0 ? QUEUED_PERIOD_MS : PERIOD_MS);
    const isWhole = load.running === undefined ? isLimited : coversAll(load, ours);
    if (isWhole && slots !== undefined && slots > 0) {
      if (ours > slots || isLimited || this.limit < Infinity) this.limit = slots;
    } else if (load.running !== undefined && ours > LEAST_HELD) this.limit = Infinity;
    if (waiting <= 0 || running <= 0 || this.limit < Infinity) return 0;
    // Of several engines, each has its share; one call may wait there, so that none runs dry.
    return Math.max(0, Math.floor((ours * waiting) / (running + waiting)) - 1);
  }

  /** It has started anew, perhaps with other settings. */
  restarted(): void {
    this.limit = Infinity;
    this.#misses = 0;
    this.#askAt = -Infinity;
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    this.#toldAt = Math.min(this.#toldAt, now);
    this.#askAt = Math.min(this.#askAt, now + PERIOD_MS);
  }
}

/** True where the answer shows about as many calls as run there. */
function coversAll({ slots = Infinity, running = 0, waiting }: EngineLoad, ours: number): boolean {
  const expected = waiting === undefined ? Math.min(ours, slots) : ours;
  return running + (waiting ?? 0) >= WHOLE_SHARE * expected;
}
