/**
 * Applies the policy to waiting calls: collects the policy's inputs and turns its rank into the key
 * of the queue, so that the dispatcher knows no policy. The policies' contract is in
 * order/policy.ts; what clients are told of a key is in queue-rank.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import { DeadlineQueue } from '../order/deadline-queue.ts';
import { POLICIES } from '../order/policies/registry.ts';
import { type Policy, queryOf, type RankInputs } from '../order/policy.ts';
import { WaitingQueue } from '../order/waiting-queue.ts';
import { type Demand, type Speeds, workMs } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';
import { type QueueRank, queueRankOf } from './queue-rank.ts';

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
    const { callOrder, timing } = this.#policy;
    if (!timing) return new WaitingQueue(this.#keyOf, callOrder);
    return new DeadlineQueue(this.#keyOf, callOrder, (run, call) =>
      timing(this.#inputs(run, call)),
    );
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

  /** To be called before a call joins the backend's queue. */
  callArriving(app: string, backend: Backend): void {
    if (this.#policy.sharesByApp) backend.accounts.lift(app, backend.queue.apps());
  }

  /** Charges service to an application, for policies that share a backend fairly. */
  served(app: string, backend: Backend, demand: Demand): void {
    if (!this.#policy.sharesByApp) return;
    backend.accounts.charge(app, workMs(demand, backend.speed.value));
    backend.queue.rekeyApp(app);
  }

  readonly #keyOf = (run: LiveRun, call: LiveCall): number => {
    const rank = this.#policy.rank(this.#inputs(run, call));
    if (this.#policy.key === 'rank') return rank;
    // Own properties only: an application may be called "constructor".
    const { weights } = this.#config;
    const weightOfApp = Object.hasOwn(weights, run.app) ? (weights[run.app] ?? 1) : 1;
    const weight = weightOfApp * (call.request.weight ?? 1);
    return rank / weight + this.#config.alpha * run.arrivedAt;
  };

  #inputs(run: LiveRun, call: LiveCall): RankInputs {
    const backend = this.#view.backends.get(call.visit.backend);
    return {
      run,
      call,
      model: this.#view.models.modelOrPrior(run.app),
      speeds: this.#view.speeds,
      slots: backend?.slots ?? 1,
      uncachedTokens: backend?.placement.uncachedTokens(call),
      servedMs: backend?.accounts.servedMs(run.app) ?? 0,
    };
  }
}
