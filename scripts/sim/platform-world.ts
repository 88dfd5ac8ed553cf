/**
 * A world drawn at random: a platform that behaves as platforms do (platform.ts), what the
 * dispatcher is told of it, and traffic that starts, stops, doubles and sleeps. A world is a
 * function of knobs from 0 to 1, where 0 is the plain case, so a failing one can be shrunk.
 */
import { seededRandom } from '../../src/core/learning/random.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { Cluster } from './cluster.ts';
import {
  LOADING_ANSWERS,
  type PlatformCapacity,
  type PlatformSettings,
  type Span,
} from './platform.ts';

export const KNOBS = [
  'estimate',
  'startRatio',
  'startKind',
  'configuredIdle',
  'idleKind',
  'idle',
  'loading',
  'flaps',
  'evictions',
  'pause',
  'early',
  'capacity',
  'slots',
  'service',
  'theta',
  'hours',
  'rate',
  'pattern',
  'change',
  'sleep',
  'ahead',
  'budget',
  'seed',
] as const;
export type Knobs = Readonly<Record<(typeof KNOBS)[number], number>>;

export interface PlatformWorld {
  readonly trace: readonly RecordedRun[];
  readonly cluster: Cluster;
  readonly theta: number;
  readonly platform: PlatformSettings;
  /** Which starts it has: a constant length or one that changes. */
  readonly startKind: (typeof START_KINDS)[number];
  readonly configuredIdleMs: number;
  readonly estimateMs: number;
  /** When the last run arrives, ms. */
  readonly lastArrivalMs: number;
}

export const BACKEND = 'llm';
/** A service that is always warm, by which some runs begin. */
const FRONT = 'front';
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const START_KINDS = [
  'constant',
  'slow-first',
  'heavy-tail',
  'rising',
  'falling',
  'outlier',
] as const;
const PATTERNS = ['random', 'regular', 'bursts'] as const;
const CHANGES = ['none', 'doubles', 'halves', 'stops and restarts'] as const;
const STARTS_DRAWN = 200;
const LONGEST_USUAL_START_MS = 300 * SECOND_MS;

/** The knobs of a random world. */
export function drawnKnobs(random: () => number): Knobs {
  return Object.fromEntries(KNOBS.map((knob) => [knob, random()])) as Knobs;
}

/** `mostHours`: how long the traffic lasts at most. */
export function worldOf(knobs: Knobs, mostHours: number): PlatformWorld {
  const random = seededRandom(1 + Math.floor(knobs.seed * 1e9));
  const estimateMs = logarithmic(knobs.estimate, 5 * SECOND_MS, 300 * SECOND_MS);
  const configuredIdleMs = logarithmic(knobs.configuredIdle, 15 * SECOND_MS, HOUR_MS);
  const startKind = pick(START_KINDS, knobs.startKind);
  const trace = traceOf(knobs, mostHours, random);
  const lastArrivalMs = trace.at(-1)?.arrival_ms ?? 0;
  const platform: PlatformSettings = {
    idleTimeoutMs: idleOf(knobs, configuredIdleMs),
    coldStartsMs: startsOf(
      startKind,
      estimateMs * logarithmic(knobs.startRatio, 1, 8) ** (knobs.seed < 0.5 ? 1 : -1),
      random,
    ),
    whileLoading: pick(LOADING_ANSWERS, knobs.loading),
    ...(knobs.flaps < 0.75 ? {} : { flaps: spansOf(3, 5 * 60_000, lastArrivalMs, random) }),
    ...(knobs.pause < 0.92 ? {} : { pauses: spansOf(1, HOUR_MS, lastArrivalMs, random) }),
    ...(knobs.evictions < 0.75 ? {} : { evictionsMs: timesOf(4, lastArrivalMs, random) }),
    ...(knobs.early < 0.85 ? {} : { earlyMs: 20 * SECOND_MS * random() }),
    ...capacityOf(knobs),
  };
  const slots = pick([null, 8, 2, 1], knobs.slots);
  const model = { measuresTokens: false, prefillMsPerToken: 0, decodeMsPerToken: 0 };
  const times = { coldStartMs: estimateMs, idleTimeoutMs: configuredIdleMs };
  const cluster: Cluster = new Map([
    [BACKEND, { ...model, slots, ...times, platform }],
    [FRONT, { ...model, slots: null }],
  ]);
  const theta = logarithmic(knobs.theta, 0.25, 0.8) * (knobs.theta > 0.9 ? 0.05 : 1);
  return {
    trace,
    cluster,
    theta,
    platform,
    startKind,
    configuredIdleMs,
    estimateMs,
    lastArrivalMs,
  };
}

function idleOf({ idleKind, idle }: Knobs, configuredMs: number): number {
  if (idleKind < 0.3) return configuredMs;
  if (idleKind > 0.95) return Infinity;
  return logarithmic(idle, 5 * SECOND_MS, HOUR_MS);
}

function startsOf(
  kind: (typeof START_KINDS)[number],
  usualMs: number,
  random: () => number,
): readonly number[] {
  const ms = Math.min(Math.max(SECOND_MS, usualMs), LONGEST_USUAL_START_MS);
  switch (kind) {
    case 'constant':
      return [ms];
    case 'slow-first':
      return [ms * (2 + 3 * random()), ms];
    case 'outlier': {
      const at = 3 + Math.floor(12 * random());
      return Array.from(
        { length: STARTS_DRAWN },
        (_, i) => ms * (i === at ? 5 : 0.9 + 0.2 * random()),
      );
    }
    case 'rising':
    case 'falling': {
      const factor = kind === 'rising' ? 1.05 : 1 / 1.05;
      return Array.from({ length: STARTS_DRAWN }, (_, i) => ms * factor ** Math.min(i, 28));
    }
    case 'heavy-tail':
      // Log-normal: the 95th percentile is four times the median.
      return Array.from({ length: STARTS_DRAWN }, () => ms * Math.exp(0.84 * gaussian(random)));
    default:
      return kind satisfies never;
  }
}

function capacityOf({ capacity }: Knobs): { capacity?: PlatformCapacity } {
  if (capacity < 0.8) return {};
  const beyond = capacity < 0.9 ? 'queue' : 'refuse';
  return {
    capacity: { slotsOfWorker: 2, mostWorkers: 4, workerEveryMs: 20 * SECOND_MS, beyond },
  };
}

function traceOf(knobs: Knobs, mostHours: number, random: () => number): RecordedRun[] {
  const hours = Math.max(0.5, mostHours * (0.3 + 0.7 * knobs.hours));
  const perHour = logarithmic(knobs.rate, 60, 400) / (knobs.rate > 0.5 ? 40 : 1);
  const pattern = pick(PATTERNS, knobs.pattern);
  const change = pick(CHANGES, knobs.change);
  const serviceMs = logarithmic(knobs.service, 0.2 * SECOND_MS, 20 * SECOND_MS);
  const runs: RecordedRun[] = [];
  for (let at = 0; at < hours * HOUR_MS; ) {
    const meanGapMs = HOUR_MS / perHour;
    at += gapMs(pattern, runs.length, meanGapMs, random);
    const factor = factorAt(change, at / (hours * HOUR_MS)) * (sleeps(knobs.sleep, at) ? 0 : 1);
    // Thinned from twice the rate; a factor of 2 keeps all.
    if (random() >= factor / 2) continue;
    runs.push(runOf(runs.length, at, serviceMs * -Math.log(1 - random()), knobs, random));
    if (factor === 2) runs.push(runOf(runs.length, at, serviceMs, knobs, random));
  }
  return runs.length > 0 ? runs : [runOf(0, 0, serviceMs, knobs, random)];
}

function runOf(
  i: number,
  atMs: number,
  serviceMs: number,
  { ahead }: Knobs,
  random: () => number,
): RecordedRun {
  const call = { unit: 'answer', backend: BACKEND, calls: [{ service_ms: Math.round(serviceMs) }] };
  const announced = {
    unit: 'front',
    backend: FRONT,
    calls: [{ service_ms: Math.round(60_000 * ahead * random()) }],
  };
  const units = ahead < 0.6 ? [call] : [announced, call];
  return { run: `r${i}`, app: 'app', arrival_ms: Math.round(atMs), units };
}

function gapMs(
  pattern: (typeof PATTERNS)[number],
  i: number,
  meanMs: number,
  random: () => number,
): number {
  if (pattern === 'regular') return meanMs / 2;
  const exponential = -Math.log(1 - random());
  if (pattern === 'random') return (meanMs / 2) * exponential;
  return i % 12 === 0 ? meanMs * 6 * exponential * 0.9 : meanMs * 0.05 * exponential;
}

function factorAt(change: (typeof CHANGES)[number], share: number): number {
  if (change === 'none') return 1;
  if (change === 'doubles') return share < 0.5 ? 1 : 2;
  if (change === 'halves') return share < 0.5 ? 1 : 0.5;
  return share > 0.4 && share < 0.7 ? 0 : 1;
}

/** At night, and at weekends: outside of ten hours on five of seven days. */
function sleeps(knob: number, atMs: number): boolean {
  if (knob < 0.6) return false;
  const hour = (atMs / HOUR_MS) % 24;
  const day = Math.floor(atMs / (24 * HOUR_MS)) % 7;
  return hour >= 10 || (knob > 0.8 && day >= 5);
}

function spansOf(most: number, longestMs: number, endMs: number, random: () => number): Span[] {
  return timesOf(most, endMs, random).map((at) => [at, at + longestMs * random() + 1]);
}

function timesOf(most: number, endMs: number, random: () => number): number[] {
  const count = 1 + Math.floor(most * random());
  return Array.from({ length: count }, () => endMs * random()).sort((a, b) => a - b);
}

function logarithmic(knob: number, from: number, to: number): number {
  return from * (to / from) ** knob;
}

function pick<T>(values: readonly T[], knob: number): T {
  return values[Math.min(values.length - 1, Math.floor(knob * values.length))] as T;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
