/**
 * The learned idle timeout of one endpoint: how long it stays warm without calls, as a bracket of
 * what was found. Warm after some idle time: the timeout is longer than that. Cold after some idle
 * time: it is shorter. What a wake or a call has found is decided in start-watch.ts.
 *
 * Findings contradict each other, since a crash and an eviction look like a timeout, and another
 * client's call like a longer one; a timeout can also change. So the bracket is where the findings
 * contradict least, a finding that is contradicted loses weight, and the configured value gives way
 * only to two findings that agree.
 */

import {
  added,
  against,
  type Bracket,
  contradicted,
  type Finding,
  isSame,
  leastContradicted,
  MOST_WEIGHT,
  weightNear,
} from './idle-findings.ts';

/** A shorter idle time teaches nothing, ms. */
const LEAST_IDLE_MS = 2_000;
/** Weight of the configured value. */
const CONFIGURED_WEIGHT = 1.5;
/** Findings that confirm one another weigh at least this much. */
const CONFIRMED_WEIGHT = 1.8;

/** One finding lengthens the timeout at most by this factor: a ping's cost is reserved by it. */
export const MOST_GROWTH = 2;
/** Within this factor the bracket is narrow enough: its middle is off by at most 1.5. */
const NARROW = 2.25;
/** The timeout where only one end of the bracket is known, as a share of that end. */
const SHARE_OF_COLD = 0.65;
const TIMES_WARM = 1.25;

/** Pings that keep an endpoint warm are never closer than this, ms, unless configured otherwise. */
export const LEAST_PING_MS = 6_000;
/** Share of the timeout after which an idle endpoint is pinged. */
const PING_SHARE = 0.8;
/** An idle time that is this share of another one has as good as reached it. */
const NEARLY = 0.9;
/** Share of the timeout after which it is pinged to find out whether the timeout is longer. */
const LAST_SHARE = 0.97;
/** Where it was warm to the end, the timeout is assumed to be longer by this factor. */
const LATER = 1.4;
/** How much later each ping is after one that found the endpoint cold far too early. */
const CLIMB = 4;
/** How far beyond an unconfirmed cold finding a ping goes to confirm it. */
const BEYOND = 1.1;
const LATEST_PING_MS = 6 * 3_600_000;

export interface IdleSnapshot {
  /** Pairs of an idle time, ms, and a weight. */
  readonly warm: ReadonlyArray<readonly [number, number]>;
  readonly cold: ReadonlyArray<readonly [number, number]>;
  readonly observations: number;
  readonly lastAt?: number;
  /** True where a wake was measured. */
  readonly probed?: boolean;
}

export class LearnedIdle {
  #warm: Finding[] = [];
  #cold: Finding[] = [];
  #bracket: Bracket = { warmMs: 0, coldMs: Infinity, cost: 0 };
  #observations = 0;
  #lastAt: number | undefined;
  /** Nothing is tried out before a wake was measured: who cannot measure learns nothing by it. */
  #isProbed = false;
  /** The timeout for a configured one. */
  #ms = Number.NaN;
  #configuredMs = Number.NaN;
  /** True where one more finding would lengthen it further. */
  #isGrowing = false;

  /** The timeout in use, ms. */
  ms(configuredMs: number): number {
    if (configuredMs !== this.#configuredMs) {
      this.#configuredMs = configuredMs;
      this.#ms = this.#mostLikelyMs(configuredMs);
    }
    return this.#ms;
  }

  /**
   * Idle time after which a ping keeps the endpoint warm, ms; Infinity where pings would have to be
   * too close. It is also how the bracket gets narrower: later than before while nothing was found
   * cold, earlier after that.
   */
  pingAfterMs(configuredMs: number, leastMs = LEAST_PING_MS): number {
    if (!this.#isProbed) return this.ms(configuredMs) * PING_SHARE;
    const ms = this.#probeAfterMs(configuredMs, leastMs);
    if (ms < leastMs) return Infinity;
    return Math.min(ms, Math.max(LATEST_PING_MS, configuredMs * PING_SHARE));
  }

  get observations(): number {
    return this.#observations;
  }

  /** When something was last found, epoch ms. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  /** Longest idle time after which it was found warm, and shortest after which cold, ms. */
  get bounds(): { readonly warmMs?: number; readonly coldMs?: number } {
    const { warmMs, coldMs } = this.#bracket;
    return {
      ...(warmMs > 0 ? { warmMs } : {}),
      ...(coldMs < Infinity ? { coldMs } : {}),
    };
  }

  /** The endpoint was cold after `idleMs` without calls. `probed`: a wake's answer told so. */
  wasCold(idleMs: number, now: number, probed = false): void {
    if (!(idleMs >= LEAST_IDLE_MS)) return;
    this.#cold = added(this.#cold, idleMs, 'longest');
    this.#warm = contradicted(this.#warm, (ms) => ms >= idleMs);
    this.#found(now, probed);
  }

  /** The endpoint was still warm after `idleMs` without calls. */
  wasWarm(idleMs: number, now: number, probed = false): void {
    if (!(idleMs >= LEAST_IDLE_MS)) return;
    // Nearly every call of a quiet endpoint says what is known well already.
    const isKnown =
      !this.#isGrowing && this.#warm.some((f) => isSame(f, idleMs) && f.weight >= MOST_WEIGHT);
    if (isKnown && (this.#isProbed || !probed) && !this.#cold.some(({ ms }) => ms <= idleMs)) {
      this.#observations += 1;
      this.#lastAt = now;
      return;
    }
    this.#warm = added(this.#warm, idleMs, 'shortest');
    this.#cold = contradicted(this.#cold, (ms) => ms <= idleMs);
    this.#found(now, probed);
  }

  clockWentBack(now: number): void {
    if (this.#lastAt !== undefined) this.#lastAt = Math.min(this.#lastAt, now);
  }

  /** Undefined before anything was found. */
  /** The findings that are remembered, the shortest idle time first. */
  get samples(): ReadonlyArray<{ readonly ms: number; readonly found: 'warm' | 'cold' }> {
    const found = (findings: readonly Finding[], what: 'warm' | 'cold') =>
      findings.map(({ ms }) => ({ ms, found: what }));
    return [...found(this.#warm, 'warm'), ...found(this.#cold, 'cold')].sort((a, b) => a.ms - b.ms);
  }

  snapshot(): IdleSnapshot | undefined {
    if (this.#observations === 0) return undefined;
    const pairs = (findings: readonly Finding[]) =>
      findings.map(({ ms, weight }) => [ms, weight] as const);
    return {
      warm: pairs(this.#warm),
      cold: pairs(this.#cold),
      observations: this.#observations,
      ...(this.#lastAt === undefined ? {} : { lastAt: this.#lastAt }),
      ...(this.#isProbed ? { probed: true } : {}),
    };
  }

  restore({ warm, cold, observations, lastAt, probed = false }: IdleSnapshot): void {
    const findings = (pairs: IdleSnapshot['warm']) => pairs.map(([ms, weight]) => ({ ms, weight }));
    this.#warm = findings(warm);
    this.#cold = findings(cold);
    this.#observations = observations;
    this.#lastAt = lastAt;
    this.#isProbed = probed;
    this.#bracket = leastContradicted(this.#warm, this.#cold);
    this.#configuredMs = Number.NaN;
  }

  /**
   * Restores what an earlier version had learned: a single number, which counts as one finding,
   * since it could be as wrong as a single one.
   */
  restoreNumber(learnedMs: number, configuredMs: number): void {
    if (learnedMs < configuredMs) this.#cold = added([], learnedMs, 'longest');
    else this.#warm = added([], learnedMs, 'shortest');
    this.#observations = 1;
    this.#bracket = leastContradicted(this.#warm, this.#cold);
    this.#configuredMs = Number.NaN;
  }

  #found(now: number, probed: boolean): void {
    this.#observations += 1;
    this.#lastAt = now;
    this.#isProbed ||= probed;
    this.#bracket = leastContradicted(this.#warm, this.#cold);
    if (Number.isNaN(this.#configuredMs)) return;
    const [ms, mostMs] = [this.#mostLikelyMs(this.#configuredMs), MOST_GROWTH * this.#ms];
    this.#ms = Math.min(ms, mostMs);
    this.#isGrowing = ms > mostMs;
  }

  /** The timeout that the findings and the configured value speak for, or more if it may be longer. */
  #mostLikelyMs(configuredMs: number): number {
    const ms = this.#supportedMs(configuredMs);
    return this.#isOpen(ms) ? Math.max(ms, LATER * this.#confirmedWarmMs) : ms;
  }

  #supportedMs(configuredMs: number): number {
    const { warmMs, coldMs, cost } = this.#bracket;
    if (against(configuredMs, this.#warm, this.#cold) - cost < CONFIGURED_WEIGHT)
      return configuredMs;
    // Longer than configured is longer by what was found; shorter, as little as was found.
    if (warmMs > configuredMs && coldMs > NARROW * warmMs) return warmMs * TIMES_WARM;
    return Math.max(Math.sqrt(warmMs * coldMs), SHARE_OF_COLD * coldMs);
  }

  /** True where it was warm for as good as `ms`, and nothing speaks for a timeout about that long. */
  #isOpen(ms: number): boolean {
    const warmMs = this.#confirmedWarmMs;
    return this.#isProbed && warmMs >= NEARLY * ms && this.#bracket.coldMs > NARROW * warmMs;
  }

  /** Idle time after which more than one finding was warm, ms; 0 for none. */
  get #confirmedWarmMs(): number {
    let weight = 0;
    for (let i = this.#warm.length - 1; i >= 0; i -= 1) {
      const finding = this.#warm[i];
      if (!finding || finding.ms > this.#bracket.warmMs) continue;
      weight += finding.weight;
      if (weight >= CONFIRMED_WEIGHT) return finding.ms;
    }
    return 0;
  }

  /** Idle time of the next ping that also tells most; below `leastMs` where none is worth it. */
  #probeAfterMs(configuredMs: number, leastMs: number): number {
    if (this.#bracket.coldMs < configuredMs) return this.#climbAfterMs(leastMs);
    const ms = this.ms(configuredMs);
    // Towards the end of the timeout while nothing speaks for its being that short.
    return ms * (this.#isOpen(ms * PING_SHARE) ? LAST_SHARE : PING_SHARE);
  }

  /** It was found cold sooner than configured: from the shortest interval up. */
  #climbAfterMs(leastMs: number): number {
    const { warmMs, coldMs } = this.#bracket;
    const firstMs = leastMs * BEYOND;
    if (coldMs <= firstMs) return 0;
    if (warmMs < leastMs) return firstMs;
    const middleMs = PING_SHARE * Math.sqrt(warmMs * coldMs);
    if (warmMs < middleMs * NEARLY) return Math.min(warmMs * CLIMB, middleMs);
    const isConfirmed = weightNear(this.#cold, coldMs) >= CONFIRMED_WEIGHT;
    return isConfirmed ? NEARLY * Math.sqrt(warmMs * coldMs) : coldMs * BEYOND;
  }
}
