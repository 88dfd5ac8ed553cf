/**
 * A discrete-event simulation of recorded runs on a cluster. All decisions are made by the
 * dispatcher of src/core, the same code as in production; the simulation drives it. Clients submit
 * calls in clients.ts; endpoints serve them, wake and go cold in sim-endpoint.ts and
 * platform-endpoint.ts.
 */

import type { DispatchEvent, Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher, type DispatcherOptions } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { PromptNames } from '../gpu/prompt.ts';
import { Clients } from './clients.ts';
import { EventHeap } from './event-heap.ts';
import { FirstTokens } from './first-tokens.ts';
import { ForecastSampler } from './forecast-sampler.ts';
import { ObjectStorage } from './object-storage.ts';
import { type Needs, wakeTimes } from './oracle.ts';
import { PlatformEndpoint } from './platform-endpoint.ts';
import { SimPrefixTexts } from './prefix-texts.ts';
import type { Cluster } from './sim-backend.ts';
import {
  type EndpointWorld,
  endpointsOf,
  PlainEndpoint,
  type SimCall,
  type SimEndpoint,
} from './sim-endpoint.ts';
import type { Observer, SimOptions, SimResult } from './sim-options.ts';
import { configOf, ruleOf } from './simulated-config.ts';
import { srpt } from './srpt.ts';

import { withCachedTokens } from './told-history.ts';

export * from './sim-options.ts';

/** Period of the cron, whose forecast comes where a backend has a platform, ms. */
const CRON_MS = 60_000;
/** Time in which no call is served after which a platform counts as down for good, ms. */
const DOWN_MS = 86_400_000;

export function simulate(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  options: SimOptions,
): SimResult {
  if (options.prewarm !== 'oracle') return new Simulation(trace, cluster, options).run();
  const needs = needsOf(trace, cluster, options);
  return new Simulation(trace, cluster, options, needs).run();
}

/** The times at which each backend is used if nothing is ever cold. */
function needsOf(trace: readonly RecordedRun[], cluster: Cluster, options: SimOptions): Needs {
  const warm = new Map(
    [...cluster].map(([name, { coldStartMs: _, idleTimeoutMs: __, platform: ___, ...rest }]) => [
      name,
      rest,
    ]),
  );
  const needs = new Map<string, number[]>();
  const observe: Observer = (at, _events, effects) => {
    for (const effect of effects) {
      if (effect.type !== 'granted') continue;
      const times = needs.get(effect.backend);
      if (times) times.push(at);
      else needs.set(effect.backend, [at]);
    }
  };
  new Simulation(trace, warm, { ...options, prewarm: 'off', observe }).run();
  return needs;
}

/** Share of the last arrival from which on the figures of a steady state count. */
const STEADY_SHARE = 0.2;

/** One simulation; `simulate` runs it. Checks look at its endpoints and dispatcher while it runs. */
export class Simulation {
  /** By backend and id. */
  readonly endpoints: ReadonlyMap<string, ReadonlyMap<string, SimEndpoint>>;
  /** What is stored of the dispatcher where it is restarted. */
  readonly storage = new ObjectStorage();
  readonly #trace: readonly RecordedRun[];
  readonly #cluster: Cluster;
  readonly #options: SimOptions;
  readonly #heap = new EventHeap();
  readonly #clients: Clients;
  readonly #config: DispatcherConfig;
  readonly #dispatcherOptions: DispatcherOptions;
  #dispatcher: Dispatcher;
  /** Backends that were sent calls, in the order of their first ones. */
  readonly #used = new Set<string>();
  readonly #firstTokens = new FirstTokens();
  readonly #texts = new SimPrefixTexts();
  #prefixReads = 0;
  /** Time that calls were held back although a slot was free, ms. */
  #heldMs = 0;
  #pending: DispatchEvent[] = [];
  /** Calls whose attempt failed in this step: the dispatcher tries again, or their client does. */
  #failed: string[] = [];
  #now = 0;
  /** Difference between the dispatcher's clock and the simulation's, ms. */
  #skewMs: number;
  /** Warm time and pings at `untilMs`. */
  #measured: Pick<SimResult, 'warmMs' | 'pings'> | undefined;
  readonly #samples: ForecastSampler;

  constructor(
    trace: readonly RecordedRun[],
    cluster: Cluster,
    options: SimOptions,
    needs: Needs = new Map(),
  ) {
    this.#trace = trace;
    this.#cluster = cluster;
    this.#options = options;
    this.#skewMs = options.epochMs ?? 0;
    const world = this.#world();
    const endpoints = new Map<string, ReadonlyMap<string, SimEndpoint>>();
    this.endpoints = endpoints;
    this.#clients = new Clients(trace, cluster, {
      ...world,
      needed: (backend) => this.#samples.needed(backend, this.#now),
      submitted: (call) => {
        for (const endpoint of this.#endpointsOf(call.backend)) endpoint.submitted(call);
      },
    });
    this.#config = configOf(cluster, options);
    this.#dispatcherOptions = {
      random: seededRandom(options.seed),
      ...(options.policy === 'srpt' ? { policy: srpt((id) => this.#clients.remainingMs(id)) } : {}),
      ...ruleOf(options, needs),
      ...(options.isLike ? { isLike: options.isLike } : {}),
    };
    this.#dispatcher = new Dispatcher(this.#config, this.#dispatcherOptions, this.#wallMs);
    for (const run of withCachedTokens(options.history, cluster)) {
      this.#dispatcher.models.learn(run, this.#wallMs, this.#dispatcher.speeds);
    }
    this.#samples = new ForecastSampler(cluster, (backend, withinMs, at) =>
      this.#dispatcher.needProbability(backend, withinMs, at),
    );
    const names = new PromptNames();
    for (const [name, backend] of cluster) {
      const { platform } = backend;
      const ofBackend = endpointsOf(backend).map(({ id }) => {
        const place = { backend: name, id, model: backend, names };
        const endpoint = platform
          ? new PlatformEndpoint(place, platform, world)
          : new PlainEndpoint(place, world);
        return [id, endpoint] as const;
      });
      endpoints.set(name, new Map(ofBackend));
      for (const at of wakeTimes(needs.get(name) ?? [], backend.coldStartMs ?? 0)) {
        this.#heap.add(at, 'ping', () => this.#pending.push({ type: 'forecast', aheadMs: 0 }));
      }
    }
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  run(): SimResult {
    this.#clients.arrive();
    const { untilMs, downMs = DOWN_MS } = this.#options;
    const lastMs = this.#trace.at(-1)?.arrival_ms ?? 0;
    const hasPlatform = [...this.#cluster.values()].some((b) => b.platform);
    this.#schedule(lastMs, hasPlatform);
    for (let at = this.#nextAt(); Number.isFinite(at); at = this.#nextAt()) {
      // Calls would wait for ever: their runs are not completed.
      const aliveUntil = Math.max(this.#clients.servedAt, lastMs, untilMs ?? 0) + downMs;
      if (hasPlatform && at > aliveUntil) break;
      this.#now = at;
      while (this.#heap.nextAt <= at) this.#heap.pop()?.act();
      this.#step();
    }
    const coldWaits = [...this.#used].map(
      (name) => [name, this.#endpointsOf(name).reduce((sum, e) => sum + e.coldWaitMs, 0)] as const,
    );
    return {
      runs: this.#trace.map((run) => ({
        run,
        completedMs: this.#clients.completedMs(run.run),
      })),
      coldStarts: this.#sum('coldStarts'),
      coldWaitMs: coldWaits.reduce((sum, [, ms]) => sum + ms, 0),
      coldWaitByBackend: new Map(coldWaits),
      ...(this.#measured ?? { warmMs: this.#warmMsUntil(), pings: this.#sum('pings') }),
      forecasts: this.#samples.samples(lastMs),
      prefix: this.#firstTokens.figures(),
      afterStarts: this.#firstTokens.afterStarts,
      prefixReads: this.#prefixReads,
      steady: this.#firstTokens.figures({ fromMs: lastMs * STEADY_SHARE, untilMs: lastMs }),
      heldMs: this.#heldMs,
    };
  }

  /** What comes by time alone. */
  #schedule(lastMs: number, hasPlatform: boolean): void {
    const { forecastEveryMs, untilMs, clockLeaps = [], restarts = [] } = this.#options;
    for (let at = 0; forecastEveryMs && at < lastMs; at += forecastEveryMs) {
      this.#heap.add(at, 'ping', () => this.#samples.ask(at));
    }
    if (hasPlatform) this.#cronAt(CRON_MS);
    if (untilMs !== undefined) {
      this.#heap.add(untilMs, 'ping', () => {
        this.#measured = { warmMs: this.#warmMsUntil(untilMs), pings: this.#sum('pings') };
      });
    }
    for (const { atMs, byMs } of clockLeaps) {
      this.#heap.add(atMs, 'end', () => {
        this.#skewMs += byMs;
      });
    }
    for (const { atMs, lostMs } of restarts) {
      this.#heap.add(Math.max(0, atMs - lostMs), 'ping', () =>
        this.storage.save(this.#dispatcher, this.#wallMs),
      );
      this.#heap.add(atMs, 'end', () => this.#restart());
    }
  }

  #step(): void {
    const events = this.#pending;
    const failed = this.#failed;
    this.#pending = [];
    this.#failed = [];
    const effects = this.#dispatcher.step(events, this.#wallMs);
    this.#options.observe?.(this.#now, events, effects);
    if (this.#options.restarts) this.storage.observe(effects, this.#wallMs);
    for (const effect of effects) this.#do(effect);
    for (const callId of failed) if (!this.#dispatcher.call(callId)) this.#clients.told(callId);
  }

  /** The time of the next event, or of the dispatcher's own next step while there is one. */
  #nextAt(): number {
    const world = this.#heap.nextAt;
    if (!Number.isFinite(world)) return world;
    const dueAt = this.#dispatcher.dueAt(this.#wallMs) - this.#skewMs;
    return Math.min(world, Math.max(this.#now, dueAt));
  }

  /** The time by the dispatcher's clock, ms. */
  get #wallMs(): number {
    return this.#now + this.#skewMs;
  }

  #cronAt(at: number): void {
    this.#heap.add(at, 'ping', () => {
      this.#pending.push({ type: 'forecast', aheadMs: CRON_MS });
      const goesOn = this.#clients.unfinished > 0 || at < (this.#options.untilMs ?? 0);
      if (goesOn) this.#cronAt(at + CRON_MS);
    });
  }

  /** The dispatcher's process dies and a new one begins; wakes in progress report to nobody. */
  #restart(): void {
    const { dispatcher, waiting, reads } = this.storage.restart(
      this.#dispatcher,
      this.#clients.callIds,
      this.#config,
      this.#dispatcherOptions,
      this.#wallMs,
    );
    this.#dispatcher = dispatcher;
    for (const name of this.endpoints.keys()) {
      for (const endpoint of this.#endpointsOf(name)) endpoint.restarted();
    }
    for (const call of waiting) this.#pending.push({ type: 'submitted', call });
    for (const { inMs, event } of reads) {
      // Another restart begins the reading anew.
      this.#heap.add(this.#now + inMs, 'end', () => {
        if (this.#dispatcher === dispatcher) this.#pending.push(event);
      });
    }
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'granted': {
        const call = this.#clients.call(effect.callId);
        const endpoint = this.#endpointOf(effect);
        if (!call || !endpoint) return;
        this.#used.add(effect.backend);
        this.#heldMs += effect.heldMs ?? 0;
        this.#keepPrefix(effect, call);
        return endpoint.serve(effect.callId, call);
      }
      case 'refused':
        return this.#clients.told(effect.callId, effect.retryAfterMs);
      case 'release':
        return this.#endpointOf(effect)?.release();
      case 'prefix-read': {
        const record = this.#texts.take(effect.backend, effect.link);
        this.#prefixReads += 1;
        return record && this.#endpointOf(effect)?.readAhead(effect, record);
      }
      case 'wake':
        return effect.dryRun ? undefined : this.#endpointOf(effect)?.wake(effect);
      default:
        return;
    }
  }

  /** What the Worker would hand on of the call's prompt. */
  #keepPrefix({ callId, backend, keepPrefix }: Granted, { record }: SimCall): void {
    if (keepPrefix === undefined) return;
    const chain = this.#dispatcher.call(callId)?.request.prefix ?? [];
    this.#texts.keep(backend, chain, keepPrefix, record);
    this.#pending.push({ type: 'prefixes-kept', prefixes: this.#texts.kept });
  }

  #endpointOf({ backend, endpoint }: { backend: string; endpoint: string }) {
    return this.endpoints.get(backend)?.get(endpoint);
  }

  #endpointsOf(backend: string): SimEndpoint[] {
    return [...(this.endpoints.get(backend)?.values() ?? [])];
  }

  #world(): EndpointWorld {
    return {
      now: () => this.#now,
      wallMs: () => this.#wallMs,
      at: (time, kind, act) => this.#heap.add(time, kind, act),
      tell: (event) => this.#pending.push(event),
      read: (...read) => this.#firstTokens.read(...read),
      ended: (callId, result, again, isLast) => this.#ended(callId, result, again, isLast),
    };
  }

  #ended(callId: string, result: CallResult, again: boolean, isLast = !again): void {
    this.#pending.push({ type: 'ended', callId, result, ...(again ? { again } : {}) });
    if (result.outcome === 'ok') return this.#clients.served(callId);
    this.#clients.attemptFailed(callId, isLast);
    this.#failed.push(callId);
  }

  #sum(field: 'coldStarts' | 'pings'): number {
    let sum = 0;
    for (const name of this.endpoints.keys()) {
      for (const endpoint of this.#endpointsOf(name)) sum += endpoint[field];
    }
    return sum;
  }

  /** By backend, up to a time; without one, until each endpoint has gone cold after its last call. */
  #warmMsUntil(untilMs?: number): Map<string, number> {
    return new Map(
      [...this.#cluster]
        .filter(([, b]) => b.coldStartMs !== undefined)
        .map(([name, b]) => {
          const idleMs = (b.platform ?? b).idleTimeoutMs ?? 0;
          const endMs = this.#now + (b.platform && !Number.isFinite(idleMs) ? 0 : idleMs);
          const ofBackend = this.#endpointsOf(name);
          return [name, ofBackend.reduce((sum, e) => sum + e.warmMsUntil(untilMs ?? endMs), 0)];
        }),
    );
  }
}
