/**
 * Applies the policy to waiting calls: collects the policy's inputs and turns its rank into the key
 * of the queue, so that the dispatcher knows no policy. The policies' contract is in
 * order/policy.ts; what clients are told of a key is in queue-rank.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import { DeadlineQueue, type TimingOf } from '../order/deadline-queue.ts';
import { POLICIES } from '../order/policies/registry.ts';
import { type Policy, queryOf, type RankInputs } from '../order/policy.ts';
import { WaitingQueue, type WorkOf } from '../order/waiting-queue.ts';
import type { ExpectedService } from '../runs/call-place.ts';
import { type Demand, type Speeds, workMs } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { ComingRun } from '../waits/outlook.ts';
import { type DispatcherConfig, weightOf } from './dispatcher-config.ts';
import { type QueueRank, queueRankOf } from './queue-rank.ts';

/** Output assumed of a call of an unknown unit. */
const USUAL_OUTPUT_TOKENS = 200;
/** Calls of a backend before its mean service time says something of a call. */
const MIN_CALLS_TO_EXPECT = 20;

/** The part of the dispatcher's state that ranking reads. */
export interface RankingView {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly models: ApplicationModels;
  readonly speeds: Speeds;
}

export class Ranking {
  readonly #view: RankingView;
  /** Replaces the configured policy. */
  readonly #fixed: Policy | undefined;
  #policy: Policy;
  #config: DispatcherConfig;

  constructor(view: RankingView, config: DispatcherConfig, fixed: Policy | undefined) {
    this.#view = view;
    this.#fixed = fixed;
    this.#config = config;
    this.#policy = fixed ?? POLICIES[config.policy];
  }

  configure(config: DispatcherConfig): void {
    this.#config = config;
    this.#policy = this.#fixed ?? POLICIES[config.policy];
  }

  /** A new queue in the order of the present policy. */
  newQueue(): WaitingQueue {
    const { callOrder, timing, sharesByApp } = this.#policy;
    const workOf = this.#workOf();
    if (!timing) return new WaitingQueue(this.#keyOf, callOrder, workOf, sharesByApp);
    const timingOf: TimingOf = (run, call) => timing(this.#inputs(run, call));
    return new DeadlineQueue(this.#keyOf, callOrder, timingOf, workOf);
  }

  /** Work of a run that goes before others once it is reached; undefined: of its waiting calls. */
  #workOf(): WorkOf | undefined {
    // A rank that ages is the run's remaining work, as far as it goes before others.
    if (this.#policy.key === 'aged') {
      return (run, call, key) =>
        (key - this.#config.alpha * run.arrivedAt) * this.weightOf(run, call);
    }
    if (!this.#policy.keepsPlace) return undefined;
    return (run, call) => {
      const inputs = this.#inputs(run, call);
      return inputs.model.meanRemainingMs(queryOf(inputs));
    };
  }

  /** True where the key of a run that comes to a visit can be foreseen. */
  get hasForeseenKeys(): boolean {
    const { foresight, timing } = this.#policy;
    return !timing && foresight !== undefined;
  }

  /** The policy by whose foresight ranks are computed. */
  get foreseenBy(): Policy {
    return this.#policy;
  }

  /** Key of a run that comes to a visit; `rankMs`: its rank by the policy's foresight. */
  foreseenKey({ arrivedAt, joinedAt }: ComingRun, rankMs: () => number, weight: number): number {
    const { foresight } = this.#policy;
    if (foresight === 'arrival') return arrivedAt;
    if (foresight === 'joining') return joinedAt;
    return rankMs() / weight + this.#config.alpha * arrivedAt;
  }

  /** Key of a run once it has got so much more of its work. */
  keyAfter(key: number, workMs: number, arrivedAt: number, weight: number): number {
    const { key: kind, attained } = this.#policy;
    if (kind !== 'aged' || attained === 'none') return key;
    if (attained === 'up') return key + workMs / weight;
    const aged = this.#config.alpha * arrivedAt;
    return aged + Math.max((key - aged) / 10, key - aged - workMs / weight);
  }

  /** The rank and overtaking bound that follow from a run's key. */
  queueRank(run: LiveRun, key: number, promisedKey: number): QueueRank {
    return queueRankOf(key, promisedKey, run, this.#policy, this.#config);
  }

  /** When the chance that the call's run meets its deadline falls below 5 %, epoch ms. */
  lostAt(call: LiveCall): number {
    const { deadlineAt } = call.run;
    if (deadlineAt === undefined) return Infinity;
    const inputs = this.#inputs(call.run, call);
    return deadlineAt - inputs.model.timeLeft(queryOf(inputs)).soonMs;
  }

  /** Time that a call is expected to take once it has a slot, ms. */
  expectedMs(call: LiveCall, backend: Backend): number {
    const { run, request } = call;
    const { speed, caches } = backend;
    const usual = this.#view.models.model(run.app)?.graph.callDemand(request.unit, backend.name);
    if (request.kind !== 'llm') {
      return usual ? workMs(usual, speed.value) : speed.calls > 0 ? speed.meanServiceMs : 0;
    }
    const output = Math.min(
      usual?.output ?? USUAL_OUTPUT_TOKENS,
      request.maxOutputTokens ?? Infinity,
    );
    const input = caches.uncachedTokens(call) ?? request.inputTokens;
    return workMs({ input, output }, speed.valueOf(request.model));
  }

  /** Expected service time of a call, ms; Infinity where nothing is known of its kind. */
  usualMs({ request, run }: LiveCall, backend: Backend): number {
    const { speed } = backend;
    const graph = this.#view.models.model(run.app)?.graph;
    const ofUnit = graph?.callDemand(request.unit, backend.name);
    if (ofUnit) return workMs(ofUnit, speed.valueOf(request.model));
    return speed.calls >= MIN_CALLS_TO_EXPECT ? speed.meanServiceMs : Infinity;
  }

  /** What is expected of a call's service on an endpoint, as far as that is learned by now. */
  expectedService(call: LiveCall, backend: Backend, endpoint: Endpoint): ExpectedService {
    const { caches, speed } = backend;
    const model = this.#view.models.model(call.run.app);
    const demand = model?.graph.callDemand(call.request.unit, backend.name);
    const hitTokens = caches.hitTokens(call, endpoint);
    return {
      hitTokens,
      readMs: caches.readMs(endpoint, call.request.inputTokens - (hitTokens ?? 0)),
      outputMs: demand ? demand.output * speed.value.outputMs : speed.meanServiceMs,
    };
  }

  /** To be called before a call joins the backend's queue. */
  callArriving(app: string, backend: Backend): void {
    if (this.#policy.sharesByApp) backend.accounts.lift(app, backend.queue.leastKey);
  }

  /** Charges service to an application, for policies that share a backend fairly. */
  served({ run, request }: LiveCall, backend: Backend, demand: Demand): void {
    if (!this.#policy.sharesByApp) return;
    backend.accounts.charge(run.app, workMs(demand, backend.speed.valueOf(request.model)));
    backend.queue.rekeyApp(run.app);
  }

  readonly #keyOf = (run: LiveRun, call: LiveCall): number => {
    const rank = this.#policy.rank(this.#inputs(run, call));
    if (this.#policy.key === 'rank') return rank;
    return rank / this.weightOf(run, call) + this.#config.alpha * run.arrivedAt;
  };

  /** Weight of a run: its ranks are divided by it. */
  weightOf(run: Pick<LiveRun, 'app'>, call?: LiveCall): number {
    return weightOf(this.#config.weights, run.app) * (call?.request.weight ?? 1);
  }

  /** What the run yet asks of the call's backend is taken to be asked of the call's model. */
  #speedsFor({ request }: LiveCall, backend: Backend | undefined): Speeds {
    const { speeds } = this.#view;
    const speed = backend?.speed.valueOf(request.model);
    if (!speed || speed === backend?.speed.value) return speeds;
    return (name) => (name === backend?.name ? speed : speeds(name));
  }

  #inputs(run: LiveRun, call: LiveCall): RankInputs {
    const backend = this.#view.backends.get(call.visit.backend);
    return {
      run,
      call,
      model: this.#view.models.modelOrPrior(run.app),
      speeds: this.#speedsFor(call, backend),
      slots: backend?.slots ?? 1,
      uncachedTokens: backend?.caches.uncachedTokens(call),
      servedMs: backend?.accounts.servedMs(run.app) ?? 0,
    };
  }
}
