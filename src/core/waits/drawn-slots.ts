/**
 * The slots of a backend's endpoints within a draw (queue-draw.ts), and the runs that wait for them by
 * their keys: for any endpoint, or held back for one. Where calls are not held back, all endpoints are
 * one.
 */
import { ANYWHERE, type DrawnRun } from './drawn-run.ts';
import { NumberHeap } from './number-heap.ts';
import type { ScenePlace } from './scene.ts';

/** Calls that got a slot although others waited, as far as one that joins later could have had it. */
export interface Grants {
  /** Ascending: a grant to a key that no grant before it had reached. */
  readonly keys: number[];
  /** Time of each, ms. */
  readonly times: number[];
}

export class DrawnSlots {
  readonly #runs: readonly DrawnRun[];
  readonly #places: readonly ScenePlace[];
  readonly #free: number[] = [];
  /** Runs that wait for each endpoint, and last those that go to any; of a re-keyed run, older keys too. */
  readonly #queues: readonly NumberHeap[];
  grants: Grants = { keys: [], times: [] };
  #totalFree = 0;

  /** `runs`: those of the draw, which grow. */
  constructor(places: readonly ScenePlace[], runs: readonly DrawnRun[]) {
    this.#places = places;
    this.#runs = runs;
    this.#queues = Array.from({ length: places.length + 1 }, () => new NumberHeap());
  }

  /** As they are in the scene; the grants of the draw before are another's. */
  reset(): void {
    this.grants = { keys: [], times: [] };
    this.#totalFree = 0;
    for (let place = 0; place < this.#places.length; place += 1) {
      const { free } = this.#places[place] as ScenePlace;
      this.#free[place] = free;
      this.#totalFree += Math.max(0, free);
    }
    for (const queue of this.#queues) queue.clear();
  }

  get isFull(): boolean {
    return this.#totalFree <= 0;
  }

  /** A run waits, or has another key or place than before. */
  enqueue(run: DrawnRun, i: number): void {
    this.#queueOf(run.heldFor).push(run.key, i);
  }

  /** Index of the run that goes next; -1 where none can. */
  next(): number {
    const any = this.#queues.length - 1;
    let best = this.#first(any, ANYWHERE);
    if (any === 1) return best;
    let key = best >= 0 ? (this.#queues[any] as NumberHeap).key : Infinity;
    for (let place = 0; place < any; place += 1) {
      if ((this.#free[place] ?? 0) <= 0) continue;
      const first = this.#first(place, place);
      if (first < 0 || (this.#queues[place] as NumberHeap).key >= key) continue;
      [best, key] = [first, (this.#queues[place] as NumberHeap).key];
    }
    return best;
  }

  /** The endpoint with the largest share of free slots. */
  get freest(): number {
    if (this.#places.length === 1) return 0;
    let [best, most] = [0, -Infinity];
    for (let place = 0; place < this.#free.length; place += 1) {
      const free = this.#free[place] ?? 0;
      const { slots } = this.#places[place] as ScenePlace;
      const share = Number.isFinite(slots) ? free / slots : free;
      if (share > most) [best, most] = [place, share];
    }
    return best;
  }

  hasFree(place: number, slots = 1): boolean {
    return (this.#free[place] ?? 0) >= slots;
  }

  /** Runs that are held back for an endpoint, with those that have left meanwhile. */
  held(place: number): number {
    return this.#queues[place]?.size ?? 0;
  }

  slotsOf(place: number): number {
    return this.#places[place]?.slots ?? 1;
  }

  take(place: number, slots: number, key: number, now: number): void {
    this.#change(place, -slots);
    const { keys, times } = this.grants;
    if (keys.length > 0 && (keys[keys.length - 1] as number) >= key) return;
    keys.push(key);
    times.push(now);
  }

  give(place: number): void {
    this.#change(place, 1);
  }

  #change(place: number, by: number): void {
    const before = this.#free[place] ?? 0;
    if (!Number.isFinite(before)) return;
    this.#free[place] = before + by;
    this.#totalFree += Math.max(0, before + by) - Math.max(0, before);
  }

  /** Index of the first run of a queue that still waits there with the key that it has there. */
  #first(queue: number, heldFor: number): number {
    const heap = this.#queues[queue] as NumberHeap;
    for (;;) {
      const i = heap.value;
      if (i < 0) return i;
      const run = this.#runs[i];
      if (run && run.waiting > 0 && run.key === heap.key && run.heldFor === heldFor) return i;
      heap.pop();
    }
  }

  #queueOf(heldFor: number): NumberHeap {
    return this.#queues[heldFor === ANYWHERE ? this.#queues.length - 1 : heldFor] as NumberHeap;
  }
}
