/**
 * A discrete-event simulation of recorded runs on a cluster. All decisions are made by the
 * dispatcher of src/core, the same code as in production. The simulator does the rest: clients
 * submit calls, endpoints serve them, wake and go cold.
 */

import type { BackendSpec } from '../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { PolicyName } from '../../src/core/order/policies/registry.ts';
import { keepAliveRule, type PrewarmRule, paperRule } from '../../src/core/prewarm/prewarm-rule.ts';
import { ASSUMED_LLM_SPEED, SERVICE_SPEED } from '../../src/core/runs/demand.ts';
import type { CallRecord, RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { ColdState } from '../gpu/cold-state.ts';
import { serviceMs } from '../gpu/service-model.ts';
import type { Cluster, SimBackend } from './cluster.ts';
import { EventHeap } from './event-heap.ts';
import { type ForecastSample, ForecastSampler } from './forecast-sampler.ts';
import { type Needs, oracleRule, wakeTimes } from './oracle.ts';
import { srpt } from './srpt.ts';

export interface SimOptions {
  readonly policy: PolicyName | 'srpt';
  readonly alpha: number;
  readonly theta: number;
  readonly seed: number;
  readonly prewarm: PrewarmMode;
  readonly k?: number;
  readonly keepAliveMs?: number;
  /** Lets the dispatcher make idle backends go cold before their idle timeout. */
  readonly release?: boolean;
  /** The time in ms between forecasts of the need for each idle backend, for calibration. */
  readonly forecastEveryMs?: number;
  /** Finished runs to learn from before the first arrival. */
  readonly history: readonly RecordedRun[];
  /**
   * Called for each step with the events that the dispatcher got and the effects that it returned.
   */
  readonly observe?: Observer;
}

export type Observer = (
  atMs: number,
  events: readonly DispatchEvent[],
  effects: readonly Effect[],
) => void;

export interface SimRun {
  readonly run: RecordedRun;
  readonly completedMs: number;
}

export interface SimResult {
  /** Runs in the order of the trace. */
  readonly runs: readonly SimRun[];
  readonly coldStarts: number;
  readonly coldWaitMs: number;
  readonly coldWaitByBackend: ReadonlyMap<string, number>;
  /** By backend; only backends that can go cold. */
  readonly warmMs: ReadonlyMap<string, number>;
  readonly pings: number;
  readonly forecasts: readonly ForecastSample[];
}

/**
 * `talaria` wakes by `theta` and `paper` by `k`; `keep-alive` holds for `keepAliveMs` after a call;
 * `oracle` knows the trace.
 */
export const PREWARM_MODES = ['off', 'keep-alive', 'paper', 'talaria', 'oracle'] as const;
export type PrewarmMode = (typeof PREWARM_MODES)[number];
/** The paper's K. */
const PAPER_K = 0.5;
const KEEP_ALIVE_MS = 300_000;

/** Nothing times out in a simulation. */
const NEVER_MS = Infinity;
const ENDPOINT = 'endpoint';

interface Running {
  readonly run: RecordedRun;
  visit: number;
  outstanding: number;
  remainingMs: number;
  completedMs: number;
}

interface SimCall {
  readonly running: Running;
  readonly record: CallRecord;
  readonly backend: string;
  readonly serviceMs: number;
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
    [...cluster].map(([name, { coldStartMs: _, idleTimeoutMs: __, ...rest }]) => [name, rest]),
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

class Simulation {
  readonly #trace: readonly RecordedRun[];
  readonly #cluster: Cluster;
  readonly #options: SimOptions;
  readonly #observe: Observer | undefined;
  readonly #heap = new EventHeap();
  readonly #dispatcher: Dispatcher;
  readonly #running = new Map<string, Running>();
  readonly #calls = new Map<string, SimCall>();
  readonly #cold = new Map<string, ColdState>();
  #pending: DispatchEvent[] = [];
  #now = 0;
  #submitted = 0;
  #coldStarts = 0;
  readonly #coldWait = new Map<string, number>();
  #pings = 0;
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
    this.#observe = options.observe;
    const clairvoyant = options.policy === 'srpt';
    const policy = srpt((id) => this.#running.get(id)?.remainingMs ?? 0);
    this.#dispatcher = new Dispatcher(
      configOf(cluster, options),
      {
        random: seededRandom(options.seed),
        ...(clairvoyant ? { policy } : {}),
        ...ruleOf(options, needs),
      },
      0,
    );
    for (const run of options.history) {
      this.#dispatcher.models.learn(run, 0, this.#dispatcher.speeds);
    }
    this.#samples = new ForecastSampler(cluster, (backend, withinMs, at) =>
      this.#dispatcher.needProbability(backend, withinMs, at),
    );
    for (const [name, backend] of cluster) {
      this.#cold.set(name, coldStateOf(backend));
      for (const at of wakeTimes(needs.get(name) ?? [], backend.coldStartMs ?? 0)) {
        this.#heap.add(at, 'ping', () => this.#pending.push({ type: 'forecast', aheadMs: 0 }));
      }
    }
  }

  run(): SimResult {
    for (const run of this.#trace) {
      const running = {
        run,
        visit: 0,
        outstanding: 0,
        remainingMs: this.#totalMs(run),
        completedMs: Number.NaN,
      };
      this.#running.set(run.run, running);
      this.#heap.add(run.arrival_ms, 'arrival', () => this.#submitVisit(running));
    }
    const { forecastEveryMs } = this.#options;
    const lastMs = this.#trace.at(-1)?.arrival_ms ?? 0;
    for (let at = 0; forecastEveryMs && at < lastMs; at += forecastEveryMs) {
      this.#heap.add(at, 'ping', () => this.#samples.ask(at));
    }
    for (let at = this.#nextAt(); Number.isFinite(at); at = this.#nextAt()) {
      this.#now = at;
      while (this.#heap.nextAt <= at) this.#heap.pop()?.act();
      const events = this.#pending;
      this.#pending = [];
      const effects = this.#dispatcher.step(events, at);
      this.#observe?.(at, events, effects);
      for (const effect of effects) this.#do(effect);
    }
    return {
      runs: this.#trace.map((run) => ({
        run,
        completedMs: this.#running.get(run.run)?.completedMs ?? Number.NaN,
      })),
      coldStarts: this.#coldStarts,
      coldWaitMs: [...this.#coldWait.values()].reduce((sum, ms) => sum + ms, 0),
      coldWaitByBackend: this.#coldWait,
      warmMs: new Map(
        [...this.#cluster]
          .filter(([, b]) => b.coldStartMs !== undefined)
          // An endpoint is also paid for from its last call until it goes cold.
          .map(([name, b]) => {
            const end = this.#now + (b.idleTimeoutMs ?? 0);
            return [name, this.#cold.get(name)?.warmMsUntil(end) ?? 0];
          }),
      ),
      pings: this.#pings,
      forecasts: this.#samples.samples(lastMs),
    };
  }

  /** The time of the next event, or of the dispatcher's own next step while runs are left. */
  #nextAt(): number {
    const world = this.#heap.nextAt;
    if (!Number.isFinite(world)) return world;
    return Math.min(world, Math.max(this.#now, this.#dispatcher.dueAt(this.#now)));
  }

  #submitVisit(running: Running): void {
    const { run } = running;
    const visit = run.units[running.visit];
    if (!visit) return;
    running.outstanding = visit.calls.length;
    const final = running.visit === run.units.length - 1;
    this.#samples.needed(visit.backend, this.#now);
    for (const record of visit.calls) {
      this.#submitted += 1;
      const callId = `c${this.#submitted}`;
      const took = serviceMs(record, this.#backend(visit.backend));
      this.#calls.set(callId, { running, record, backend: visit.backend, serviceMs: took });
      this.#pending.push({
        type: 'submitted',
        call: {
          callId,
          runId: run.run,
          app: run.app,
          unit: visit.unit,
          backend: visit.backend,
          kind: 'service_ms' in record ? 'service' : 'llm',
          inputTokens: 'service_ms' in record ? 0 : record.input_tokens,
          arrivedAt: this.#now,
          final,
          ...(run.deadline_ms === undefined
            ? {}
            : { deadlineAt: run.arrival_ms + run.deadline_ms }),
        },
      });
    }
  }

  #do(effect: Effect): void {
    if (effect.type === 'granted') return this.#serve(effect);
    if (effect.type === 'release') return this.#cold.get(effect.backend)?.release(this.#now);
    if (effect.type === 'wake' && !effect.dryRun) {
      const { backend } = effect;
      this.#heap.add(this.#now, 'ping', () => this.#ping(backend));
    }
  }

  #ping(backend: string): void {
    this.#pings += 1;
    this.#tellWarm(backend, this.#cold.get(backend)?.touch(this.#now) ?? this.#now);
  }

  #serve({ callId, backend }: Granted): void {
    const call = this.#calls.get(callId);
    const cold = this.#cold.get(backend);
    if (!call || !cold) return;
    const wasCold = cold.stateAt(this.#now) === 'cold';
    const beginsAt = cold.touch(this.#now);
    this.#coldWait.set(backend, (this.#coldWait.get(backend) ?? 0) + beginsAt - this.#now);
    if (wasCold) {
      this.#coldStarts += 1;
      this.#tellWarm(backend, beginsAt);
    }
    cold.serviceStarted(beginsAt);
    this.#heap.add(beginsAt + call.serviceMs, 'end', () => this.#end(callId, call, cold));
  }

  #tellWarm(backend: string, at: number): void {
    this.#heap.add(at, 'ping', () => {
      this.#pending.push({ type: 'wake-answered', backend, endpoint: ENDPOINT, ok: true });
    });
  }

  #end(callId: string, call: SimCall, cold: ColdState): void {
    const { running, record } = call;
    this.#calls.delete(callId);
    cold.serviceEnded(this.#now);
    running.remainingMs -= call.serviceMs;
    running.outstanding -= 1;
    const tokens =
      'service_ms' in record
        ? {}
        : { inputTokens: record.input_tokens, outputTokens: record.output_tokens };
    this.#pending.push({
      type: 'ended',
      callId,
      result: {
        outcome: 'ok',
        endpointFault: false,
        cold: false,
        serviceMs: call.serviceMs,
        ...tokens,
      },
    });
    if (running.outstanding === 0) this.#leaveVisit(running);
  }

  #leaveVisit(running: Running): void {
    const gapMs = running.run.units[running.visit]?.gap_ms ?? 0;
    running.visit += 1;
    if (running.visit === running.run.units.length) {
      running.completedMs = this.#now;
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
}

function ruleOf(options: SimOptions, needs: Needs): { prewarmRule?: PrewarmRule } {
  switch (options.prewarm) {
    case 'keep-alive':
      return { prewarmRule: keepAliveRule(options.keepAliveMs ?? KEEP_ALIVE_MS) };
    case 'paper':
      return { prewarmRule: paperRule(options.k ?? PAPER_K) };
    case 'oracle':
      return { prewarmRule: oracleRule(needs) };
    default:
      return {};
  }
}

function coldStateOf({ coldStartMs, idleTimeoutMs }: SimBackend): ColdState {
  if (coldStartMs === undefined) return new ColdState(undefined);
  return new ColdState({ coldStartMs, idleTimeoutMs: idleTimeoutMs ?? Infinity });
}

function configOf(cluster: Cluster, options: SimOptions): DispatcherConfig {
  const specOf = (b: SimBackend): BackendSpec => ({
    endpoints: [
      {
        id: ENDPOINT,
        slots: b.slots ?? Infinity,
        ...(b.coldStartMs === undefined
          ? {}
          : {
              coldStart: {
                estimateMs: b.coldStartMs,
                idleTimeoutMs: b.idleTimeoutMs ?? NEVER_MS,
                releasable: options.release ?? false,
              },
            }),
      },
    ],
    queueDepth: Infinity,
    maxWaitMs: NEVER_MS,
    maxWaitColdMs: NEVER_MS,
    // Cold endpoints are sent calls too, so that a slot is never idle while a call waits.
    whileCold: 'send',
    speed: speedOf(b),
    prewarm: { mode: options.prewarm === 'off' ? 'off' : 'on', theta: options.theta },
  });
  return {
    policy: options.policy === 'srpt' ? 'fcfs' : options.policy,
    alpha: options.alpha,
    backends: Object.fromEntries([...cluster].map(([name, b]) => [name, specOf(b)])),
    weights: {},
    leaseMs: NEVER_MS,
    runSilenceMs: NEVER_MS,
  };
}

function speedOf(backend: SimBackend) {
  if (!backend.measuresTokens) return SERVICE_SPEED;
  const { prefillMsPerToken, decodeMsPerToken } = backend;
  // If tokens take no time, ranks in ms could not tell runs apart, so an assumed speed is used.
  return decodeMsPerToken > 0
    ? { inputMs: prefillMsPerToken, outputMs: decodeMsPerToken }
    : ASSUMED_LLM_SPEED;
}
