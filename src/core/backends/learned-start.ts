/**
 * The learned cold start of one endpoint: the last twenty starts that were measured, and from them
 * the time that the next one is expected to take. What counts as a start, and from when it is
 * measured, is in start-watch.ts.
 *
 * The expected time is the P95. A single start that took much longer than every other (the pull of
 * an image) counts in full for a quarter of an hour and is then cut down: as long as it counted, the
 * endpoint might be kept warm and never show another start.
 */

/** Starts that are remembered. */
const MOST_KEPT = 20;
/** A start that took longer than this multiple of every other one is not confirmed. */
const UNCONFIRMED_TIMES = 2;
/** How long an unconfirmed start counts in full, ms. */
const UNCONFIRMED_MS = 900_000;
/** A start is as good as measured where its least length is this share of its longest. */
const MEASURED_SHARE = 0.8;

export interface StartSnapshot {
  /** Lengths of the last starts, ms, the newest last. */
  readonly coldStartsMs: readonly number[];
  /** When they ended, epoch ms; absent in snapshots of earlier versions. */
  readonly coldStartsAt?: readonly number[];
  readonly coldStartsSeen?: number;
}

interface Start {
  readonly ms: number;
  readonly at: number;
}

export class LearnedStart {
  #starts: Start[] = [];
  #seen = 0;
  /** The configured estimate for which `#ms` was computed. */
  #configuredMs = Number.NaN;
  #ms = 0;
  /** When `#ms` changes by time alone, epoch ms. */
  #changesAt = Infinity;

  /** Time that a start is expected to take, ms. */
  ms(configuredMs: number): number {
    if (configuredMs !== this.#configuredMs) this.#settle(configuredMs, -Infinity);
    return this.#ms;
  }

  /** Time that this share of the starts took at most, ms, but no more than is expected. */
  quantileMs(share: number, configuredMs: number): number {
    const mostMs = this.ms(configuredMs);
    const at = Math.max(0, Math.ceil(this.#starts.length * share) - 1);
    const ms = this.#starts.map((start) => start.ms).sort((a, b) => a - b)[at];
    return Math.min(ms ?? mostMs, mostMs);
  }

  /** Mean time of a start, ms; an unconfirmed one counts as far as it does for the expected time. */
  meanMs(configuredMs: number): number {
    const mostMs = this.ms(configuredMs);
    if (this.#starts.length === 0) return mostMs;
    let sum = 0;
    for (const { ms } of this.#starts) sum += Math.min(ms, mostMs);
    return sum / this.#starts.length;
  }

  /** Number of starts that were measured. */
  get observations(): number {
    return this.#seen;
  }

  /** When the last one was measured, epoch ms; undefined before the first. */
  get lastAt(): number | undefined {
    return this.#starts.at(-1)?.at;
  }

  /** The starts that are remembered, the newest last. */
  get samples(): readonly Start[] {
    return this.#starts;
  }

  /** The longest of the starts that are remembered, ms; 0 before the first. */
  get longestMs(): number {
    let longest = 0;
    for (const { ms } of this.#starts) longest = Math.max(longest, ms);
    return longest;
  }

  /**
   * A start took `ms`, or between `leastMs` and that. One that may have been as long as usual teaches
   * nothing then: its longest length would be learned as the length of a start.
   */
  add(mostMs: number, now: number, leastMs = mostMs): void {
    const usualMs = this.meanMs(this.#configuredMs);
    const isMeasured = leastMs >= MEASURED_SHARE * mostMs;
    if (!isMeasured && leastMs <= this.#ms && mostMs >= usualMs) return;
    const ms = isMeasured || mostMs < usualMs ? mostMs : leastMs;
    this.#starts = [...this.#starts, { ms, at: now }].slice(-MOST_KEPT);
    this.#seen += 1;
    this.#settle(this.#configuredMs, now);
  }

  /** An unconfirmed start ends to count in full. */
  elapse(now: number): void {
    if (now >= this.#changesAt) this.#settle(this.#configuredMs, now);
  }

  /** Handles a clock that jumps back: nothing was measured after `now`. */
  clockWentBack(now: number): void {
    this.#starts = this.#starts.map(({ ms, at }) => ({ ms, at: Math.min(at, now) }));
    this.#settle(this.#configuredMs, now);
  }

  snapshot(): StartSnapshot {
    return {
      coldStartsMs: this.#starts.map(({ ms }) => ms),
      coldStartsAt: this.#starts.map(({ at }) => at),
      coldStartsSeen: this.#seen,
    };
  }

  /** A start without a time counts as an old one. */
  restore({ coldStartsMs, coldStartsAt = [], coldStartsSeen }: StartSnapshot): void {
    this.#starts = coldStartsMs.map((ms, i) => ({ ms, at: coldStartsAt[i] ?? 0 }));
    this.#seen = coldStartsSeen ?? this.#starts.length;
    this.#settle(this.#configuredMs, -Infinity);
  }

  #settle(configuredMs: number, now: number): void {
    this.#configuredMs = configuredMs;
    this.#changesAt = Infinity;
    const sorted = [...this.#starts].sort((a, b) => a.ms - b.ms);
    const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
    if (!p95) {
      this.#ms = configuredMs;
      return;
    }
    this.#ms = p95.ms;
    // What was configured stands for a second start where only one was measured.
    const nextMs = sorted.length > 1 ? (sorted.at(-2)?.ms ?? 0) : configuredMs;
    const mostMs = UNCONFIRMED_TIMES * nextMs;
    if (!(this.#ms > mostMs)) return;
    const countsUntil = p95.at + UNCONFIRMED_MS;
    if (now < countsUntil) this.#changesAt = countsUntil;
    else this.#ms = mostMs;
  }
}
