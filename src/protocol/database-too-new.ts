/**
 * The error of an object whose database was written by a newer version (durable-objects/migrations.ts),
 * as after a rollback. The runtime marks what a constructor throws as a restart; no restart mends this,
 * and who asks is to be told.
 */
export function isDatabaseTooNew(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  return (
    ('code' in error && error.code === 'database_too_new') || /DatabaseTooNew/.test(`${error}`)
  );
}

/** The same in words for whoever asked. */
export const TOO_NEW = "The tenant's database is of a newer version of Talaria than this one.";
