/**
 * The contract of a scheduling policy: the rank of a run's waiting call, lower first. A policy is a
 * pure function of its inputs and sees no clock, so the order of two calls changes only when
 * something happens to one of their runs. The policies are in policies/; dispatch/ranking.ts
 * applies them.
 */

import type { ApplicationModel, RankQuery } from '../learning/application-model.ts';
import { type Speeds, workMs } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { DeadlineTiming } from './deadline-queue.ts';
import type { CallOrder } from './run-entry.ts';

/** What a policy may use to rank a run at one backend. */
export interface RankInputs {
  readonly run: LiveRun;
  /** The run's call that would go next. */
  readonly call: LiveCall;
  /** The application's model, or a prior from the tenant's other applications. */
  readonly model: ApplicationModel;
  readonly speeds: Speeds;
  /** Total slots of the backend; Infinity for no limit. */
  readonly slots: number;
  /** Input tokens of the call that no endpoint has in its cache; undefined where that is unknown. */
  readonly uncachedTokens?: number | undefined;
  /**
   * Service that the application had from the backend, ms; 0 unless the policy has `sharesByApp`.
   */
  readonly servedMs: number;
}

export interface Policy {
  readonly name: string;
  readonly callOrder: CallOrder;
  /**
   * How the rank becomes the key of the queue. `rank`: the rank is the key (it is a time or a
   * share, or clairvoyant). `aged`: the key is rank / weight + alpha * arrival, which bounds
   * overtaking: only runs that arrive within rank / (weight * alpha) after a run can overtake it.
   */
  readonly key: 'rank' | 'aged';
  /** The rank depends on the service that the application had; a charge re-keys all its runs. */
  readonly sharesByApp?: boolean;
  /** A run goes before the same others to its end, so that all its calls go before theirs. */
  readonly keepsPlace?: boolean;
  /** Timing of a run's deadline; absent where the policy has no urgent runs. */
  readonly timing?: (inputs: RankInputs) => DeadlineTiming | undefined;
  /** What the rank will be of a run that comes to a visit; absent where that cannot be foreseen. */
  readonly foresight?: Foresight;
  /** How the rank moves as calls of a visit end: down by their work where absent. */
  readonly attained?: 'up' | 'none';
  /** Finite; milliseconds of work or of time. */
  rank(inputs: RankInputs): number;
}

/** The run's arrival, the time at which it joins the queue, or a rank by its state. */
export type Foresight =
  | 'arrival'
  | 'joining'
  | ((model: ApplicationModel, query: RankQuery) => number);

/** How often prefill beyond the usual counts in a rank. */
const COUNTED_UNREAD = 4;

/** The query to the application's model: the run's state and the work attained in its visit. */
export function queryOf(inputs: RankInputs): RankQuery {
  const { run, call, speeds, slots } = inputs;
  const { visit } = call;
  const { backend } = visit;
  const attainedMs = workMs(visit.done, speeds(backend));
  const state = run.stateIn(visit, speeds);
  return { state, backend, attainedMs, speeds, slots, extraMs: extraMsOf(inputs) };
}

/**
 * Work by which the call's prompt differs from those of its unit, ms. It counts more than once: a
 * cached prompt is lost while the call waits, and one that is read anew displaces others.
 */
function extraMsOf({ call, model, speeds, uncachedTokens }: RankInputs): number {
  if (uncachedTokens === undefined) return 0;
  const { backend } = call.visit;
  const usual = model.graph.callDemand(call.request.unit, backend)?.input ?? uncachedTokens;
  return COUNTED_UNREAD * (uncachedTokens - usual) * speeds(backend).inputMs;
}
