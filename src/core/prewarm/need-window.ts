/**
 * When each of many runs may need a backend, as plain numbers: the first and the last moment that
 * its samples allow. One pass over them finds the few runs that a forecast has to look at. What the
 * samples say exactly is in run-needs.ts.
 */

const INITIAL_SIZE = 64;
/** Place of a run whose visit is served, or over: its moments are times. */
export const SERVED = 0;

export class NeedWindow {
  #size = 0;
  #first = new Float64Array(INITIAL_SIZE);
  #last = new Float64Array(INITIAL_SIZE);
  #place = new Uint16Array(INITIAL_SIZE);

  get size(): number {
    return this.#size;
  }

  /** Adds a run that never needs the backend yet; answers its index. */
  add(): number {
    if (this.#size === this.#first.length) this.#grow();
    const index = this.#size;
    this.#size += 1;
    this.set(index, SERVED, Infinity, -Infinity);
    return index;
  }

  /**
   * The run may need the backend between two moments: times (epoch ms) where `place` is SERVED, else
   * time from the start of its service, which it waits for at that place.
   */
  set(index: number, place: number, first: number, last: number): void {
    this.#place[index] = place;
    this.#first[index] = first;
    this.#last[index] = last;
  }

  clear(): void {
    this.#size = 0;
  }

  /** Removes a run; the last one takes its index, which is then the size. */
  remove(index: number): void {
    this.#size -= 1;
    const from = this.#size;
    this.set(index, this.#place[from] ?? 0, this.#first[from] ?? 0, this.#last[from] ?? 0);
  }

  /**
   * The next index from `from` on of a run that may need the backend within `withinMs`; the size
   * where there is none. A need may be late for as long. `waitsMs`: expected wait at each place.
   */
  next(from: number, now: number, withinMs: number, waitsMs: readonly number[]): number {
    const [size, first, last, place] = [this.#size, this.#first, this.#last, this.#place];
    for (let i = from; i < size; i += 1) {
      const at = place[i] ?? 0;
      const start = at === SERVED ? now : -(waitsMs[at] ?? 0);
      if ((first[i] ?? 0) <= start + withinMs && (last[i] ?? 0) >= start - withinMs) return i;
    }
    return size;
  }

  #grow(): void {
    const size = 2 * this.#first.length;
    const [first, last, place] = [this.#first, this.#last, this.#place];
    this.#first = new Float64Array(size);
    this.#last = new Float64Array(size);
    this.#place = new Uint16Array(size);
    this.#first.set(first);
    this.#last.set(last);
    this.#place.set(place);
  }
}
