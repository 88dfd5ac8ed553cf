/**
 * What goes before a call where API keys take turns: of each lane of another key about as many calls as
 * of its own. The lanes are sorted by how many calls they have: those that have no more go before it
 * with all of them, the others each with so many.
 */
import { type Ahead, RankedQueue } from './ranked-queue.ts';
import type { Lane } from './run-entry.ts';

/** Runs and work for each call are summed in such parts, as whole numbers, so that sums stay exact. */
const PARTS = 1_024;

export class Turns {
  /** All that waits in the lanes. */
  readonly #whole = new RankedQueue<Lane>();
  /** The same for each call, the runs in `calls` and the work in `workMs`, in parts. */
  readonly #perCall = new RankedQueue<Lane>();
  /** Lanes that changed since it was asked last. */
  readonly #changed = new Set<Lane>();

  changed(lane: Lane): void {
    this.#changed.add(lane);
  }

  leave(lane: Lane): void {
    this.#changed.delete(lane);
    this.#whole.delete(lane);
    this.#perCall.delete(lane);
  }

  /** What goes before the call that is the so many'th of its key; `own`: the lanes of that key. */
  before(turn: number, own: Iterable<Lane>): Ahead {
    for (const lane of this.#changed) this.#count(lane);
    this.#changed.clear();
    const short = this.#whole.before(turn, Infinity);
    const passed = this.#perCall.before(turn, Infinity);
    let { items, calls, workMs } = short;
    let long = this.#whole.size - passed.items;
    let runParts = this.#perCall.calls - passed.calls;
    let workParts = this.#perCall.workMs - passed.workMs;
    for (const { queue } of own) {
      if (queue.calls <= turn) {
        items -= queue.size;
        calls -= queue.calls;
        workMs -= queue.workMs;
      } else {
        long -= 1;
        runParts -= parts(queue.size / queue.calls);
        workParts -= parts(queue.workMs / queue.calls);
      }
    }
    return {
      items: items + Math.round((turn * runParts) / PARTS),
      calls: calls + turn * long,
      workMs: workMs + (turn * workParts) / PARTS,
    };
  }

  #count(lane: Lane): void {
    const { size, calls, workMs } = lane.queue;
    this.#whole.set(lane, calls, lane.seq, { items: size, calls, workMs });
    const load = { calls: parts(size / calls), workMs: parts(workMs / calls) };
    this.#perCall.set(lane, calls, lane.seq, load);
  }
}

function parts(value: number): number {
  return Math.round(value * PARTS);
}
