/** The rows of leases, on a real SQLite database. */
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { LeaseRows } from '../../../../durable-objects/tenant/lease-rows.ts';
import { MIGRATIONS } from '../../../../durable-objects/tenant/tenant-schema.ts';
import { callRequest } from '../../../dispatch-builders.ts';

function newRows() {
  const db = new DatabaseSync(':memory:');
  for (const step of MIGRATIONS) db.exec(step);
  let fails = false;
  let written = 0;
  const sql = {
    exec(query: string, ...params: Array<string | number>) {
      if (query.startsWith('SELECT')) return db.prepare(query).all(...params);
      if (fails) throw new Error('SQLITE_FULL');
      written += Number(db.prepare(query).run(...params).changes);
      return [];
    },
  };
  const rows = new LeaseRows(sql);
  return {
    rows,
    grant: (callId: string, endpoint = 'e1') =>
      rows.save(callRequest(callId), { endpoint, grantedAt: 1, lengthMs: 9, expiresAt: 10 }),
    stored: () =>
      db
        .prepare('SELECT call_id, endpoint FROM leases ORDER BY call_id')
        .all()
        .map((row) => [row.call_id, row.endpoint].join(' ')),
    written: () => written,
    failing: (now: boolean) => {
      fails = now;
    },
    again: () => new LeaseRows(sql),
  };
}

/** Whether a promise has settled after a few turns of promises. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  return settled;
}

describe('the row of an ended lease', () => {
  it('is overwritten by the next grant at its endpoint: one row written', async () => {
    const { rows, grant, stored, written } = newRows();
    grant('a');
    rows.end('a');
    const over = rows.over('a');
    expect(await isSettled(over)).toBe(false);
    expect(stored()).toEqual(['a e1']);
    grant('b');
    expect(stored()).toEqual(['b e1']);
    expect(written()).toBe(2);
    expect(await isSettled(over)).toBe(true);
  });

  it('is left alone by a grant elsewhere, and deleted at the second look', async () => {
    const { rows, grant, stored } = newRows();
    grant('a', 'e1');
    rows.end('a');
    grant('b', 'e2');
    expect(stored()).toEqual(['a e1', 'b e2']);
    rows.deleteEnded('old');
    expect(stored()).toEqual(['a e1', 'b e2']);
    rows.deleteEnded('old');
    expect(stored()).toEqual(['b e2']);
    expect(rows.hasEnded).toBe(false);
  });

  it('is used again by the same call, wherever it goes: a call has one row', () => {
    const { rows, grant, stored } = newRows();
    grant('a', 'e1');
    grant('b', 'e2');
    rows.end('a');
    rows.end('b');
    grant('a', 'e2');
    expect(stored()).toEqual(['a e2']);
    rows.deleteEnded('all');
    expect(stored()).toEqual(['a e2']);
  });

  it('stays for another try where it cannot be deleted or overwritten, and the end counts', async () => {
    const { rows, grant, stored, failing } = newRows();
    grant('a');
    rows.end('a');
    const over = rows.over('a');
    failing(true);
    expect(() => grant('b')).toThrow('SQLITE_FULL');
    expect(await isSettled(over)).toBe(false);
    expect(() => rows.deleteEnded('all')).toThrow('SQLITE_FULL');
    expect(await isSettled(over)).toBe(true);
    expect(stored()).toEqual(['a e1']);
    failing(false);
    grant('b');
    expect(stored()).toEqual(['b e1']);
  });

  it('is not given to a lease of a later object', () => {
    const { rows, grant, stored, again } = newRows();
    grant('a');
    grant('b');
    rows.end('a');
    const later = again();
    expect(later.read(9).map(({ request }) => request.callId)).toEqual(['a', 'b']);
    later.save(callRequest('c'), { endpoint: 'e1', grantedAt: 1, lengthMs: 9, expiresAt: 10 });
    expect(stored()).toEqual(['a e1', 'b e1', 'c e1']);
  });
});
