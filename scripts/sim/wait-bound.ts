/**
 * How close told waits can be at best where runs that come later go first: at moments of a trace the
 * arrivals from then on are drawn anew several times, and everything before stays as it was. Who is
 * told knows the length of each call that is there, and the law of the arrivals, but not the arrivals
 * themselves: of the waits that come so, the best number to tell is the one near most of them.
 */
import type { Random } from '../../src/core/learning/random.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { Cluster } from './cluster.ts';
import type { Observer, SimOptions } from './sim-options.ts';
import { Simulation } from './simulator.ts';

/** Waits from here on are compared, and as close as this counts: as in told-waits.ts. */
const LEAST_MS = 500;
const CLOSE = 0.3;
/** The queue before a moment has so long to build up, and waits after it to end, ms. */
const BEFORE_MS = 900_000;
const AFTER_MS = 600_000;
/** A call that has joined the queue so shortly before a moment counts as joining, ms. */
const JOINING_MS = 20_000;

/** Share of waits that the best number would be close to. */
export interface WaitBound {
  readonly waits: number;
  readonly close: number;
}

export interface BoundOptions {
  readonly moments: number;
  /** Draws of the arrivals at each moment. */
  readonly draws: number;
  readonly random: Random;
}

/** The bounds of calls that join the queue, and of all that wait. */
export function waitBound(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  options: SimOptions,
  { moments, draws, random }: BoundOptions,
): { joining: WaitBound; waiting: WaitBound } {
  const end = trace.at(-1)?.arrival_ms ?? 0;
  const sums = { joining: { waits: 0, close: 0 }, waiting: { waits: 0, close: 0 } };
  for (let n = 1; n <= moments; n += 1) {
    const at = BEFORE_MS + ((end - BEFORE_MS) * n) / (moments + 1);
    const waits = new Map<string, { since: number; ms: number[] }>();
    for (let draw = 0; draw < draws; draw += 1) {
      for (const [id, { since, ms }] of waitsAt(drawn(trace, at, random), cluster, options, at)) {
        const known = waits.get(id) ?? { since, ms: [] };
        known.ms.push(ms);
        waits.set(id, known);
      }
    }
    for (const { since, ms } of waits.values()) {
      add(sums.waiting, ms);
      if (at - since <= JOINING_MS) add(sums.joining, ms);
    }
  }
  return { joining: shareOf(sums.joining), waiting: shareOf(sums.waiting) };
}

/** The runs around a moment, those after it drawn from all, in a Poisson process of the same rate. */
function drawn(trace: readonly RecordedRun[], at: number, random: Random): RecordedRun[] {
  const from = at - BEFORE_MS;
  const before = trace.filter(({ arrival_ms }) => arrival_ms >= from && arrival_ms < at);
  const gapMs = BEFORE_MS / Math.max(1, before.length);
  const after: RecordedRun[] = [];
  for (let next = at; ; ) {
    next += -gapMs * Math.log(1 - random());
    const body = trace[Math.floor(random() * trace.length)];
    if (next > at + AFTER_MS || !body) break;
    after.push({ ...body, run: `drawn-${after.length}`, arrival_ms: next });
  }
  return [...before, ...after].map((run) => ({ ...run, arrival_ms: run.arrival_ms - from }));
}

/** Of each call that waits at the moment: since when, and for how long from then on, ms. */
function waitsAt(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  options: SimOptions,
  moment: number,
): Map<string, { since: number; ms: number }> {
  const since = new Map<string, number>();
  const waits = new Map<string, { since: number; ms: number }>();
  const shift = moment - BEFORE_MS;
  const observe: Observer = (now, events, effects) => {
    if (now < BEFORE_MS) {
      for (const event of events) {
        if (event.type === 'submitted') since.set(event.call.callId, now + shift);
      }
    }
    for (const effect of effects) {
      if (effect.type !== 'granted') continue;
      const joined = since.get(effect.callId);
      since.delete(effect.callId);
      if (joined === undefined || now < BEFORE_MS) continue;
      waits.set(effect.callId, { since: joined, ms: now - BEFORE_MS });
    }
  };
  new Simulation(trace, cluster, { ...options, observe }).run();
  return waits;
}

/** Counts the waits that count, and those near the number that is near most of them. */
function add(sum: { waits: number; close: number }, ms: readonly number[]): void {
  const sorted = ms.filter((one) => one > LEAST_MS).sort((a, b) => a - b);
  let best = 0;
  for (const [i, low] of sorted.entries()) {
    // Told as low * (1 + CLOSE), it is close to all waits from low to this.
    const high = (low * (1 + CLOSE)) / (1 - CLOSE);
    const after = sorted.findIndex((one) => one > high);
    best = Math.max(best, (after === -1 ? sorted.length : after) - i);
  }
  sum.waits += sorted.length;
  sum.close += best;
}

function shareOf({ waits, close }: { waits: number; close: number }): WaitBound {
  return { waits, close: waits > 0 ? close / waits : Number.NaN };
}
