/**
 * The stored loans of slots: an object that dies must not grant a slot on which an isolate may have
 * begun a call. One row a loan, written before the isolate hears of it. Loans are in
 * src/core/dispatch/loans.ts.
 */

import type { StoredLoan } from '../../src/core/dispatch/loan-events.ts';
import { RecentMap } from '../../src/core/runs/recent-map.ts';
import type { RowSql } from './lease-rows.ts';

/** Loans of which the last turn is remembered, those that are over included. */
const MAX_LOANS = 1_000;

/**
 * Gives the table the column `turn`, which the step that makes it (tenant-schema.ts) did not have at first.
 * Another step would lock out the versions before it, which need no other schema.
 */
export function completeLoans(sql: RowSql): void {
  for (const { name } of sql.exec('PRAGMA table_info(loans)')) if (name === 'turn') return;
  sql.exec('ALTER TABLE loans ADD COLUMN turn INTEGER');
}

export class LoanRows {
  readonly #sql: RowSql;
  /** The number of the last turn that was taken, by loan. */
  #turns = new RecentMap<number>(MAX_LOANS);
  /** Loans from before the object started: what was told of them beside turns may be stored. */
  readonly #restored = new Set<string>();
  /** Loans with rows whose last turn is not stored. */
  readonly #changed = new Set<string>();
  /** Loans that are over whose rows could not be deleted. */
  readonly #gone = new Set<string>();

  constructor(sql: RowSql) {
    this.#sql = sql;
  }

  all(): StoredLoan[] {
    const rows = this.#sql.exec('SELECT id, backend, endpoint, slots, turn FROM loans');
    return [...rows].map((row) => {
      const loanId = String(row.id);
      this.#turns.set(loanId, Number(row.turn));
      this.#restored.add(loanId);
      return {
        ...{ loanId, backend: String(row.backend), endpoint: String(row.endpoint) },
        slots: Number(row.slots),
      };
    });
  }

  /**
   * Stores a loan, or how many slots it has now. The turn stays as it is: it is stored with what its
   * calls have taught. Throws if it cannot be stored.
   */
  save({ loanId, backend, endpoint, slots }: StoredLoan): void {
    this.#sql.exec(
      `INSERT INTO loans (id, backend, endpoint, slots, turn) VALUES (?, ?, ?, ?, 0)
        ON CONFLICT (id) DO UPDATE SET slots = excluded.slots`,
      loanId,
      backend,
      endpoint,
      slots,
    );
    if (this.#turns.get(loanId) === undefined) this.#turns.set(loanId, 0);
  }

  /** The last turn of a loan that was taken; undefined where nothing is known of the loan. */
  lastTurn(loanId: string): number | undefined {
    return this.#turns.get(loanId);
  }

  isRestored(loanId: string): boolean {
    return this.#restored.has(loanId);
  }

  /** A turn is taken: it is stored with what its calls have taught. */
  took(loanId: string, turn: number): void {
    if (turn <= (this.#turns.get(loanId) ?? Infinity)) return;
    this.#turns.set(loanId, turn);
    this.#changed.add(loanId);
  }

  /**
   * Writes the last turns, and deletes what could not be deleted before, within a transaction of the
   * caller, which calls `written` once it is done.
   */
  writeTurns(): void {
    for (const loanId of this.#changed) {
      const turn = this.#turns.get(loanId) ?? 0;
      this.#sql.exec('UPDATE loans SET turn = ? WHERE id = ?', turn, loanId);
    }
    for (const loanId of this.#gone) this.#sql.exec('DELETE FROM loans WHERE id = ?', loanId);
  }

  written(): void {
    this.#changed.clear();
    this.#gone.clear();
  }

  /** Forgets all loans, after their rows were deleted. */
  clear(): void {
    this.#turns = new RecentMap(MAX_LOANS);
    this.#restored.clear();
    this.written();
  }

  /** Throws if it cannot be deleted now: it then goes with what is written next. */
  delete(loanId: string): void {
    this.#changed.delete(loanId);
    this.#gone.add(loanId);
    this.#sql.exec('DELETE FROM loans WHERE id = ?', loanId);
    this.#gone.delete(loanId);
  }
}
