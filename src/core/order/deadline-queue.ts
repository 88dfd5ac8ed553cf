/**
 * A queue in which runs with a deadline can go first; the order of all other runs is that of
 * waiting-queue.ts. Each run with a deadline has a latest start: its deadline less the time that
 * its critical path still takes. Until then it waits by its rank like any other; from then on it is
 * urgent. Of the urgent runs, Moore and Hodgson's rule chooses those that can be met together (in
 * order of their deadlines; where the work so far does not fit, the largest run is dropped). The
 * chosen runs go before all others, on all slots but one, in order of rank and deadline together. A
 * run that is dropped, or whose deadline is lost, waits by its rank.
 *
 * The paper's rule, least slack first (Hermes-DDL, section 4.2), serves the runs that are furthest
 * behind; under load it spends slots on deadlines that are missed anyway.
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';
import type { CallOrder } from './run-entry.ts';
import {
  type KeyOf,
  type NextCall,
  type QueueState,
  WaitingQueue,
  type WaitingRun,
  type WorkOf,
} from './waiting-queue.ts';

/**
 * Share of the slots' time that the choice may plan with. It is far below 1 because slots are busy
 * with visits in progress, estimates are means, and one giant run must not displace twenty small
 * ones.
 */
const COUNTED_SHARE = 0.15;
/** Least number of slots to plan with, if there are as many: on less, hardly any run would fit. */
const COUNTED_SLOTS = 2;
/**
 * Weight of the deadline beside the key among chosen runs, ms for ms. Earliest deadline first is
 * best for slack deadlines, the rank for tight ones under overload. Overload means that runs were
 * dropped and that no run without a deadline waits that could make room.
 */
const PRICE = 0.7;
const PRICE_UNDER_OVERLOAD = 0.2;
/** With more runs with a deadline than this, the choice is renewed only every so many ms. */
const MANY_RUNS = 200;
const CHOOSE_EVERY_MS = 100;

/** The times that follow from a run's deadline. */
export interface DeadlineTiming {
  /** Epoch ms. */
  readonly deadlineAt: number;
  /** From then on the run must be served without waiting, epoch ms. */
  readonly latestStartAt: number;
  /** From then on the deadline is met with a chance of less than 5 %, epoch ms. */
  readonly lostAt: number;
  /** Mean work that the run still asks of the backend, ms. */
  readonly workMs: number;
}

/** Timing of a run whose next call is `head`; undefined where it has no deadline. */
export type TimingOf = (run: LiveRun, head: LiveCall) => DeadlineTiming | undefined;

export class DeadlineQueue extends WaitingQueue {
  readonly #timingOf: TimingOf;
  /** Timings of the waiting runs that have a deadline. */
  readonly #timings = new Map<LiveRun, DeadlineTiming>();
  /** The last choice; its runs may have left the queue since. */
  #chosen: LiveRun[] = [];
  #chosenAt = -Infinity;
  #deadlinePrice = PRICE;

  constructor(keyOf: KeyOf, order: CallOrder, timingOf: TimingOf, workOf?: WorkOf) {
    super(keyOf, order, workOf);
    this.#timingOf = timingOf;
  }

  override take(room: QueueState): NextCall | undefined {
    const isLimited = room.urgentRunning >= urgentSlots(room.slots);
    // The limit on urgent slots protects runs without a deadline; it is void where none of them
    // waits.
    if (this.#timings.size > 0 && !(isLimited && this.hasOthers)) {
      const run = this.#mostUrgent(room);
      if (run) return this.takeOf(run, true);
    }
    return super.take(room);
  }

  /** The urgent runs of the last choice go first, then the others by rank. */
  override *inOrder(): Iterable<WaitingRun> {
    const chosen = new Set(this.#chosen.filter((run) => this.#timings.has(run)));
    if (chosen.size > 0) {
      const urgent = [...super.inOrder()].filter(({ run }) => chosen.has(run));
      const keyOf = ({ run, key }: WaitingRun) =>
        key + this.#deadlinePrice * (this.#timings.get(run)?.deadlineAt ?? Infinity);
      for (const waiting of urgent.sort((a, b) => keyOf(a) - keyOf(b))) {
        yield { ...waiting, urgent: true };
      }
    }
    for (const waiting of super.inOrder()) if (!chosen.has(waiting.run)) yield waiting;
  }

  /** True where runs without a deadline wait. */
  get hasOthers(): boolean {
    return this.runs > this.#timings.size;
  }

  protected override keyed(run: LiveRun, head: LiveCall | undefined): void {
    const timing = head && this.#timingOf(run, head);
    if (timing) this.#timings.set(run, timing);
    else this.#timings.delete(run);
  }

  /** The chosen run that is lowest by key and weighted deadline. */
  #mostUrgent(room: QueueState): LiveRun | undefined {
    if (
      this.#timings.size <= MANY_RUNS ||
      room.now - this.#chosenAt >= CHOOSE_EVERY_MS ||
      room.now < this.#chosenAt
    ) {
      this.#chosen = this.#choose(room);
      this.#chosenAt = room.now;
    }
    if (room.isFull) return undefined;
    let best: LiveRun | undefined;
    let bestKey = Infinity;
    for (const run of this.#chosen) {
      const lane = this.laneOf(run);
      if (lane === undefined || !(room.mayTake?.(lane) ?? true)) continue;
      const deadlineAt = this.#timings.get(run)?.deadlineAt ?? Infinity;
      const key = (this.keyOf(run) ?? Infinity) + this.#deadlinePrice * deadlineAt;
      if (key < bestKey) [best, bestKey] = [run, key];
    }
    return best;
  }

  /** Moore and Hodgson's rule on the urgent runs whose deadline is not lost. */
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
 * Slots that urgent runs may take before the others: all but one, so that the others always
 * progress. A single slot goes to the urgent runs.
 */
function urgentSlots(slots: number): number {
  return Math.max(1, slots - 1);
}
