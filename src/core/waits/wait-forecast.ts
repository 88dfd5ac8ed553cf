/**
 * How long the calls that wait at a backend are to wait, from several draws of how its queue may go
 * on (queue-draw.ts): the median over the draws. One forecast serves all who ask in a while; a call
 * that has joined the queue since then is put into the draws by its key.
 */
import type { Random } from '../learning/random.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { Grants } from './drawn-slots.ts';
import { COST } from './forecast-budget.ts';
import type { Outlook } from './outlook.ts';
import { QueueDraw } from './queue-draw.ts';
import type { Scene } from './scene.ts';

/** Draws of a forecast, a prime, so that the multiples of a number visit each share once; at least. */
const MOST_DRAWS = 17;
const LEAST_DRAWS = 5;
/**
 * Events of all draws together and of each at most: of a long wait, which is the sum of many calls'
 * times, few draws tell as much as many do of a short one.
 */
const MOST_EVENTS = 25_500;
const MOST_OF_DRAW = 5_100;

export class WaitForecast {
  /** Epoch ms. */
  readonly at: number;
  /** The wait of the call for which it was made, ms: calls that wait longer may not be told. */
  readonly reachMs: number;
  /** Of its draws, in events (forecast-budget.ts). */
  readonly cost: number;
  readonly #columns: ReadonlyMap<LiveCall, number>;
  /** By draw, then by column, ms. */
  readonly #waits: readonly Float64Array[];
  readonly #turns: ReadonlyArray<Pick<QueueDraw, 'grants' | 'paceMs'>>;

  /** `asked`: the draws go on until its wait is decided. */
  constructor(scene: Scene, outlook: Outlook, asked: LiveCall, random: Random) {
    const { at, columns, runs } = scene;
    this.at = at;
    this.#columns = columns;
    const column = columns.get(asked) ?? -1;
    // In each draw a run is drawn from another 17th of what it may be like.
    const factors = runs.map(() => 1 + Math.floor(random() * (MOST_DRAWS - 1)));
    const offsets = runs.map(() => Math.floor(random() * MOST_DRAWS));
    const waits: Float64Array[] = [];
    const turns: Array<Pick<QueueDraw, 'grants' | 'paceMs'>> = [];
    const draw = new QueueDraw(scene, outlook, random);
    let events = 0;
    let last = 0;
    while (turns.length < MOST_DRAWS) {
      if (turns.length >= LEAST_DRAWS && events + last > MOST_EVENTS) break;
      const n = turns.length;
      const shareOf = (run: number) =>
        (((n * (factors[run] ?? 1) + (offsets[run] ?? 0)) % MOST_DRAWS) + random()) / MOST_DRAWS;
      const ofDraw = new Float64Array(columns.size).fill(Infinity);
      last = draw.run(ofDraw, column, MOST_OF_DRAW, shareOf);
      events += last;
      waits.push(ofDraw);
      turns.push({ grants: draw.grants, paceMs: draw.paceMs });
    }
    this.#waits = waits;
    this.#turns = turns;
    this.reachMs = median(waits, (ofDraw) => ofDraw[column] ?? Infinity);
    this.cost = events + turns.length * runs.length * COST.runInDraw;
  }

  /** True where the call waited when the forecast was made. */
  has(call: LiveCall): boolean {
    return this.#columns.has(call);
  }

  /**
   * The wait of a call from the time of the forecast on, ms; Infinity where the draws do not tell.
   * `key` of its run and the calls of its run `before` it count where it has joined since.
   */
  waitMs(call: LiveCall, key: number, before: number): number {
    const column = this.#columns.get(call);
    if (column !== undefined) return median(this.#waits, (waits) => waits[column] ?? Infinity);
    // Whoever is held back for an endpoint gets none of the slots that others get.
    if (call.placed.heldFor !== undefined) return Infinity;
    return median(this.#turns, ({ grants, paceMs }) => turnMs(grants, key) + before * paceMs);
  }
}

/** When a call gets a slot that in the draw goes to one behind it, ms. */
function turnMs({ keys, times }: Grants, key: number): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) > key) high = middle;
    else low = middle + 1;
  }
  return times[low] ?? Infinity;
}

/** Reused by each median. */
const sorted = new Float64Array(MOST_DRAWS);

/** Of an even number of draws the mean of the two in the middle. */
function median<T>(draws: readonly T[], of: (draw: T) => number): number {
  const n = draws.length;
  for (let i = 0; i < n; i += 1) {
    const value = of(draws[i] as T);
    let at = i;
    while (at > 0 && (sorted[at - 1] as number) > value) {
      sorted[at] = sorted[at - 1] as number;
      at -= 1;
    }
    sorted[at] = value;
  }
  return ((sorted[(n - 1) >> 1] as number) + (sorted[n >> 1] as number)) / 2;
}
