/**
 * A line in which runs with a deadline can go first. Each such run has a latest start: its deadline
 * less the time that it still takes on its critical path. Until then it waits like any other, by its
 * rank; from then on it is urgent. Of the urgent runs those are chosen that can be met together, by
 * Moore and Hodgson's rule (the earliest deadline first; where the work so far does not fit, the
 * largest is given up), and the chosen go before all others, on all slots but one, the lower by rank
 * and deadline together the earlier. What is given up, or lost anyway, waits by its rank.
 *
 * The paper's rule, least slack first (Hermes-DDL, section 4.2), serves the runs that are furthest
 * behind; under load it spends its slots on deadlines that are missed anyway.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';
import {
  type CallOrder,
  type KeyOf,
  type NextCall,
  type QueueState,
  WaitingQueue,
} from './waiting-queue.ts';

/**
 * Share of the slots' time on which the choice counts. Far less than all: work is in the middle of
 * its visits, estimates are means, and one giant run must not push twenty small ones aside.
 */
const COUNTED_SHARE = 0.15;
/** And at least so many slots, where there are: with few, hardly a run would fit by itself. */
const COUNTED_SLOTS = 2;
/**
 * How much a later deadline counts against a lower key, ms for ms: less where some had to be given up
 * and nobody without a deadline makes room. Earliest deadline first is best for slack deadlines, rank
 * for tight ones under overload.
 */
const PRICE = 0.7;
const PRICE_UNDER_OVERLOAD = 0.2;
/** The choice among more runs than this is made anew only so often, ms. */
const MANY_RUNS = 200;
const CHOOSE_EVERY_MS = 100;

/** When a deadline asks for what. */
export interface DeadlineTiming {
  /** Epoch ms. */
  readonly deadlineAt: number;
  /** The run must be served from here on without waiting, epoch ms. */
  readonly latestStartAt: number;
  /** From here on the deadline is met with a chance of less than 5 %, epoch ms. */
  readonly lostAt: number;
  /** Mean work that the run still asks of the backend, ms. */
  readonly workMs: number;
}

export type TimingOf = (run: LiveRun, head: LiveCall) => DeadlineTiming | undefined;

export class DeadlineQueue extends WaitingQueue {
  readonly #timingOf: TimingOf;
  /** Of the runs that wait here and have a deadline. */
  readonly #timings = new Map<LiveRun, DeadlineTiming>();
  #chosen: LiveRun[] = [];
  #chosenAt = -Infinity;
  #deadlinePrice = PRICE;

  constructor(keyOf: KeyOf, order: CallOrder, timingOf: TimingOf) {
    super(keyOf, order);
    this.#timingOf = timingOf;
  }

  override take(room: QueueState): NextCall | undefined {
    const limited = room.urgentRunning >= urgentSlots(room.slots);
    // The share is for others' sake: where nobody else waits, it binds nobody.
    if (this.#timings.size > 0 && !(limited && this.hasOthers)) {
      const run = this.#mostUrgent(room);
      if (run) return this.takeOf(run, true);
    }
    return super.take(room);
  }

  get hasOthers(): boolean {
    return this.runs > this.#timings.size;
  }

  protected override keyed(run: LiveRun, head: LiveCall | undefined): void {
    const timing = head && this.#timingOf(run, head);
    if (timing) this.#timings.set(run, timing);
    else this.#timings.delete(run);
  }

  /** Of the chosen runs the one that is lowest by key and deadline. */
  #mostUrgent(room: QueueState): LiveRun | undefined {
    if (this.#timings.size <= MANY_RUNS || room.now - this.#chosenAt >= CHOOSE_EVERY_MS) {
      this.#chosen = this.#choose(room);
      this.#chosenAt = room.now;
    }
    let best: LiveRun | undefined;
    let bestKey = Infinity;
    for (const run of this.#chosen) {
      const deadlineAt = this.#timings.get(run)?.deadlineAt ?? Infinity;
      const key = (this.keyOf(run) ?? Infinity) + this.#deadlinePrice * deadlineAt;
      if (key < bestKey) [best, bestKey] = [run, key];
    }
    return best;
  }

  #choose({ now, slots }: QueueState): LiveRun[] {
    const urgent = [...this.#timings]
      .filter(([, { latestStartAt, lostAt }]) => latestStartAt <= now && now < lostAt)
      .sort(([, a], [, b]) => a.deadlineAt - b.deadlineAt);
    const chosen = new OrderedQueue<LiveRun>();
    const counted = Math.min(slots, Math.max(COUNTED_SLOTS, COUNTED_SHARE * slots));
    let workMs = 0;
    for (const [i, [run, timing]] of urgent.entries()) {
      chosen.set(run, -timing.workMs, i);
      workMs += timing.workMs;
      while (workMs > counted * (timing.deadlineAt - now) && chosen.size > 0) {
        workMs += chosen.peekKey();
        chosen.pop();
      }
    }
    const overload = chosen.size < urgent.length && !this.hasOthers;
    this.#deadlinePrice = overload ? PRICE_UNDER_OVERLOAD : PRICE;
    return urgent.flatMap(([run]) => (chosen.keyOf(run) === undefined ? [] : [run]));
  }
}

/**
 * Slots that urgent runs may take before the others: one is left, so that these never stand still. A
 * single one goes to whoever is urgent.
 */
function urgentSlots(slots: number): number {
  return Math.max(1, slots - 1);
}
