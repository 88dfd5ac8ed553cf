/** A run as it goes on within a draw (queue-draw.ts). */
import type { PastVisit } from '../learning/past-runs.ts';
import type { SceneRun } from './scene.ts';

/** In place of an endpoint. */
export const ANYWHERE = -1;

export interface DrawnRun {
  readonly arrivedAt: number;
  readonly weight: number;
  visit: PastVisit | undefined;
  /** It asks for nothing after this visit. */
  isLast: boolean;
  /** Calls that have not ended. */
  outstanding: number;
  /** Calls that wait, and those that got a slot of them. */
  waiting: number;
  granted: number;
  /** Its key in the queue. */
  key: number;
  /** Column of its first call that waits in the scene; -1 for calls that come later. */
  column: number;
  /** The endpoint that has its prompt; -1 where none is preferred. */
  home: number;
  /** The endpoint that its calls are held back for; ANYWHERE for none. */
  heldFor: number;
  /** Until when they may be held back, ms from the time of the scene. */
  heldUntil: number;
  readonly scene: SceneRun | undefined;
}

/** A run of the scene, which goes on like a visit. */
export function runOfScene(scene: SceneRun, visit: PastVisit | undefined): DrawnRun {
  const { run, served, waiting, weight, home, heldFor, heldMs, column } = scene;
  return {
    arrivedAt: run.arrivedAt,
    weight,
    visit,
    isLast: run.final || !visit?.next,
    outstanding: served.length + waiting.length,
    waiting: waiting.length,
    granted: 0,
    key: Infinity,
    column: waiting.length > 0 ? column : -1,
    home,
    heldFor,
    heldUntil: heldMs,
    scene,
  };
}

/** A run that arrives with a visit. */
export function newRun(visit: PastVisit, arrivedAt: number, weight: number): DrawnRun {
  return {
    arrivedAt,
    weight,
    visit,
    isLast: !visit.next,
    outstanding: 0,
    waiting: 0,
    granted: 0,
    key: Infinity,
    column: -1,
    home: ANYWHERE,
    heldFor: ANYWHERE,
    heldUntil: Infinity,
    scene: undefined,
  };
}

/**
 * Writes into `waits` how long the calls of the scene wait that have no slot at a time: they go in the
 * order of their keys, one each `paceMs`.
 */
export function extend(
  waits: Float64Array,
  runs: readonly DrawnRun[],
  now: number,
  paceMs: number,
): void {
  const left = runs.filter((run) => run.waiting > 0).sort((a, b) => a.key - b.key);
  let ahead = 0;
  for (const { column, granted, waiting } of left) {
    for (let n = 0; n < waiting; n += 1) {
      ahead += 1;
      if (column >= 0) waits[column + granted + n] = now + ahead * paceMs;
    }
  }
}
