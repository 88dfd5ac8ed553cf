/**
 * The stored loans of slots: an object that dies must not grant a slot on which an isolate may have
 * begun a call. One row a loan, written before the isolate hears of it. Loans are in
 * src/core/dispatch/loans.ts.
 */
import type { StoredLoan } from '../../src/core/dispatch/loan-events.ts';

export class LoanRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all(): StoredLoan[] {
    const rows = this.#sql.exec<{ id: string; backend: string; endpoint: string; slots: number }>(
      'SELECT id, backend, endpoint, slots FROM loans',
    );
    return rows.toArray().map(({ id, ...loan }) => ({ loanId: id, ...loan }));
  }

  /** Throws if it cannot be stored. */
  save({ loanId, backend, endpoint, slots }: StoredLoan): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO loans (id, backend, endpoint, slots) VALUES (?, ?, ?, ?)',
      loanId,
      backend,
      endpoint,
      slots,
    );
  }

  delete(loanId: string): void {
    this.#sql.exec('DELETE FROM loans WHERE id = ?', loanId);
  }
}
