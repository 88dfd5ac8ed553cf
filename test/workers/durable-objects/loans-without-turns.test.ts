/**
 * Loans that the first version with loans has stored: its table had no turns. The present code reads them,
 * and leaves a table that that version can still write.
 */
import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import sixthFirst from '../../fixtures/databases/tenant-6-first.sql';

const GPU = 'https://gpu.example.com/v1';
const stub = () => env.TENANT.getByName('loans-without-turns');

/** The rows of loans, as the object has stored them. */
const loans = () =>
  runInDurableObject(stub(), (_object, { storage }) =>
    storage.sql.exec('SELECT * FROM loans').toArray(),
  );

it('hold their slots until they are returned, and that version can give others then', async () => {
  await runInDurableObject(stub(), async (_object, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
    storage.sql.exec(`${sixthFirst} INSERT INTO loans VALUES ('loan', 'm', '${GPU}', 1);`);
  });
  await abortAllDurableObjects();
  await stub().document();
  expect(await loans()).toEqual([
    { id: 'loan', backend: 'm', endpoint: GPU, slots: 1, turn: null },
  ]);
  const turn = { loanId: 'loan', endpoint: GPU, calls: [], isLast: true };
  expect(await stub().loanTurn(turn)).toEqual({ goesOn: false });
  expect(await loans()).toEqual([]);
  await runInDurableObject(stub(), (_object, { storage }) => {
    // As that version writes and reads one.
    const write = 'INSERT OR REPLACE INTO loans (id, backend, endpoint, slots) VALUES (?, ?, ?, ?)';
    storage.sql.exec(write, 'next', 'm', GPU, 2);
    const read = storage.sql.exec('SELECT id, backend, endpoint, slots FROM loans').toArray();
    expect(read).toEqual([{ id: 'next', backend: 'm', endpoint: GPU, slots: 2 }]);
  });
});
