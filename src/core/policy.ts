/**
 * The contract of a scheduling policy: the rank of a run's waiting call, lower first. A policy is a
 * pure function of what it is given; it sees no clock, so the order of two calls changes only when
 * something happens to one of their runs.
 */
import type { ApplicationModel, RankQuery } from './application-model.ts';
import { type Speeds, workMs } from './demand.ts';
import type { LiveCall, LiveRun } from './live-run.ts';
import type { CallOrder } from './waiting-line.ts';

export interface RankInputs {
  readonly run: LiveRun;
  /** The call of the run that would go next. */
  readonly call: LiveCall;
  /** What is known of the application; undefined before its first finished run. */
  readonly model: ApplicationModel | undefined;
  readonly speeds: Speeds;
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
  /** Finite; milliseconds, of work or of time. */
  rank(inputs: RankInputs): number;
}

/** What is asked of the application's model: where the run stands, and what it had of its visit. */
export function queryOf({ run, call, speeds }: RankInputs): RankQuery {
  const { visit } = call;
  const { backend } = visit;
  const attainedMs = workMs(visit.done, speeds(backend));
  return { state: run.stateIn(visit, speeds), backend, attainedMs, speeds };
}
