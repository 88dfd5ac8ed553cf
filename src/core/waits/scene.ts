/**
 * What a forecast of one backend's queue starts from, as scene-builder.ts finds it: the runs that hold
 * or want a slot there, or are about to come back. How it goes on is drawn in queue-draw.ts.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { ComparedCall, ServedCall } from './like-call.ts';
import type { LikelyVisits } from './likely-visits.ts';

/** A call that waits here. */
export interface WaitingCall extends ComparedCall {
  readonly call: LiveCall;
  /** Time that the cached part of its prompt takes where it is not cached, ms. */
  readonly cachedMs: number;
}

/** An endpoint; where calls are not held back for one, all endpoints together. */
export interface ScenePlace {
  readonly slots: number;
  /** Below 0 where more slots are held than can be used now. */
  readonly free: number;
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
  /** The place of the endpoint that has its prompt; -1 where none is preferred. */
  readonly home: number;
  /** The place that its calls are held back for, -1 for none, and for how long at most, ms. */
  readonly heldFor: number;
  readonly heldMs: number;
}

export interface Scene {
  readonly at: number;
  readonly runs: readonly SceneRun[];
  /** Column of each call that waits. */
  readonly columns: ReadonlyMap<LiveCall, number>;
  readonly places: readonly ScenePlace[];
  /** Mean time of a call, ms. */
  readonly callMs: number;
}
