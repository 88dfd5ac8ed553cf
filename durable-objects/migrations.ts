/**
 * Brings an object's database to the present schema. Migrations only go forward, each in a
 * transaction of its own, so that one that fails changes nothing. A database that a newer version
 * has written is refused before anything is changed: to go back to an older version, restore an
 * older database.
 */

/** The code is older than the database. Callers recognize it by its `code`, which passes RPC. */
export class DatabaseTooNew extends Error {
  override readonly name = 'DatabaseTooNew';
  readonly code = 'database_too_new';
}

/**
 * Applies the steps that the database lacks. `steps` is the SQL from each version to the next, in
 * order; a released step is never edited. Throws DatabaseTooNew.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly string[]): void {
  const { sql } = storage;
  sql.exec('CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY)');
  const version = Number(sql.exec('SELECT COALESCE(MAX(id), 0) AS n FROM migrations').one().n);
  if (version > steps.length) {
    throw new DatabaseTooNew(
      `The database is of version ${version}, and this Talaria knows versions up to ${steps.length}: deploy the newer one again.`,
    );
  }
  steps.slice(version).forEach((step, i) => {
    storage.transactionSync(() => {
      sql.exec(step);
      sql.exec('INSERT INTO migrations VALUES (?)', version + i + 1);
    });
  });
}
