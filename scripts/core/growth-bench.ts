/**
 * The processor time of a call in the dispatcher (its submission, its place in the queue, its grant,
 * its end) while one thing grows at a time: calls that wait, for one endpoint or for eight with prefix
 * caches, those with deadlines, applications, API keys, runs in flight, calls of a run. Part of
 * `npm run bench:core`.
 */

import type { DispatchEvent } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { PolicyName } from '../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../src/core/runs/call-request.ts';
import { MAX_LINKS, type PrefixLink } from '../../src/core/runs/prefix.ts';
import { meanUs } from './processor-time.ts';

/** What grows, and the values that it is measured at. */
export const DIMENSIONS = {
  waiting: [10, 100, 1_000, 10_000],
  'waiting, 8 endpoints': [10, 100, 1_000, 10_000],
  'waiting, deadlines': [10, 100, 1_000, 10_000],
  applications: [1, 10, 100, 1_000],
  keys: [1, 10, 100, 1_000],
  'runs in flight': [10, 100, 1_000, 10_000],
  'calls a run': [10, 100, 1_000],
} as const satisfies Record<string, readonly number[]>;

export type Dimension = keyof typeof DIMENSIONS;

export interface GrowthPoint {
  readonly policy: PolicyName;
  readonly dimension: Dimension;
  readonly value: number;
  readonly us: number;
}

const BASE: Record<Dimension, number> = {
  waiting: 64,
  'waiting, 8 endpoints': 0,
  'waiting, deadlines': 0,
  applications: 10,
  keys: 1,
  'runs in flight': 10,
  'calls a run': 0,
};
const SLOTS = 8;
/** Longest wait for a run to be complete, ms, of runs with deadlines. */
const DEADLINE_MS = 600_000;
const SESSIONS = 200;
const LONG_RUNS = 32;
/** The least of several rounds is what another load of the machine disturbs least. */
const ROUNDS = 5;
/**
 * Calls of a round. A forecast of waits is made every 20 to 400 calls and takes some ms: the least of
 * rounds of 30 ms was one without a forecast.
 */
const ROUND_CALLS = 1_600;
/** In the first ones what the budget of forecasts has saved is spent. */
const WARM_UP_CALLS = 2_000;
/** Past the first runs of an application, each of which ranks its waiting runs anew. */
const RUNS_LEARNED = 12;

/**
 * Processor time of a call at each size, us: the least of several rounds, in which the sizes take
 * turns, so that what disturbs one of them disturbs the others as well.
 */
export function callCosts(policy: PolicyName, dimension: Dimension): number[] {
  const worlds = DIMENSIONS[dimension].map((value) => {
    const sizes = { ...BASE, [dimension]: value };
    if (dimension.startsWith('waiting')) sizes.waiting = value;
    // All keys have calls that wait.
    if (dimension === 'keys') sizes.waiting = 2 * Math.max(...DIMENSIONS.keys);
    const world = new GrowthWorld(policy, sizes);
    world.during(WARM_UP_CALLS);
    return world;
  });
  const least = worlds.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, world] of worlds.entries()) {
      least[i] = Math.min(least[i] ?? Infinity, world.during(ROUND_CALLS));
    }
  }
  return least;
}

class GrowthWorld {
  readonly #dispatcher: Dispatcher;
  readonly #sizes: Record<Dimension, number>;
  /** Runs of many calls that have none in flight; empty where each call is a run by itself. */
  readonly #free: string[] = [];
  readonly #running: Array<{ callId: string; runId: string }> = [];
  readonly #runs = new Map<string, string>();
  #now = 0;
  #calls = 0;

  constructor(policy: PolicyName, sizes: Record<Dimension, number>) {
    this.#sizes = sizes;
    const endpoints = sizes['waiting, 8 endpoints'] > 0 ? 8 : 1;
    this.#dispatcher = new Dispatcher(configOf(policy, endpoints), { random: seededRandom(1) }, 0);
    this.#learn();
    for (let i = 0; i < sizes['runs in flight']; i += 1) this.#submit(`open${i}`, 'other', false);
    if (sizes['calls a run'] > 0) this.#makeLongRuns();
    for (let i = 0; i < SLOTS + sizes.waiting; i += 1) this.#next();
  }

  /** Makes at least so many calls; returns the processor time of one, us. */
  during(calls: number): number {
    return meanUs(() => this.#cycle(), 0, calls);
  }

  #cycle(): void {
    this.#now += 1;
    const call = this.#dispatcher.call(this.#next());
    if (call) this.#dispatcher.place(call, this.#now);
    const first = this.#running.shift();
    if (first) this.#end(first);
  }

  #next(): string {
    const run = this.#free.shift();
    return this.#submit(run ?? `r${this.#calls}`, 'llm', run === undefined);
  }

  #end({ callId, runId }: { callId: string; runId: string }): void {
    const result = {
      outcome: 'ok' as const,
      endpointFault: false,
      cold: false,
      inputTokens: 300,
      outputTokens: 100,
      serviceMs: 2_030,
    };
    this.#runs.delete(callId);
    this.#step({ type: 'ended', callId, result });
    if (this.#sizes['calls a run'] > 0) this.#free.push(runId);
  }

  #submit(runId: string, backend: string, final: boolean): string {
    this.#calls += 1;
    const callId = `c${this.#calls}`;
    const number = Number(runId.replace(/\D/g, ''));
    const call: CallRequest = {
      callId,
      runId,
      app: `app${number % this.#sizes.applications}`,
      ...(this.#sizes.keys > 1 ? { keyId: `key${number % this.#sizes.keys}` } : {}),
      ...(this.#sizes['waiting, deadlines'] > 0 && number % 2 === 0
        ? { deadlineAt: this.#now + (DEADLINE_MS * (1 + (number % 7))) / 7 }
        : {}),
      ...(this.#sizes['waiting, 8 endpoints'] > 0 ? { prefix: prefixOf(number) } : {}),
      unit: 'unit',
      backend,
      kind: 'llm',
      inputTokens: (this.#sizes['waiting, 8 endpoints'] > 0 ? 40_000 : 300) + (this.#calls % 200),
      arrivedAt: this.#now,
      final,
    };
    if (backend === 'llm') this.#runs.set(callId, runId);
    this.#step({ type: 'submitted', call });
    return callId;
  }

  #step(event: DispatchEvent): void {
    for (const effect of this.#dispatcher.step([event], this.#now)) {
      const runId = effect.type === 'granted' ? this.#runs.get(effect.callId) : undefined;
      if (effect.type === 'granted' && runId) this.#running.push({ callId: effect.callId, runId });
    }
  }

  #makeLongRuns(): void {
    for (let i = 0; i < LONG_RUNS; i += 1) {
      const runId = `long${i}`;
      for (let made = 0; made < this.#sizes['calls a run']; made += 1) {
        const callId = this.#submit(runId, 'llm', false);
        this.#running.length = 0;
        this.#end({ callId, runId });
        this.#free.length = 0;
      }
    }
    this.#free.push(...Array.from({ length: LONG_RUNS }, (_, i) => `long${i}`));
  }

  #learn(): void {
    for (let i = 0; i < this.#sizes.applications * RUNS_LEARNED; i += 1) {
      const calls = [{ input_tokens: 300, output_tokens: 50 + (i % 100) }];
      const units = [{ unit: 'unit', backend: 'llm', calls }];
      const app = `app${i % this.#sizes.applications}`;
      this.#dispatcher.models.learn(
        { run: `h${i}`, app, arrival_ms: 0, units },
        0,
        this.#dispatcher.speeds,
      );
    }
  }
}

/** Long conversations, with as many cuts as a chain has. */
const PREFIXES = Array.from({ length: SESSIONS }, (_, session) =>
  Array.from(
    { length: MAX_LINKS },
    (_link, i): PrefixLink => ({
      id: i < 2 ? `tools${i}` : `s${session}-${i}`,
      tokens: (i + 1) * 2_500,
    }),
  ),
);

/** The prefix of a call of one of 200 sessions; each call brings its own. */
export function prefixOf(n: number): PrefixLink[] {
  return [...(PREFIXES[n % SESSIONS] ?? [])];
}

function configOf(policy: PolicyName, endpoints: number): DispatcherConfig {
  const backend = {
    queueDepth: 1e9,
    maxWaitMs: 1e12,
    maxWaitColdMs: 1e12,
    whileCold: 'hold' as const,
    speed: { inputMs: 0.1, outputMs: 20 },
    prewarm: { mode: 'off' as const, theta: 0.25 },
  };
  return {
    policy,
    alpha: 0.5,
    weights: {},
    leaseMs: 1e12,
    runSilenceMs: 1e9,
    backends: {
      llm: {
        ...backend,
        endpoints: Array.from({ length: endpoints }, (_, i) => ({
          id: `e${i}`,
          slots: SLOTS / endpoints,
        })),
      },
      other: { ...backend, endpoints: [{ id: 'o', slots: 1_000_000 }] },
    },
  };
}
