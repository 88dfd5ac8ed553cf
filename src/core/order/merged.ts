/** Items of several lists that are each in order, in one order. */
import { OrderedQueue } from './ordered-queue.ts';

/** A place in an order: the smaller key goes first, of equal keys the smaller sequence number. */
export interface Place {
  readonly key: number;
  readonly seq: number;
}

interface Opened<T> {
  readonly rest: Iterator<T>;
  item: T;
}

/**
 * The lists come in the order of their first items, and are opened as far as is asked, so that the
 * first items cost the same however many lists there are; each further one costs O(log n).
 */
export function* merged<L, T>(
  lists: Iterable<L>,
  itemsOf: (list: L) => Iterable<T>,
  placeOf: (item: T) => Place,
): Iterable<T> {
  const opened = new OrderedQueue<Opened<T>>();
  const enter = (one: Opened<T>) => {
    const { key, seq } = placeOf(one.item);
    opened.set(one, key, seq);
  };
  const step = (one: Opened<T>) => {
    const { done, value } = one.rest.next();
    if (done) return void opened.delete(one);
    one.item = value;
    enter(one);
  };
  for (const list of lists) {
    const rest = itemsOf(list)[Symbol.iterator]();
    const { done, value } = rest.next();
    if (done) continue;
    const newest = { rest, item: value };
    enter(newest);
    // What goes before its first item, and that item itself: those of further lists come later.
    for (let first = opened.peek(); first; first = opened.peek()) {
      yield first.item;
      step(first);
      if (first === newest) break;
    }
  }
  for (let first = opened.peek(); first; first = opened.peek()) {
    yield first.item;
    step(first);
  }
}
