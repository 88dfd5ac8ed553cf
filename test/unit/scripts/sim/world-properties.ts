/**
 * What must be true in a world of a platform that behaves as it likes. Each property says in which
 * worlds it can be decided, and answers what is wrong, or undefined. The worlds are in
 * scripts/sim/platform-world.ts.
 */
import { BACKEND, type PlatformWorld } from '../../../../scripts/sim/platform-world.ts';
import type { WorldWatch } from './world-watch.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
/** Pauses of a wake between two requests, at most; within them a warm endpoint is not noticed. */
const LONGEST_PAUSE_MS = 5_000;
const PAUSE_SHARE = 0.03;
/** A start that is shorter cannot be told from an endpoint that is up. */
const SHORTEST_START_MS = 2 * SECOND_MS;
/** What takes longer is an outage, and teaches nothing. */
const LONGEST_START_MS = HOUR_MS / 2;

/** How much one thing may differ from another before it is wrong. */
const SLACK = {
  /** Of the time that it is up after the end: a last ping, and an estimate that is a fifth off. */
  upAfterEnd: 1.25,
  /** Of a start, as it is learned. */
  start: 2,
  /** Pings by which an idle timeout is found, and found again after the platform was taken away. */
  pingsToLearn: 45,
  /** Of a start: a request before it and the pause in which its end is not noticed, ms. */
  startMs: 6 * SECOND_MS,
  /** Of a wait, ms: what the issue grants beyond waking on demand, and one refused request. */
  waitMs: 1_100,
} as const;

/** Time for which a platform of this world may be up though nobody comes any more, ms. */
export function upAfterEndMs(world: PlatformWorld, startMs: number): number {
  const { platform, configuredIdleMs } = world;
  const idleMs = Math.max(platform.idleTimeoutMs, configuredIdleMs);
  return SLACK.upAfterEnd * Math.max(HOUR_MS + 3 * idleMs, paidMs(world, startMs));
}

/**
 * Warm time that is worth the waits which it could save, by theta = c / (c + v): those of the runs
 * that come within one start together.
 */
function paidMs({ trace, theta }: PlatformWorld, startMs: number): number {
  let crowd = 1;
  let first = 0;
  trace.forEach(({ arrival_ms }, i) => {
    while ((trace[first]?.arrival_ms ?? 0) < arrival_ms - startMs) first += 1;
    crowd = Math.max(crowd, i - first + 1);
  });
  return (startMs * crowd * (1 - theta)) / theta;
}

/** The longest start that the world may have in some hours, or that it is expected to have, ms. */
export function worstStartMs({ platform, estimateMs }: PlatformWorld): number {
  return Math.max(estimateMs, p95(platform.coldStartsMs));
}

/** The longest start that was seen, or expected, ms. */
function longestStartMs({ estimateMs }: PlatformWorld, { platform }: WorldWatch): number {
  return platform.starts.reduce(
    (most, { at, readyAt }) => Math.max(most, readyAt - at),
    estimateMs,
  );
}

/** (a) After traffic has ended, warm time ends. Not where calls still wait, or it never goes cold. */
export function warmTimeEnds(
  world: PlatformWorld,
  seen: WorldWatch,
  moreMs = 0,
): string | undefined {
  if (!Number.isFinite(world.platform.idleTimeoutMs) || failedRuns(seen) > 0) return undefined;
  const upMs = seen.upBetween(seen.trafficEndsMs, seen.untilMs);
  const mostMs = upAfterEndMs(world, longestStartMs(world, seen)) + moreMs;
  return upMs > mostMs ? `up for ${s(upMs)} after the last run, most ${s(mostMs)}` : undefined;
}

/**
 * (b) Pings are far enough apart on average. How far is not defined where it never goes cold; where it
 * answers before it is up or loses requests, its answers do not tell its idle timeout.
 */
export function pingsAreApart(world: PlatformWorld, seen: WorldWatch): string | undefined {
  const { idleTimeoutMs } = world.platform;
  if (!Number.isFinite(idleTimeoutMs)) return undefined;
  const { earlyMs, whileLoading } = world.platform;
  const isTold = earlyMs === undefined && whileLoading !== 'hang';
  const leastMs = Math.max(5 * SECOND_MS, isTold ? idleTimeoutMs / 5 : 0);
  const spanMs = (seen.pingsAt.at(-1) ?? 0) - (seen.pingsAt[0] ?? 0);
  const { evictionsMs = [], pauses = [] } = world.platform;
  const times = 1 + evictionsMs.length + pauses.length;
  const most = SLACK.pingsToLearn * times + spanMs / leastMs;
  const count = seen.pingsAt.length;
  return count > most ? `${count} pings in ${s(spanMs)}, most ${most.toFixed(0)}` : undefined;
}

/**
 * (c) After five starts the learned one is near the P95 of the last ones; a single outlier counts or
 * not. Not where the platform's answers say nothing of its start (it answers before it is up, loses
 * requests, has them wait behind others, or goes away), nor of one so short, by itself or beside the
 * estimate, that it cannot be told from a break.
 */
export function startIsLearned(world: PlatformWorld, seen: WorldWatch): string | undefined {
  const { platform, estimateMs } = world;
  if (!isPlain(world) || platform.capacity) return undefined;
  for (const { lengthsMs, count, learnedMs } of seen.starts) {
    const last = lengthsMs.slice(-20).filter((ms) => ms <= LONGEST_START_MS);
    if (last.length < 5 || Math.min(...last) < Math.max(SHORTEST_START_MS, estimateMs / 5))
      continue;
    const newest = last.slice(-5);
    const without = [...last].sort((a, b) => a - b).slice(0, -1);
    const most = 2 * Math.max(p95(last), p95(newest)) + SLACK.startMs;
    const least = Math.min(p95(without), p95(newest)) / 2 - SLACK.startMs;
    if (learnedMs <= most && learnedMs >= least) continue;
    return `learned ${s(learnedMs)} after ${count} starts, the last ${newest.map(s).join(', ')}`;
  }
  return undefined;
}

/**
 * (d) A waiting call is served as soon as waking on demand would have served it: when the platform is
 * ready for a request of the time of its submission, and a wake has noticed. Not where calls wait for
 * slots, or the platform goes away meanwhile.
 */
export function callsAreServed(
  world: PlatformWorld,
  seen: WorldWatch,
  slackMs = 0,
): string | undefined {
  const slots = world.cluster.get(BACKEND)?.slots ?? null;
  if (!isPlain(world) || world.platform.capacity || slots !== null) return undefined;
  const pauseMs = PAUSE_SHARE * longestStartMs(world, seen);
  const noticeMs = Math.min(LONGEST_PAUSE_MS, Math.max(250, pauseMs));
  for (const { submittedAt, readyBy, servedFrom } of seen.served) {
    const lateMs = servedFrom - readyBy - noticeMs - SLACK.waitMs - slackMs;
    if (lateMs > 0)
      return `a call of ${s(submittedAt)} served at ${s(servedFrom)}, not ${s(readyBy)}`;
  }
  return undefined;
}

/**
 * (e) Warm time beyond that of waking on demand is worth the waits that it saved, but for a regret:
 * the price of the warm time after the end. Not where the length of a start depends on how many there
 * were: then the worlds differ; nor where a lost call costs its client two minutes, or its owner pauses
 * it, which some calls meet and others do not.
 */
export function priceIsWorth(
  world: PlatformWorld,
  seen: WorldWatch,
  onDemand: WorldWatch,
): string | undefined {
  const hasSameStarts = world.startKind === 'constant' || world.startKind === 'slow-first';
  const { whileLoading, pauses } = world.platform;
  const isSame = hasSameStarts && whileLoading !== 'hang' && !pauses;
  if (!isSame || !Number.isFinite(world.platform.idleTimeoutMs)) return undefined;
  if (failedRuns(seen) !== failedRuns(onDemand)) return undefined;
  const regretMs = regretOf(world, seen, onDemand);
  const mostMs = world.theta * upAfterEndMs(world, longestStartMs(world, seen));
  return regretMs > mostMs ? `regret ${s(regretMs)}, most ${s(mostMs)}` : undefined;
}

/** What warm time beyond waking on demand cost, less what the waits saved are worth, in priced ms. */
export function regretOf({ theta }: PlatformWorld, seen: WorldWatch, onDemand: WorldWatch): number {
  const sum = (watch: WorldWatch) => watch.tookMs.reduce((total, ms) => total + (ms || 0), 0);
  const savedMs = sum(onDemand) - sum(seen);
  return (seen.upMs - onDemand.upMs) * theta - savedMs * (1 - theta);
}

/** (h) The books agree with what was ordered, and with the platform's own time where it is known. */
export function booksAgree(world: PlatformWorld, seen: WorldWatch): string | undefined {
  const { books, wakes, outcomes } = seen;
  const booked = [books.demandWakes, books.prewarms, books.keepWarms].join();
  const ordered = [wakes.demand, wakes.prewarm, wakes['keep-warm']].join();
  if (booked !== ordered) return `wakes booked ${booked}, ordered ${ordered}`;
  const settled = books.used + books.late + books.wasted + books.failed;
  const ended = outcomes.used + outcomes.late + outcomes.wasted + outcomes.failed;
  if (settled !== ended) return `${settled} pings settled in the books, ${ended} by effects`;
  const { platform, configuredIdleMs } = world;
  const isKnown =
    isPlain(world) && !platform.capacity && platform.idleTimeoutMs === configuredIdleMs;
  // Each time that it goes cold may be expected a third of its idle timeout too early or too late.
  const offMs = Math.abs(books.warmMs - seen.upMs);
  const mostMs =
    60 * SECOND_MS + 0.05 * seen.upMs + platform.idleTimeoutMs * 0.35 * seen.platform.starts.length;
  if (isKnown && offMs > mostMs)
    return `${s(books.warmMs)} booked, the platform says ${s(seen.upMs)}`;
  return undefined;
}

/**
 * (f) A day's pings keep the endpoint up for no longer than the budget, by the platform's own time.
 * Not where it stays warm for longer than anybody said.
 */
export function budgetHolds(
  world: PlatformWorld,
  seen: WorldWatch,
  budgetMs: number,
): string | undefined {
  const DAY_MS = 24 * HOUR_MS;
  if (world.platform.idleTimeoutMs > world.configuredIdleMs || !isPlain(world)) return undefined;
  const byDay = new Map<number, number>();
  for (const at of seen.pingsAt) {
    const start = seen.platform.starts.findLast((p) => p.at <= at);
    const nextPing = seen.pingsAt.find((p) => p > at) ?? Infinity;
    const nextCall = seen.grantsAt.find((g) => g >= at) ?? Infinity;
    const until = Math.min(nextPing, nextCall, start?.coldAt ?? at, seen.untilMs);
    const day = Math.floor(at / DAY_MS);
    byDay.set(day, (byDay.get(day) ?? 0) + Math.max(0, until - at));
  }
  for (const ms of byDay.values()) {
    if (ms > budgetMs + 10 * SECOND_MS) return `pings kept it up for ${s(ms)} of ${s(budgetMs)}`;
  }
  return undefined;
}

/**
 * No client gets an error because its endpoint loads. Not where it answers before it is up, is paused
 * by its owner, or is taken away at a time when it was known to be warm.
 */
export function nobodyFails(world: PlatformWorld, seen: WorldWatch): string | undefined {
  const failed = failedRuns(seen);
  return isPlain(world) && failed > 0
    ? `${failed} of ${seen.tookMs.length} runs failed`
    : undefined;
}

/** (g) A wake is ordered only when the one before it was answered or has run out of patience. */
export function oneWakeAtATime(seen: WorldWatch): string | undefined {
  return seen.doubled > 0 ? `${seen.doubled} wakes beside another one` : undefined;
}

export function failedRuns(seen: WorldWatch): number {
  return seen.tookMs.filter((ms) => Number.isNaN(ms)).length;
}

/** True where the platform's answers and times are its own, and nothing happens to it. */
function isPlain({ platform }: PlatformWorld): boolean {
  const { evictionsMs, pauses, flaps, earlyMs, whileLoading } = platform;
  return !evictionsMs && !pauses && !flaps && !earlyMs && whileLoading !== 'hang';
}

function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
}

function s(ms: number): string {
  return `${(ms / SECOND_MS).toFixed(1)} s`;
}
