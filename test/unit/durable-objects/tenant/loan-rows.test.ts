/** What is stored of loans, in the order in which it has to be. */
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { LoanRows } from '../../../../durable-objects/tenant/loan-rows.ts';
import { MIGRATIONS } from '../../../../durable-objects/tenant/tenant-schema.ts';

function stored() {
  const db = new DatabaseSync(':memory:');
  for (const step of MIGRATIONS) db.exec(step);
  const exec = (sql: string, ...values: Array<string | number>) => db.prepare(sql).all(...values);
  return { open: () => new LoanRows({ exec }) };
}

it('keep a turn with what it taught: a loan that grows meanwhile does not store it before', () => {
  const { open } = stored();
  const rows = open();
  const loan = { loanId: 'l', backend: 'b', endpoint: 'e', slots: 2 };
  rows.save(loan);
  rows.took('l', 1);
  rows.save({ ...loan, slots: 3 });
  // The object dies here: what turn 1 taught is not stored, so it has to be told again.
  const after = open();
  expect(after.all()).toEqual([{ ...loan, slots: 3 }]);
  expect(after.lastTurn('l')).toBe(0);
  rows.writeTurns();
  const later = open();
  later.all();
  expect(later.lastTurn('l')).toBe(1);
});
