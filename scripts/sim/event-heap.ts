/**
 * The future events of a simulation, ordered by time; at the same time by kind, and within a kind
 * in the order in which they were created.
 */
import { OrderedQueue } from '../../src/core/order/ordered-queue.ts';

/**
 * Ends of service come first, then arrivals and visits after a gap, then pings. The simulator
 * dispatches after all of them.
 */
export const KINDS = ['end', 'arrival', 'ping'] as const;
export type Kind = (typeof KINDS)[number];

export interface SimEvent {
  readonly at: number;
  readonly kind: Kind;
  readonly act: () => void;
}

/** Larger than the number of events of any simulation, so that kinds stay separate. */
const KIND_STRIDE = 2 ** 40;

export class EventHeap {
  readonly #queue = new OrderedQueue<SimEvent>();
  #created = 0;

  get nextAt(): number {
    return this.#queue.peekKey();
  }

  add(at: number, kind: Kind, act: () => void): void {
    this.#created += 1;
    const seq = KINDS.indexOf(kind) * KIND_STRIDE + this.#created;
    this.#queue.set({ at, kind, act }, at, seq);
  }

  pop(): SimEvent | undefined {
    return this.#queue.pop();
  }
}
