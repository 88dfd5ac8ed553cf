/** What draws of a queue take as given about what comes (queue-draw.ts). */
import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';
import type { Speeds } from '../runs/demand.ts';
import type { ArrivalRate } from './recent-arrivals.ts';

/** A run that comes to a visit, epoch ms. */
export interface ComingRun {
  readonly arrivedAt: number;
  /** When the calls of the visit join the queue. */
  readonly joinedAt: number;
}

/** What may come, and where in the order what comes goes. */
export interface Outlook {
  readonly backend: string;
  readonly speeds: Speeds;
  /** How often runs arrive, and for how long they have. */
  readonly arrivals: ArrivalRate;
  /** The first visit of a run that comes. */
  arrival(random: Random): PastVisit | undefined;
  /** Weight of an application's runs. */
  weightOf(app: string): number;
  /** Key of a run that comes to a visit. */
  keyOf(visit: PastVisit, run: ComingRun, weight: number): number;
  /** The key of a run once it has got so much more of its visit's work. */
  keyAfter(key: number, workMs: number, arrivedAt: number, weight: number): number;
}
