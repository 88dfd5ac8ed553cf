/** A run as it goes on within a draw (queue-draw.ts). */
import type { PastVisit } from '../learning/past-runs.ts';
import type { SceneRun } from './scene.ts';

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
