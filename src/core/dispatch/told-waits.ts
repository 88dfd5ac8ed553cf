/**
 * What is told of a waiting call: its rank and overtaking bound (queue-rank.ts), its place and the time
 * until it gets a slot (queue-place.ts). Where the order can be foreseen, that time is drawn from how the
 * queue may go on (waits/).
 */
import type { Backend } from '../backends/backend.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { RecentArrivals } from '../waits/recent-arrivals.ts';
import { type ForecastView, WaitForecasts } from '../waits/wait-forecasts.ts';
import { type QueuePlace, queuePlace, untoldPlace } from './queue-place.ts';
import { type QueueRank, withHold } from './queue-rank.ts';
import type { Ranking } from './ranking.ts';

/** The part of the dispatcher's state from which waits are foretold. */
export type ToldView = Pick<ForecastView, 'backends' | 'models' | 'speeds' | 'idleRuns' | 'isLike'>;

export class ToldWaits {
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #ranking: Ranking;
  readonly #forecasts: WaitForecasts;

  constructor(view: ToldView, ranking: Ranking) {
    this.#backends = view.backends;
    this.#ranking = ranking;
    this.#forecasts = new WaitForecasts({
      get policy() {
        return ranking.foreseenBy;
      },
      ...view,
      weightOf: (run, call) => ranking.weightOf(run, call),
      keyAfter: (key, workMs, arrivedAt, weight) =>
        ranking.keyAfter(key, workMs, arrivedAt, weight),
      keyOf: (run, rankMs, weight) => ranking.foreseenKey(run, rankMs, weight),
    });
  }

  /** The runs that came lately, by which forecasts count those to come. */
  get arrivals(): RecentArrivals {
    return this.#forecasts.arrivals;
  }

  /** A waiting call's rank and overtaking bound; undefined where it does not wait. */
  queueRank(call: LiveCall, now: number): QueueRank | undefined {
    const { queue, placement } = this.#backends.get(call.request.backend) ?? {};
    const [key, promisedKey] = [queue?.keyOf(call.run), queue?.promisedKeyOf(call.run)];
    if (key === undefined || promisedKey === undefined) return undefined;
    const rank = this.#ranking.queueRank(call.run, key, promisedKey);
    const holdMs = placement?.longestHoldMs(call, now) ?? 0;
    return withHold(rank, call.run, holdMs > 0 ? now + holdMs : call.placed.heldTo);
  }

  /**
   * Place and expected wait of a waiting call, which is told; undefined where it does not wait. What
   * it is told is compared with its wait.
   */
  place(call: LiveCall, now: number): QueuePlace | undefined {
    return this.#placeOf(call, now, queuePlace);
  }

  /** The same for one who only looks. */
  placeSeen(call: LiveCall, now: number): QueuePlace | undefined {
    return this.#placeOf(call, now, untoldPlace);
  }

  #placeOf(call: LiveCall, now: number, placeOf: typeof queuePlace): QueuePlace | undefined {
    const backend = this.#backends.get(call.request.backend);
    if (!backend || call.lease) return undefined;
    return placeOf(call, backend, now, this.#forecastMs(call, backend, now));
  }

  /** The wait by draws of how the queue may go on; undefined where its order is not foreseen so. */
  #forecastMs(call: LiveCall, backend: Backend, now: number): number | undefined {
    const isForeseen = this.#ranking.hasForeseenKeys && !backend.shares.isDivided;
    if (!isForeseen || !backend.pool.isWarm || call.placed.parkedAt !== undefined) return undefined;
    return this.#forecasts.waitMs(call, backend, now);
  }
}
