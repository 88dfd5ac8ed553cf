/**
 * Brings in what isolates have not told yet of calls on lent slots, for whoever wants to know of every
 * call: each loan is asked for a turn at once, and goes on. Its open turn is answered; the next one, sent
 * after that, tells of all that had happened by then. Those who come during a round share the next.
 */

/** Longest wait for an isolate, ms: one that has died tells nothing. */
const LONGEST_MS = 1_000;

/** The loans, as they are asked. */
export interface AskedLoans {
  readonly ids: Iterable<string>;
  /** Answers the open turn of a loan; false where none is open. */
  ask(loanId: string): boolean;
}

export class UntoldCalls {
  readonly #loans: () => AskedLoans | undefined;
  /** Loans that are to tell; true once their turn was answered for that. */
  readonly #wanted = new Map<string, boolean>();
  /** Ends the present round: true where every loan has told. */
  #end: ((isAll: boolean) => void) | undefined;
  #round: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  constructor(loans: () => AskedLoans | undefined) {
    this.#loans = loans;
  }

  /** Resolves when all that has happened so far is known; false where not every isolate has told. */
  told(): Promise<boolean> {
    this.#next ??= this.#inTurn();
    return this.#next;
  }

  /** A turn has come, and is taken. True where it is to be answered at once. */
  came(loanId: string): boolean {
    const wasAnswered = this.#wanted.get(loanId);
    if (wasAnswered === undefined) return false;
    if (wasAnswered) this.over(loanId);
    else this.#wanted.set(loanId, true);
    return !wasAnswered;
  }

  /** The loan has told all, or is over. */
  over(loanId: string): void {
    if (this.#wanted.delete(loanId) && this.#wanted.size === 0) this.#end?.(true);
  }

  async #inTurn(): Promise<boolean> {
    await this.#round;
    this.#round = this.#next;
    this.#next = undefined;
    return this.#ask();
  }

  async #ask(): Promise<boolean> {
    const loans = this.#loans();
    for (const id of loans?.ids ?? []) this.#wanted.set(id, false);
    if (!loans || this.#wanted.size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#end = resolve;
    for (const id of [...this.#wanted.keys()]) if (loans.ask(id)) this.#wanted.set(id, true);
    const timer = setTimeout(() => resolve(false), LONGEST_MS);
    const isAll = await promise;
    clearTimeout(timer);
    this.#wanted.clear();
    return isAll;
  }
}
