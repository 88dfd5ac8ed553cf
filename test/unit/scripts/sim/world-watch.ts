/**
 * Runs a world of a platform (scripts/sim/platform-world.ts) and records what its platform and the
 * dispatcher did, for the properties in platform-world.test.ts.
 */
import type { Platform } from '../../../../scripts/sim/platform.ts';
import { PlatformEndpoint } from '../../../../scripts/sim/platform-endpoint.ts';
import { BACKEND, type PlatformWorld } from '../../../../scripts/sim/platform-world.ts';
import {
  type Observer,
  type SimOptions,
  type SimResult,
  Simulation,
} from '../../../../scripts/sim/simulator.ts';
import type { WakeCause, WakeOutcome } from '../../../../src/core/backends/endpoint-state.ts';
import { emptyCounts } from '../../../../src/core/prewarm/daily-accounts.ts';

/** A Monday, 00:00 UTC. */
export const EPOCH_MS = Date.UTC(2027, 0, 4);

export interface LearnedStart {
  /** Starts from cold that were seen to their end. */
  readonly seen: readonly number[];
  readonly learnedMs: number;
}

export interface Watched {
  readonly result: SimResult;
  readonly platform: Platform;
  /** Times of wakes ahead of need, ms. */
  readonly pingsAt: readonly number[];
  readonly wakes: Readonly<Record<WakeCause, number>>;
  readonly outcomes: Readonly<Record<WakeOutcome, number>>;
  /** The most wakes that were ordered and not answered, settled or given up. */
  readonly starts: readonly LearnedStart[];
  readonly grantsAt: readonly number[];
  readonly books: ReturnType<typeof emptyCounts>;
  readonly warmAtEnd: number;
  /** Completion less arrival, by run, ms; NaN where it was given up. */
  readonly tookMs: readonly number[];
}

export function watch(world: PlatformWorld, more: Partial<SimOptions> & { quietMs: number }): Watched {
  const { quietMs, ...fields } = more;
  const untilMs = world.lastArrivalMs + quietMs;
  const pingsAt: number[] = [];
  const grantsAt: number[] = [];
  const starts: LearnedStart[] = [];
  const seen: number[] = [];
  const wakes = { demand: 0, prewarm: 0, 'keep-warm': 0 };
  const outcomes = { used: 0, late: 0, wasted: 0, failed: 0 };
  const books = emptyCounts() as Record<string, number>;
  let counted = 0;
  const observe: Observer = (at, events, effects) => {
    for (const effect of effects) {
      if (effect.type === 'granted' && effect.backend === BACKEND) grantsAt.push(at);
      if (effect.type === 'wake') {
        wakes[effect.wake.cause] += 1;
        if (effect.wake.cause !== 'demand') pingsAt.push(at);
      }
      if (effect.type === 'wake-settled' && effect.wake.cause !== 'demand') outcomes[effect.outcome] += 1;
    }
    const answered = events.some((e) => e.type === 'wake-answered' && e.ok);
    const last = endpoint.platform.starts[counted];
    if (!answered || !last || last.readyAt > at) return;
    for (; counted < endpoint.platform.starts.length; counted += 1) {
      const start = endpoint.platform.starts[counted];
      if (!start || start.readyAt > at) break;
      seen.push(start.readyAt - start.at);
    }
    const learned = simulation.dispatcher.backends.get(BACKEND)?.endpoints.get('endpoint');
    starts.push({ seen: [...seen.slice(-25)], learnedMs: learned?.coldStartMs ?? Number.NaN });
  };
  const simulation = new Simulation(world.trace, world.cluster, {
    policy: 'gittins',
    alpha: 0.5,
    theta: world.theta,
    seed: 1,
    history: [],
    prewarm: 'talaria',
    epochMs: EPOCH_MS,
    downMs: 2 * 3_600_000,
    untilMs,
    ...fields,
    observe,
  });
  const endpoint = simulation.endpoints.get(BACKEND);
  if (!(endpoint instanceof PlatformEndpoint)) throw new Error('the world has no platform');
  const result = simulation.run();
  simulation.dispatcher.step([], EPOCH_MS + untilMs);
  for (const { backend, counts } of simulation.dispatcher.accounts.daily.take()) {
    if (backend !== BACKEND) continue;
    for (const [field, value] of Object.entries(counts)) books[field] = (books[field] ?? 0) + value;
  }
  return {
    result,
    platform: endpoint.platform,
    pingsAt,
    wakes,
    outcomes,
    starts,
    grantsAt,
    books: books as Watched['books'],
    warmAtEnd: result.warmMs.get(BACKEND) ?? Number.NaN,
    tookMs: result.runs.map((r) => r.completedMs - r.run.arrival_ms),
  };
}
