/**
 * What is learned of one endpoint that scales to zero: how long a start takes and how long it stays
 * warm without calls. Its state is in endpoint.ts; the learners are learned-start.ts and
 * learned-idle.ts, and what a wake or a call teaches is decided in start-watch.ts.
 */
import type { CallResult } from '../runs/call-result.ts';
import type { ColdStartSpec, EndpointLearningSnapshot } from './endpoint-state.ts';
import { LearnedIdle, MOST_GROWTH } from './learned-idle.ts';
import { LearnedStart } from './learned-start.ts';
import { atOnceMs, type Known, type Lesson, StartWatch, type WakeTimes } from './start-watch.ts';
import { UsualWait } from './usual-wait.ts';

/** A wake without an answer is given up after this many cold starts, but not before the minimum. */
const PATIENCE_COLD_STARTS = 4;
/** It is waited for longer than the longest start, and than the same start was waited for before. */
const PATIENCE_TIMES = 2;
const LEAST_PATIENCE_MS = 60_000;
const LONGEST_PATIENCE_MS = 1_800_000;
/** A call to a warm endpoint that is held for less time than this found no cold start, ms. */
const LEAST_HELD_MS = 5_000;
const HELD_SHARE = 0.5;

/** One observation; when it was made, epoch ms, where that is kept. */
export interface LearnedSample {
  readonly ms: number;
  readonly at?: number;
  /** Of an idle timeout: what the endpoint was after so long. */
  readonly found?: 'warm' | 'cold';
}

/** A learned time, from how many observations and when, beside the configured one. */
export interface LearnedTime {
  readonly ms: number;
  readonly configuredMs: number;
  readonly observations: number;
  /** When it was last observed, epoch ms; absent before that. */
  readonly lastAt?: number;
  /** The observations that are remembered, the newest last where that is known. */
  readonly samples: readonly LearnedSample[];
}

export interface Learned {
  readonly coldStart: LearnedTime;
  readonly idleTimeout: LearnedTime & {
    /** Longest idle time after which it was found warm, and shortest after which cold, ms. */
    readonly warmAfterMs?: number;
    readonly coldAfterMs?: number;
  };
}

export class EndpointLearning {
  readonly watch = new StartWatch();
  readonly #spec: () => ColdStartSpec | undefined;
  readonly #start = new LearnedStart();
  readonly #idle = new LearnedIdle();
  readonly #wait = new UsualWait();
  /** True where the platform was seen to hold a request until it was ready: it loses none. */
  #holds = false;

  /** `spec`: the present specification; undefined where the endpoint never goes cold. */
  constructor(spec: () => ColdStartSpec | undefined) {
    this.#spec = spec;
  }

  /** Expected time of a cold start, ms; 0 where the endpoint never goes cold and never did. */
  get coldStartMs(): number {
    return this.#start.ms(this.#spec()?.estimateMs ?? 0);
  }

  /**
   * How long before a need a wake begins, ms: so that it is late as often as pays, where a second of
   * warm time costs `theta` and a second of a wait the rest. A start takes longer with that probability.
   */
  leadMs(theta: number): number {
    return this.#start.quantileMs(1 - theta, this.#spec()?.estimateMs ?? 0);
  }

  /** Mean time of a cold start, ms. */
  get meanStartMs(): number {
    return this.#start.meanMs(this.#spec()?.estimateMs ?? 0);
  }

  /** Idle time after which the endpoint goes cold, ms; Infinity where it never does. */
  get idleTimeoutMs(): number {
    const configuredMs = this.#spec()?.idleTimeoutMs;
    return configuredMs === undefined ? Infinity : this.#idle.ms(configuredMs);
  }

  /** Idle time after which a ping keeps it warm, ms; Infinity where pings cannot or need not. */
  get pingAfterMs(): number {
    const spec = this.#spec();
    return spec ? this.#idle.pingAfterMs(spec.idleTimeoutMs, spec.leastPingMs) : Infinity;
  }

  /** Time after which the next wake without an answer is given up, ms. */
  get patienceMs(): number {
    const { coldStartMs } = this;
    const waitedMs = Math.max(this.#start.longestMs, this.watch.waitedMs);
    const ms = Math.max(PATIENCE_COLD_STARTS * coldStartMs, PATIENCE_TIMES * waitedMs);
    return Math.min(
      Math.max(LEAST_PATIENCE_MS, ms),
      Math.max(LONGEST_PATIENCE_MS, 2 * coldStartMs),
    );
  }

  /** The same of the last wake, if that is not over, or of the next. */
  get wakePatienceMs(): number {
    const { start } = this.watch;
    return start && start.endedAt === undefined ? start.patienceMs : this.patienceMs;
  }

  /** Until when the answer of the last wake is awaited, epoch ms; -Infinity where none is. */
  get awaitedUntil(): number {
    const { start } = this.watch;
    return start && start.endedAt === undefined ? start.at + start.patienceMs : -Infinity;
  }

  /** Longest time that a wake ahead of need can keep the endpoint up without calls, ms. */
  get longestPingMs(): number {
    return this.patienceMs + MOST_GROWTH * this.idleTimeoutMs;
  }

  /** Undefined where the endpoint never goes cold. */
  get learned(): Learned | undefined {
    const spec = this.#spec();
    if (!spec) return undefined;
    const { warmMs, coldMs } = this.#idle.bounds;
    return {
      coldStart: timeOf(this.coldStartMs, spec.estimateMs, this.#start),
      idleTimeout: {
        ...timeOf(this.idleTimeoutMs, spec.idleTimeoutMs, this.#idle),
        ...(warmMs === undefined ? {} : { warmAfterMs: warmMs }),
        ...(coldMs === undefined ? {} : { coldAfterMs: coldMs }),
      },
    };
  }

  /** The newest wake was answered; tells what was learned by that. */
  answered(times: WakeTimes, now: number): Lesson {
    this.#holds ||= times.wasHeld ?? false;
    const unnoticedMs = this.#unnoticedMs(times);
    const lesson = this.watch.answered({ ...times, unnoticedMs }, this.#known);
    this.#learn(lesson, now, true);
    return lesson;
  }

  /** The newest wake was given up, or failed. */
  gaveUp(times: WakeTimes, now: number): void {
    this.watch.giveUp(now, this.#unnoticedMs(times));
  }

  /** A platform that holds requests was not ready as long as one got no answer. */
  #unnoticedMs({ unnoticedMs = 0, unansweredMs = unnoticedMs }: WakeTimes): number {
    return this.#holds ? unansweredMs : unnoticedMs;
  }

  /** A call was served that was sent at `sentAt`, when the endpoint was waking. */
  heldCall(result: CallResult, sentAt: number, now: number): void {
    const { start } = this.watch;
    const heldMs = this.#wait.heldMs(result);
    if (!start || sentAt < start.at || heldMs === undefined) return this.watch.drop();
    this.#learn(this.watch.held(sentAt - start.at, heldMs, this.#known), now, false);
  }

  /** A call was served by an endpoint that counted as warm, the first after `idleMs`, if given. */
  servedCall(result: CallResult, idleMs: number | undefined, now: number): void {
    if (idleMs === undefined || !this.#spec()) return this.#wait.observe(result);
    const heldMs = this.#wait.heldMs(result);
    if (heldMs === undefined) return;
    const { coldStartMs } = this.#known;
    if (heldMs < atOnceMs(coldStartMs)) this.#idle.wasWarm(idleMs, now);
    const isHeld = heldMs >= Math.max(LEAST_HELD_MS, HELD_SHARE * coldStartMs);
    if (!isHeld || !this.#wait.isKnown(result)) return;
    this.#learn({ startMs: heldMs, coldAfterMs: idleMs }, now, false);
  }

  elapse(now: number): void {
    this.#start.elapse(now);
  }

  clockWentBack(now: number): void {
    this.#start.clockWentBack(now);
    this.#idle.clockWentBack(now);
    this.watch.clockWentBack(now);
  }

  snapshot(): EndpointLearningSnapshot {
    const idle = this.#idle.snapshot();
    const { idleTimeoutMs } = this;
    const { start } = this.watch;
    return {
      ...this.#start.snapshot(),
      // Earlier versions read the number alone.
      ...(idle && Number.isFinite(idleTimeoutMs) ? { idle, idleTimeoutMs } : {}),
      ...(start ? { start } : {}),
      ...(this.#holds ? { holds: true } : {}),
    };
  }

  restore(from: EndpointLearningSnapshot): void {
    this.#start.restore(from);
    this.watch.restore(from.start);
    this.#holds = from.holds ?? false;
    const configuredMs = this.#spec()?.idleTimeoutMs;
    if (from.idle) this.#idle.restore(from.idle);
    else if (from.idleTimeoutMs !== undefined && configuredMs !== undefined) {
      this.#idle.restoreNumber(from.idleTimeoutMs, configuredMs);
    }
  }

  /** An endpoint that was learned to start at once may yet have to be told from one that is up. */
  get #known(): Known {
    const coldStartMs = Math.max(this.coldStartMs, this.#spec()?.estimateMs ?? 0);
    return { coldStartMs, idleTimeoutMs: this.idleTimeoutMs };
  }

  #learn(
    { startMs, leastStartMs = startMs, coldAfterMs, warmAfterMs }: Lesson,
    now: number,
    probed: boolean,
  ): void {
    if (startMs !== undefined) this.#start.add(startMs, now, leastStartMs);
    if (coldAfterMs !== undefined) this.#idle.wasCold(coldAfterMs, now, probed);
    if (warmAfterMs !== undefined) this.#idle.wasWarm(warmAfterMs, now, probed);
  }
}

function timeOf(
  ms: number,
  configuredMs: number,
  {
    observations,
    lastAt,
    samples,
  }: {
    readonly observations: number;
    readonly lastAt: number | undefined;
    readonly samples: readonly LearnedSample[];
  },
): LearnedTime {
  return { ms, configuredMs, observations, samples, ...(lastAt === undefined ? {} : { lastAt }) };
}
