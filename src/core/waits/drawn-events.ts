/** What is yet to happen within a draw (queue-draw.ts), by its time: numbers in a heap, not objects. */
import { NumberHeap } from './number-heap.ts';

export const KIND = {
  endsHere: 0,
  endsElsewhere: 1,
  joins: 2,
  arrives: 3,
  frees: 4,
  heldNoMore: 5,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];
const KINDS = 8;

export class DrawnEvents {
  readonly #heap = new NumberHeap();
  readonly #places: number;
  /** Of the event that was taken last: its kind, and the run and the place that it is of. */
  kind: Kind = 0;
  run = 0;
  place = 0;

  /** `places`: number of places of the scene. */
  constructor(places: number) {
    this.#places = places;
  }

  get isEmpty(): boolean {
    return this.#heap.size === 0;
  }

  clear(): void {
    this.#heap.clear();
  }

  add(ms: number, run: number, kind: Kind, place = 0): void {
    this.#heap.push(ms, (run * this.#places + place) * KINDS + kind);
  }

  /** Takes the next event; answers its time, ms. */
  take(): number {
    const ms = this.#heap.key;
    const event = this.#heap.pop();
    this.kind = (event % KINDS) as Kind;
    const where = (event - this.kind) / KINDS;
    this.place = where % this.#places;
    this.run = (where - this.place) / this.#places;
    return ms;
  }
}
