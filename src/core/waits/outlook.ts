/** What draws of a queue take as given about what comes (queue-draw.ts). */
import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';
import type { Speeds } from '../runs/demand.ts';

/** What may come, and where in the order what comes goes. */
export interface Outlook {
  readonly backend: string;
  readonly speeds: Speeds;
  /** Time between runs that arrive, ms; Infinity where none come. */
  readonly gapMs: number;
  /** The first visit of a run that comes. */
  arrival(random: Random): PastVisit | undefined;
  /** Weight of an application's runs. */
  weightOf(app: string): number;
  /** Key of a run at a visit; `arrivedAt` in epoch ms. */
  keyOf(visit: PastVisit, arrivedAt: number, weight: number): number;
  /** The key of a run once it has got so much more of its visit's work. */
  keyAfter(key: number, workMs: number, arrivedAt: number, weight: number): number;
}
