/**
 * A discrete-event simulation of recorded runs on a cluster. All decisions are made by the
 * dispatcher of src/core, the same code as in production. The simulator does the rest: clients
 * submit calls here; endpoints serve them, wake and go cold in sim-endpoint.ts and
 * platform-endpoint.ts.
 */

import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { serviceMs } from '../gpu/service-model.ts';
import type { Cluster, SimBackend } from './cluster.ts';
import { EventHeap } from './event-heap.ts';
import { ForecastSampler } from './forecast-sampler.ts';
import { type Needs, wakeTimes } from './oracle.ts';
import { PlatformEndpoint } from './platform-endpoint.ts';
import {
  type EndpointWorld,
  PlainEndpoint,
  type SimCall,
  type SimEndpoint,
} from './sim-endpoint.ts';
import type { Observer, SimOptions, SimResult } from './sim-options.ts';
import { configOf, ruleOf } from './simulated-config.ts';
import { srpt } from './srpt.ts';

export * from './sim-options.ts';

/** Period of the cron, whose forecast comes where a backend has a platform, ms. */
const CRON_MS = 60_000;
/** Pause of a client before it sends a refused call again, ms; it doubles up to the longest. */
const CLIENT_PAUSE_MS = 500;
const LONGEST_CLIENT_PAUSE_MS = 8_000;
/** Times that a client sends a call before it gives up its run. */
const CLIENT_TRIES = 1_000;
/** Time in which no call is served after which a platform counts as down for good, ms. */
const DOWN_MS = 86_400_000;

interface Running {
  readonly run: RecordedRun;
  visit: number;
  outstanding: number;
  remainingMs: number;
  completedMs: number;
  /** Its client gave it up. */
  failed: boolean;
}

/** A call that waits or runs. */
interface Sent {
  readonly running: Running;
  readonly call: SimCall;
  /** Times that the client has sent it. */
  readonly tries: number;
  /** The answer was the client's own error, after which it does not send the call again. */
  isRejected?: boolean;
}

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

/** One simulation; `simulate` runs it. Checks look at its endpoints and dispatcher while it runs. */
export class Simulation {
  readonly endpoints: ReadonlyMap<string, SimEndpoint>;
  readonly #trace: readonly RecordedRun[];
  readonly #cluster: Cluster;
  readonly #options: SimOptions;
  readonly #heap = new EventHeap();
  #dispatcher: Dispatcher;
  readonly #running = new Map<string, Running>();
  readonly #calls = new Map<string, Sent>();
  /** Endpoints that were sent calls, in the order of their first ones. */
  readonly #used = new Map<string, SimEndpoint>();
  #pending: DispatchEvent[] = [];
  /** Calls whose attempt failed in this step: the dispatcher tries again, or their client does. */
  #refused: string[] = [];
  #now = 0;
  /** Difference between the dispatcher's clock and the simulation's, ms. */
  #skewMs: number;
  #submitted = 0;
  #unfinished: number;
  /** When a call was last served, ms. */
  #progressAt = 0;
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
    this.#unfinished = trace.length;
    this.#skewMs = options.epochMs ?? 0;
    const clairvoyant = options.policy === 'srpt';
    const policy = srpt((id) => this.#running.get(id)?.remainingMs ?? 0);
    this.#dispatcher = new Dispatcher(
      configOf(cluster, options),
      {
        random: seededRandom(options.seed),
        ...(clairvoyant ? { policy } : {}),
        ...ruleOf(options, needs),
      },
      this.#wallMs,
    );
    for (const run of options.history) {
      this.#dispatcher.models.learn(run, this.#wallMs, this.#dispatcher.speeds);
    }
    this.#samples = new ForecastSampler(cluster, (backend, withinMs, at) =>
      this.#dispatcher.needProbability(backend, withinMs, at),
    );
    const world = this.#worldOfEndpoints();
    const endpoints = new Map<string, SimEndpoint>();
    this.endpoints = endpoints;
    for (const [name, backend] of cluster) {
      const { platform } = backend;
      const endpoint = platform
        ? new PlatformEndpoint(name, platform, world)
        : new PlainEndpoint(name, backend, world);
      endpoints.set(name, endpoint);
      for (const at of wakeTimes(needs.get(name) ?? [], backend.coldStartMs ?? 0)) {
        this.#heap.add(at, 'ping', () => this.#pending.push({ type: 'forecast', aheadMs: 0 }));
      }
    }
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  run(): SimResult {
    for (const run of this.#trace) {
      const running = {
        run,
        visit: 0,
        outstanding: 0,
        remainingMs: this.#totalMs(run),
        completedMs: Number.NaN,
        failed: false,
      };
      this.#running.set(run.run, running);
      this.#heap.add(run.arrival_ms, 'arrival', () => this.#submitVisit(running));
    }
    const { forecastEveryMs, untilMs, clockLeaps = [] } = this.#options;
    for (const { atMs, byMs } of clockLeaps) {
      this.#heap.add(atMs, 'end', () => {
        this.#skewMs += byMs;
      });
    }
    const lastMs = this.#trace.at(-1)?.arrival_ms ?? 0;
    for (let at = 0; forecastEveryMs && at < lastMs; at += forecastEveryMs) {
      this.#heap.add(at, 'ping', () => this.#samples.ask(at));
    }
    if (untilMs !== undefined) {
      this.#heap.add(untilMs, 'ping', () => {
        this.#measured = { warmMs: this.#warmMsUntil(untilMs), pings: this.#sum('pings') };
      });
    }
    const hasPlatform = [...this.#cluster.values()].some((b) => b.platform);
    if (hasPlatform) this.#cronAt(CRON_MS);
    const { downMs = DOWN_MS } = this.#options;
    for (let at = this.#nextAt(); Number.isFinite(at); at = this.#nextAt()) {
      // Calls would wait for ever: their runs are not completed.
      if (hasPlatform && at > Math.max(this.#progressAt, lastMs, untilMs ?? 0) + downMs) break;
      this.#now = at;
      while (this.#heap.nextAt <= at) this.#heap.pop()?.act();
      this.#step();
    }
    const coldWaits = [...this.#used].map(([name, e]) => [name, e.coldWaitMs] as const);
    return {
      runs: this.#trace.map((run) => ({
        run,
        completedMs: this.#running.get(run.run)?.completedMs ?? Number.NaN,
      })),
      coldStarts: this.#sum('coldStarts'),
      coldWaitMs: coldWaits.reduce((sum, [, ms]) => sum + ms, 0),
      coldWaitByBackend: new Map(coldWaits),
      ...(this.#measured ?? { warmMs: this.#warmMsUntil(), pings: this.#sum('pings') }),
      forecasts: this.#samples.samples(lastMs),
    };
  }

  #step(): void {
    const events = this.#pending;
    const refused = this.#refused;
    this.#pending = [];
    this.#refused = [];
    const effects = this.#dispatcher.step(events, this.#wallMs);
    this.#options.observe?.(this.#now, events, effects);
    for (const effect of effects) this.#do(effect);
    for (const callId of refused) {
      if (!this.#dispatcher.call(callId)) this.#clientIsTold(callId, 0);
    }
  }

  /** The time of the next event, or of the dispatcher's own next step while runs are left. */
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
      if (this.#unfinished > 0 || at < (this.#options.untilMs ?? 0)) this.#cronAt(at + CRON_MS);
    });
  }

  #submitVisit(running: Running): void {
    const visit = running.run.units[running.visit];
    if (!visit) return;
    running.outstanding = visit.calls.length;
    this.#samples.needed(visit.backend, this.#now);
    for (const record of visit.calls) {
      const took = serviceMs(record, this.#backend(visit.backend));
      const call = { backend: visit.backend, record, serviceMs: took, notWarmMs: 0 };
      this.endpoints.get(visit.backend)?.submitted(call);
      this.#submit({ running, call, tries: 1 });
    }
  }

  #submit(sent: Sent): void {
    const { running, call } = sent;
    const { run } = running;
    const isService = 'service_ms' in call.record;
    this.#submitted += 1;
    const callId = `c${this.#submitted}`;
    this.#calls.set(callId, sent);
    this.#pending.push({
      type: 'submitted',
      call: {
        callId,
        runId: run.run,
        app: run.app,
        unit: run.units[running.visit]?.unit ?? '',
        backend: call.backend,
        kind: isService ? 'service' : 'llm',
        inputTokens: 'service_ms' in call.record ? 0 : call.record.input_tokens,
        arrivedAt: this.#wallMs,
        final: running.visit === run.units.length - 1,
        ...(run.deadline_ms === undefined
          ? {}
          : { deadlineAt: run.arrival_ms + this.#skewMs + run.deadline_ms }),
      },
    });
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'granted': {
        const sent = this.#calls.get(effect.callId);
        const endpoint = this.endpoints.get(effect.backend);
        if (!sent || !endpoint) return;
        this.#used.set(effect.backend, endpoint);
        return endpoint.serve(effect.callId, sent.call);
      }
      case 'refused':
        return this.#clientIsTold(effect.callId, effect.retryAfterMs);
      case 'release':
        return this.endpoints.get(effect.backend)?.release();
      case 'wake':
        return effect.dryRun ? undefined : this.endpoints.get(effect.backend)?.wake(effect);
      default:
        return;
    }
  }

  #worldOfEndpoints(): EndpointWorld {
    return {
      now: () => this.#now,
      wallMs: () => this.#wallMs,
      at: (time, kind, act) => this.#heap.add(time, kind, act),
      tell: (event) => this.#pending.push(event),
      ended: (callId, result, again) => this.#ended(callId, result, again),
    };
  }

  #ended(callId: string, result: CallResult, again: boolean): void {
    const sent = this.#calls.get(callId);
    if (!sent) return;
    this.#pending.push({ type: 'ended', callId, result, ...(again ? { again } : {}) });
    if (result.outcome !== 'ok') {
      sent.isRejected = !again;
      this.#refused.push(callId);
      return;
    }
    this.#calls.delete(callId);
    this.#progressAt = this.#now;
    const { running } = sent;
    running.remainingMs -= sent.call.serviceMs;
    running.outstanding -= 1;
    if (running.outstanding === 0 && !running.failed) this.#leaveVisit(running);
  }

  /** The client gets an error: it sends the call again after a pause, as API clients do. */
  #clientIsTold(callId: string, retryAfterMs: number): void {
    const sent = this.#calls.get(callId);
    if (!sent) return;
    this.#calls.delete(callId);
    const { running, tries } = sent;
    if (running.failed) return;
    if (sent.isRejected || tries >= CLIENT_TRIES) {
      running.failed = true;
      this.#unfinished -= 1;
      this.#heap.add(this.#now, 'end', () =>
        this.#pending.push({ type: 'run-finished', runId: running.run.run }),
      );
      return;
    }
    const pauseMs = Math.min(LONGEST_CLIENT_PAUSE_MS, CLIENT_PAUSE_MS * 2 ** (tries - 1));
    const at = this.#now + Math.max(pauseMs, retryAfterMs);
    const { call } = sent;
    this.#heap.add(at, 'arrival', () => this.#submit({ running, call, tries: tries + 1 }));
  }

  #leaveVisit(running: Running): void {
    const gapMs = running.run.units[running.visit]?.gap_ms ?? 0;
    running.visit += 1;
    if (running.visit === running.run.units.length) {
      running.completedMs = this.#now;
      this.#unfinished -= 1;
      return;
    }
    // Without a gap, the next visit is submitted together with the end of this one, before other
    // arrivals at this time.
    if (gapMs === 0) return this.#submitVisit(running);
    this.#heap.add(this.#now + gapMs, 'arrival', () => this.#submitVisit(running));
  }

  #totalMs(run: RecordedRun): number {
    let total = 0;
    for (const { backend, calls } of run.units) {
      const model = this.#backend(backend);
      for (const call of calls) total += serviceMs(call, model);
    }
    return total;
  }

  #backend(name: string): SimBackend {
    const backend = this.#cluster.get(name);
    if (!backend) throw new RangeError(`the cluster has no backend "${name}"`);
    return backend;
  }

  #sum(field: 'coldStarts' | 'pings'): number {
    let sum = 0;
    for (const endpoint of this.endpoints.values()) sum += endpoint[field];
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
          return [name, this.endpoints.get(name)?.warmMsUntil(untilMs ?? endMs) ?? 0];
        }),
    );
  }
}
