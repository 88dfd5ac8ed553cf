/**
 * The contract of a scheduling policy: the rank of a run's waiting call, lower first. A policy is a
 * pure function of what it is given; it sees no clock, so the order of two calls changes only when
 * something happens to one of their runs.
 */

import type { ApplicationModel, RankQuery } from '../learning/application-model.ts';
import { type Speeds, workMs } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { DeadlineTiming } from './deadline-queue.ts';
import type { CallOrder } from './waiting-queue.ts';

export interface RankInputs {
  readonly run: LiveRun;
  /** The call of the run that would go next. */
  readonly call: LiveCall;
  /** What is known of the application, if only what others did. */
  readonly model: ApplicationModel;
  readonly speeds: Speeds;
  /** Slots of the backend in all; Infinity for no limit. */
  readonly slots: number;
  /** Service that the application has had from the backend, ms; 0 unless the policy shares by it. */
  readonly servedMs: number;
}

export interface Policy {
  readonly name: string;
  readonly callOrder: CallOrder;
  /**
   * How the rank becomes the key of the queue. `rank`: as it is (it is a time, or clairvoyant).
   * `aged`: rank / weight + alpha * arrival, which bounds every wait: a run is overtaken only by
   * runs that arrive within rank / (weight * alpha) after it.
   */
  readonly key: 'rank' | 'aged';
  /** The rank changes with the service that the application has had: all its runs are keyed anew. */
  readonly sharesByApp?: boolean;
  /** How urgent a run's deadline is, where the policy heeds deadlines. */
  readonly timing?: (inputs: RankInputs) => DeadlineTiming | undefined;
  /** Finite; milliseconds, of work or of time. */
  rank(inputs: RankInputs): number;
}

/** What is asked of the application's model: where the run stands, and what it had of its visit. */
export function queryOf({ run, call, speeds, slots }: RankInputs): RankQuery {
  const { visit } = call;
  const { backend } = visit;
  const attainedMs = workMs(visit.done, speeds(backend));
  return { state: run.stateIn(visit, speeds), backend, attainedMs, speeds, slots };
}
