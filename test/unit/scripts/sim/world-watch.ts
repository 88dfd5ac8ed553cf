/**
 * Runs a world of a platform (scripts/sim/platform-world.ts) and records what its platform and the
 * dispatcher did, for the properties in platform-world.test.ts.
 */
import type { Platform, PlatformStart } from '../../../../scripts/sim/platform.ts';
import { PlatformEndpoint } from '../../../../scripts/sim/platform-endpoint.ts';
import { BACKEND, type PlatformWorld } from '../../../../scripts/sim/platform-world.ts';
import { ENDPOINT } from '../../../../scripts/sim/sim-endpoint.ts';
import { type SimOptions, type SimResult, Simulation } from '../../../../scripts/sim/simulator.ts';
import type { WakeCause, WakeOutcome } from '../../../../src/core/backends/endpoint-state.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { type DailyField, emptyCounts } from '../../../../src/core/prewarm/daily-accounts.ts';

/** A Monday, 00:00 UTC. */
export const EPOCH_MS = Date.UTC(2027, 0, 4);
const STARTS_KEPT = 25;

/** What was learned when a start from cold had been seen to its end. */
export interface LearnedStart {
  /** The lengths of the last starts, this one last, ms. */
  readonly lengthsMs: readonly number[];
  /** Starts seen so far. */
  readonly count: number;
  readonly learnedMs: number;
}

/** A call from its first submission to its service, ms. */
export interface ServedCall {
  readonly submittedAt: number;
  /** When the platform would have been ready for a request of that time. */
  readonly readyBy: number;
  readonly servedFrom: number;
}

export interface WatchOptions extends Partial<SimOptions> {
  /** How long time goes on after the last arrival, ms. */
  readonly quietMs: number;
}

export class WorldWatch {
  readonly result: SimResult;
  get platform(): Platform {
    return platformOf(this.#simulation);
  }

  /** Times of wakes ahead of need, ms. */
  readonly pingsAt: number[] = [];
  readonly grantsAt: number[] = [];
  readonly wakes: Record<WakeCause, number> = {
    demand: 0,
    prewarm: 0,
    'keep-warm': 0,
    operator: 0,
  };
  /** Of wakes ahead of need. */
  readonly outcomes: Record<WakeOutcome, number> = { used: 0, late: 0, wasted: 0, failed: 0 };
  readonly starts: LearnedStart[] = [];
  /** Wakes that were ordered while an earlier one was neither answered nor out of patience. */
  doubled = 0;
  /** The accounts of all days together. */
  readonly books: Record<DailyField, number> = { ...emptyCounts() };
  /** The accounts by UTC day. */
  readonly pingMsByDay = new Map<string, number>();
  /** Calls that were served. */
  readonly served: ServedCall[] = [];
  /** Time that it was loading or warm, ms. */
  readonly upMs: number;
  readonly untilMs: number;
  readonly #simulation: Simulation;
  readonly #serviceMs: ReadonlyMap<string, number>;
  readonly #runs = new Map<string, { submittedAt: number; readyBy: number }>();
  readonly #runOfCall = new Map<string, string>();
  #seen = 0;
  #awaitedUntil = -Infinity;
  #lastStepAt = 0;

  constructor(world: PlatformWorld, { quietMs, ...fields }: WatchOptions) {
    this.untilMs = world.lastArrivalMs + quietMs;
    this.#serviceMs = new Map(
      world.trace.map(({ run, units }) => {
        const call = units.find((u) => u.backend === BACKEND)?.calls[0];
        return [run, call && 'service_ms' in call ? call.service_ms : 0];
      }),
    );
    this.#simulation = new Simulation(world.trace, world.cluster, {
      policy: 'gittins',
      alpha: 0.5,
      theta: world.theta,
      seed: 1,
      history: [],
      prewarm: 'talaria',
      epochMs: EPOCH_MS,
      downMs: 2 * 3_600_000,
      untilMs: this.untilMs,
      ...fields,
      observe: (at, events, effects) => {
        this.#lastStepAt = at;
        if (events.some((e) => e.type === 'wake-answered')) this.#awaitedUntil = -Infinity;
        for (const effect of effects) this.#note(effect, at);
        this.#noteStarts(events, at);
        for (const event of events) this.#noteCall(event, at);
      },
    });
    this.result = this.#simulation.run();
    // Where calls wait for longer, time goes on, and so do the books.
    this.upMs = this.platform.upMsUntil(Math.max(this.untilMs, this.#lastStepAt));
    this.#closeBooks();
  }

  /** Completion less arrival, by run, ms; NaN where it was given up. */
  get tookMs(): number[] {
    return this.result.runs.map((r) => r.completedMs - r.run.arrival_ms);
  }

  /** When the last run was completed, or arrived, ms. */
  get trafficEndsMs(): number {
    return this.result.runs.reduce(
      (last, { run, completedMs }) => Math.max(last, run.arrival_ms, completedMs || 0),
      0,
    );
  }

  /** Time that it was loading or warm between two times, ms. */
  upBetween(from: number, until: number): number {
    let ms = 0;
    for (const { at, coldAt } of this.platform.starts) {
      ms += Math.max(0, Math.min(coldAt, until) - Math.max(at, from));
    }
    return ms;
  }

  #note(effect: Effect, at: number): void {
    if (effect.type === 'granted' && effect.backend === BACKEND) this.grantsAt.push(at);
    if (effect.type === 'wake') {
      // Times of the dispatcher are epoch times, whose fractions are rounded.
      if (at < this.#awaitedUntil - 1) this.doubled += 1;
      this.#awaitedUntil = at + effect.patienceMs;
      this.wakes[effect.wake.cause] += 1;
      if (effect.wake.cause !== 'demand') this.pingsAt.push(at);
    }
    if (effect.type === 'wake-settled' && effect.wake.cause !== 'demand') {
      // A chain of pings is used or wasted as a whole.
      this.outcomes[effect.outcome] += effect.wake.pings ?? 1;
    }
  }

  #noteCall(event: DispatchEvent, at: number): void {
    if (event.type === 'submitted' && event.call.backend === BACKEND) {
      const { callId, runId } = event.call;
      this.#runOfCall.set(callId, runId);
      if (this.#runs.has(runId)) return;
      this.#runs.set(runId, { submittedAt: at, readyBy: this.platform.readyIfAsked(at) });
    }
    if (event.type !== 'ended' || event.result.outcome !== 'ok') return;
    const runId = this.#runOfCall.get(event.callId) ?? '';
    const run = this.#runs.get(runId);
    if (run) this.served.push({ ...run, servedFrom: at - (this.#serviceMs.get(runId) ?? 0) });
  }

  /** A start counts as seen when a wake was answered after it. */
  #noteStarts(events: readonly DispatchEvent[], at: number): void {
    if (!events.some((e) => e.type === 'wake-answered' && e.ok)) return;
    const ended = this.platform.starts.filter((s, i) => i >= this.#seen && s.readyAt <= at);
    if (ended.length === 0) return;
    this.#seen += ended.length;
    const endpoint = this.#simulation.dispatcher.backends.get(BACKEND)?.endpoints.get(ENDPOINT);
    this.starts.push({
      lengthsMs: this.platform.starts.slice(0, this.#seen).slice(-STARTS_KEPT).map(lengthOf),
      count: this.#seen,
      learnedMs: endpoint?.coldStartMs ?? Number.NaN,
    });
  }

  #closeBooks(): void {
    const { storage, dispatcher } = this.#simulation;
    for (const { backend, day, counts } of [...storage.days, ...dispatcher.accounts.daily.take()]) {
      if (backend !== BACKEND) continue;
      this.pingMsByDay.set(day, (this.pingMsByDay.get(day) ?? 0) + counts.pingMs);
      for (const field of Object.keys(counts) as DailyField[]) this.books[field] += counts[field];
    }
  }
}

function lengthOf({ at, readyAt }: PlatformStart): number {
  return readyAt - at;
}

function platformOf(simulation: Simulation): Platform {
  const endpoint = simulation.endpoints.get(BACKEND)?.get(ENDPOINT);
  if (endpoint instanceof PlatformEndpoint) return endpoint.platform;
  throw new Error('the world has no platform');
}
