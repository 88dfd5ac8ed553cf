/** The SQL tables of a tenant's object, as a list of migrations; ../migrations.ts applies it. */

/** Forward-only: a released entry is never edited; a change is a new entry. */
export const MIGRATIONS = [
  `CREATE TABLE document (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER, config TEXT);
   CREATE TABLE leases (call_id TEXT PRIMARY KEY, endpoint TEXT, granted_at REAL, expires_at REAL,
     request TEXT) WITHOUT ROWID;
   CREATE TABLE runs (id TEXT PRIMARY KEY, snapshot TEXT) WITHOUT ROWID;
   CREATE TABLE recorded (seq INTEGER PRIMARY KEY, app TEXT, finished_at REAL, learned INTEGER,
     record TEXT);
   CREATE TABLE backends (name TEXT PRIMARY KEY, snapshot TEXT) WITHOUT ROWID;
   CREATE TABLE wakes (seq INTEGER PRIMARY KEY, backend TEXT, endpoint TEXT, cause TEXT, at REAL,
     probability REAL, reason TEXT, outcome TEXT, ended_at REAL);`,
  `CREATE TABLE prewarm_accounts (id INTEGER PRIMARY KEY CHECK (id = 1), snapshot TEXT);
   CREATE TABLE prewarm_days (day TEXT, backend TEXT, counts TEXT, PRIMARY KEY (day, backend))
     WITHOUT ROWID;`,
  // NULL in older leases: they last as long as is configured.
  'ALTER TABLE leases ADD COLUMN length_ms REAL;',
  // Rows have numbers, so that a lease can be written over one that has ended: one row written.
  `ALTER TABLE leases RENAME TO leases_by_call;
   CREATE TABLE leases (number INTEGER PRIMARY KEY, call_id TEXT, endpoint TEXT, granted_at REAL,
     expires_at REAL, request TEXT, length_ms REAL);
   INSERT INTO leases (call_id, endpoint, granted_at, expires_at, request, length_ms)
     SELECT call_id, endpoint, granted_at, expires_at, request, length_ms FROM leases_by_call;
   DROP TABLE leases_by_call;`,
  // A long run's older calls (run_parts), so that a write of its row costs the same however long it is.
  // What a wake cost, and when the calls of a finished run waited and were served (call-times.ts); both
  // NULL in older rows. Timelines, versions of the configuration, and the audit log. Beginnings of
  // prompts, only where an operator has them read ahead (prefix-texts.ts).
  `CREATE TABLE run_parts (run_id TEXT, part INTEGER, body TEXT, PRIMARY KEY (run_id, part))
     WITHOUT ROWID;
   ALTER TABLE wakes ADD COLUMN warm_ms REAL;
   ALTER TABLE wakes ADD COLUMN money REAL;
   ALTER TABLE recorded ADD COLUMN times TEXT;
   CREATE TABLE timeline (backend TEXT, endpoint TEXT, from_at REAL, until_at REAL, phase TEXT,
     paused INTEGER, PRIMARY KEY (backend, endpoint, from_at)) WITHOUT ROWID;
   CREATE TABLE versions (version INTEGER PRIMARY KEY, at REAL, by TEXT, config TEXT);
   CREATE TABLE audit (seq INTEGER PRIMARY KEY, at REAL, by TEXT, action TEXT,
     target TEXT, changes TEXT);
   CREATE TABLE prefixes (backend TEXT, link TEXT, chain TEXT, path TEXT, body TEXT, used_at REAL,
     PRIMARY KEY (backend, link));`,
  // Slots that isolates of the Worker have borrowed (lent-slots.ts).
  `CREATE TABLE loans (id TEXT PRIMARY KEY, backend TEXT, endpoint TEXT, slots INTEGER,
     turn INTEGER) WITHOUT ROWID;`,
];

/**
 * Longest JSON text stored in a row, in characters. Rows may hold 2 MB; a longer record is not
 * kept: a finished run of some 20,000 calls. A run in flight is in several rows.
 */
export const MAX_ROW_CHARS = 1_000_000;
