/**
 * How long the calls that wait at a backend are to wait, from several draws of how its queue may go
 * on (queue-draw.ts): the median over the draws. One forecast serves all who ask in a while; a call
 * that has joined the queue since then is put into the draws by its key.
 */
import type { Random } from '../learning/random.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { Outlook } from './outlook.ts';
import { QueueDraw } from './queue-draw.ts';
import type { Scene } from './scene.ts';

/** Draws of a forecast: a prime, so that the multiples of a number visit each share once. */
const DRAWS = 17;

/** Grants in the order in which they are made: the keys of the runs, and times from now, ms. */
export interface Grants {
  readonly keys: readonly number[];
  readonly times: readonly number[];
}

export class WaitForecast {
  /** Epoch ms. */
  readonly at: number;
  /** Steps that it took to compute. */
  readonly steps: number;
  readonly #columns: ReadonlyMap<LiveCall, number>;
  /** By draw, then by column, ms. */
  readonly #waits: readonly Float64Array[];
  readonly #grants: readonly Grants[];

  /** `asked`: the draws go on until its wait is decided. */
  constructor(scene: Scene, outlook: Outlook, asked: LiveCall, random: Random) {
    const { at, columns, runs } = scene;
    this.at = at;
    this.#columns = columns;
    const column = columns.get(asked) ?? -1;
    // In each draw a run is drawn from another 17th of what it may be like.
    const factors = runs.map(() => 1 + Math.floor(random() * (DRAWS - 1)));
    const offsets = runs.map(() => Math.floor(random() * DRAWS));
    const waits: Float64Array[] = [];
    const grants: Grants[] = [];
    let steps = 0;
    for (let n = 0; n < DRAWS; n += 1) {
      const draw = new QueueDraw(scene, outlook, random);
      const shareOf = (run: number) =>
        (((n * (factors[run] ?? 1) + (offsets[run] ?? 0)) % DRAWS) + random()) / DRAWS;
      const ofDraw = new Float64Array(columns.size).fill(Infinity);
      steps += runs.length + draw.run(ofDraw, column, shareOf);
      waits.push(ofDraw);
      grants.push(draw.grants);
    }
    this.#waits = waits;
    this.#grants = grants;
    this.steps = steps;
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
    return median(this.#grants, (grants) => turnMs(grants, key, before));
  }
}

/** When a call gets a slot that in the draw goes to one behind it, ms. */
function turnMs({ keys, times }: Grants, key: number, before: number): number {
  let left = before;
  for (let i = 0; i < keys.length; i += 1) {
    if ((keys[i] as number) <= key) continue;
    if (left === 0) return times[i] as number;
    left -= 1;
  }
  return Infinity;
}

function median<T>(draws: readonly T[], of: (draw: T) => number): number {
  return Float64Array.from(draws, of).sort()[draws.length >> 1] ?? Infinity;
}
