/**
 * Brings in what isolates have not told yet of calls on lent slots, for whoever wants to know of every
 * call: each loan is asked for a turn at once, and goes on. Its open turn is answered; the next one, sent
 * after that, tells of all that had happened by then. Those who come during a round share the next.
 */

/** Longest wait for an isolate, ms: one that has died tells nothing. */
const LONGEST_MS = 1_000;

/** What answers the open turn of a loan: whether that goes on. */
export type OpenTurns = ReadonlyMap<string, (goesOn: boolean) => void>;

export class UntoldCalls {
  readonly #ids: () => Iterable<string>;
  readonly #turns: OpenTurns;
  /** Loans that are to tell; true once their turn was answered for that. */
  readonly #wanted = new Map<string, boolean>();
  /** Loans that did not tell in time, and not since: nobody waits for them again. */
  #silent = new Set<string>();
  #end = () => {};
  #round: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** `ids`: the loans that there are. */
  constructor(ids: () => Iterable<string>, turns: OpenTurns) {
    this.#ids = ids;
    this.#turns = turns;
  }

  /** Resolves when all that has happened so far is known, or cannot be waited for. */
  told(): Promise<void> {
    this.#next ??= this.#inTurn();
    return this.#next;
  }

  /** A turn has come, and is taken. True where it is to be answered at once. */
  came(loanId: string): boolean {
    this.#silent.delete(loanId);
    const wasAnswered = this.#wanted.get(loanId);
    if (wasAnswered) this.over(loanId);
    else if (wasAnswered === false) this.#wanted.set(loanId, true);
    return wasAnswered === false;
  }

  /** The loan has told all, or is over. */
  over(loanId: string): void {
    if (this.#wanted.delete(loanId) && this.#wanted.size === 0) this.#end();
  }

  async #inTurn(): Promise<void> {
    await this.#round;
    this.#round = this.#next;
    this.#next = undefined;
    this.#wanted.clear();
    const ids = [...this.#ids()];
    this.#silent = new Set(ids.filter((id) => this.#silent.has(id)));
    for (const id of ids) {
      if (this.#silent.has(id)) continue;
      const answer = this.#turns.get(id);
      answer?.(true);
      this.#wanted.set(id, !!answer);
    }
    if (this.#wanted.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    const timer = setTimeout(resolve, LONGEST_MS);
    await promise;
    clearTimeout(timer);
    for (const id of this.#wanted.keys()) this.#silent.add(id);
  }
}
