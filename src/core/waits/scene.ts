/**
 * What a forecast of one backend's queue starts from, as scene-builder.ts finds it: the runs that hold
 * or want a slot there, or are about to come back. How it goes on is drawn in queue-draw.ts.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { ComparedCall } from './like-call.ts';
import type { LikelyVisits } from './likely-visits.ts';

/** A call that has a slot. */
export interface ServedCall extends ComparedCall {
  readonly elapsedMs: number;
  /** Whole time that is expected of its kind, ms. */
  readonly expectedMs: number;
  readonly slots: number;
  readonly isHere: boolean;
}

/** A call that waits here. */
export interface WaitingCall extends ComparedCall {
  readonly call: LiveCall;
}

/** A run as far as it concerns the queue. */
export interface SceneRun {
  readonly run: LiveRun;
  readonly weight: number;
  /** What its present visit is like; undefined where nothing is known. */
  readonly likely: LikelyVisits | undefined;
  readonly served: ServedCall[];
  readonly waiting: WaitingCall[];
  /** Its key in the queue; Infinity where none of its calls waits. */
  key: number;
  /** Column of its first call that waits. */
  column: number;
  /** Time since its last call ended, where none is outstanding, ms. */
  readonly idleMs: number;
}

export interface Scene {
  readonly at: number;
  readonly runs: readonly SceneRun[];
  /** Column of each call that waits. */
  readonly columns: ReadonlyMap<LiveCall, number>;
  readonly free: number;
}
