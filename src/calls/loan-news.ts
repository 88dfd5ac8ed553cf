/**
 * What an isolate has to tell of the calls on its loan: when each began and ended, and how far the
 * tenant's object knows of that.
 */
import type { CallRequest, EnqueueRequest } from '../protocol/admission.ts';
import type { BorrowedCall, BorrowedEnd, LoanTurn } from '../protocol/loans.ts';

/** What of a call the object was told. */
export type Told = 'nothing' | 'begun' | 'all';

export interface Entry {
  readonly request: EnqueueRequest;
  readonly at: number;
  ended?: BorrowedEnd;
  told: Told;
}

/** What is sent in a turn, and how far each call was when it was sent. */
export interface Sent {
  readonly turn: LoanTurn;
  readonly entries: ReadonlyArray<readonly [Entry, Told]>;
}

/** Of which loan the calls are. */
export type LoanNames = Pick<LoanTurn, 'loanId' | 'endpoint'>;

export class LoanNews {
  readonly #names: LoanNames;
  /** By themselves: to know them by their ids would cost 8 us a call, for a text that is new each time. */
  readonly #calls = new Set<Entry>();
  /** Turns that told of it so far. */
  turns = 0;

  constructor(names: LoanNames) {
    this.#names = names;
  }

  /** Calls that run, or whose end is not known to the object. */
  get size(): number {
    return this.#calls.size;
  }

  /** A call has begun. */
  add(request: EnqueueRequest, now: number): Entry {
    const entry: Entry = { request, at: now, told: 'nothing' };
    this.#calls.add(entry);
    return entry;
  }

  /** Nothing is to be told of the call any more. */
  forget(entry: Entry): void {
    this.#calls.delete(entry);
  }

  /**
   * The next turn: all that the object may not know. The last one has all calls that run, too: an
   * object that died since has forgotten those that it was told of.
   */
  turn(isLast: boolean, holdMs: number, now: number): Sent {
    this.turns += 1;
    const entries: Array<readonly [Entry, Told]> = [];
    const calls: BorrowedCall[] = [];
    for (const entry of this.#calls) {
      if (!entry.ended && entry.told === 'begun' && !isLast) continue;
      if (entry.ended) entry.ended = { turn: this.turns, ...entry.ended };
      entries.push([entry, farthest(entry)]);
      calls.push(borrowedCall(entry));
    }
    const turn = { ...this.#told(calls, isLast, now), number: this.turns, holdMs };
    return { turn, entries };
  }

  /**
   * What the object may not know of the run to which a call belongs that it is asked for; undefined
   * where it knows all. The next turn tells of it as well.
   */
  untold({ runId, parentRunId }: CallRequest, now: number): LoanTurn | undefined {
    const calls: BorrowedCall[] = [];
    for (const entry of this.#calls) {
      const { request, ended, told } = entry;
      const { runId: id } = request.call;
      if ((id !== runId && id !== parentRunId) || (told === 'begun' && !ended)) continue;
      calls.push(borrowedCall(entry));
      if (ended) entry.ended = { ...ended, isRepeated: true };
    }
    return calls.length === 0 ? undefined : this.#told(calls, false, now);
  }

  /** The turn of one call, after the loan was settled. */
  turnOf(entry: Entry, now: number): Sent {
    const turn = this.#told([borrowedCall(entry)], true, now);
    return { turn, entries: [[entry, farthest(entry)]] };
  }

  #told(calls: BorrowedCall[], isLast: boolean, sentAt: number): LoanTurn {
    return { ...this.#names, sentAt, calls, isLast };
  }

  /** The object has taken a turn. */
  acknowledged({ entries }: Sent): void {
    for (const [entry, told] of entries) {
      entry.told = told;
      if (told === 'all') this.forget(entry);
    }
  }

  /** The object does not answer: what has ended is lost. */
  givenUp(): void {
    for (const entry of this.#calls) if (entry.ended) this.forget(entry);
  }

  /** True where a call has ended of which the object was not told. */
  get hasNews(): boolean {
    for (const { ended } of this.#calls) if (ended) return true;
    return false;
  }
}

/** A call as it is told. */
function borrowedCall({ request, at, ended }: Entry): BorrowedCall {
  return { request, at, ...(ended ? { ended } : {}) };
}

/** What the object knows of a call once that is told. */
function farthest({ ended }: Entry): Told {
  return ended ? 'all' : 'begun';
}
