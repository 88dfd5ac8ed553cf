/** The SQL tables of the jobs object, and their migration. */

/** Forward-only: a released entry is never edited; a change is a new entry. */
const MIGRATIONS = [
  `CREATE TABLE chunks (owner TEXT, kind TEXT, n INTEGER, bytes BLOB,
     PRIMARY KEY (owner, kind, n));
   CREATE TABLE jobs (id TEXT PRIMARY KEY, batch TEXT, line INTEGER,
     custom_id TEXT, state TEXT, key_id TEXT, method TEXT, path TEXT, headers TEXT,
     created_at REAL, deadline_at REAL, own_deadline INTEGER, not_before REAL,
     attempts INTEGER DEFAULT 0, started_at REAL, ended_at REAL, expires_at REAL,
     once_key TEXT, print TEXT, status INTEGER, answer_headers TEXT, error TEXT,
     webhook_url TEXT, webhook_secret TEXT, webhook_state TEXT, webhook_tries INTEGER,
     webhook_at REAL) WITHOUT ROWID;
   CREATE INDEX jobs_waiting ON jobs (state, batch IS NULL, not_before);
   CREATE INDEX jobs_of_batch ON jobs (batch, line) WHERE batch IS NOT NULL;
   CREATE UNIQUE INDEX jobs_custom_id ON jobs (batch, custom_id)
     WHERE batch IS NOT NULL;
   CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE ended_at IS NULL;
   CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;
   CREATE UNIQUE INDEX jobs_once ON jobs (key_id, once_key)
     WHERE once_key IS NOT NULL;
   CREATE INDEX webhooks_due ON jobs (webhook_at) WHERE webhook_at IS NOT NULL;
   CREATE TABLE files (id TEXT PRIMARY KEY, purpose TEXT, filename TEXT,
     bytes INTEGER, created_at REAL, expires_at REAL, complete INTEGER) WITHOUT ROWID;
   CREATE INDEX files_expiry ON files (expires_at);
   CREATE TABLE batches (id TEXT PRIMARY KEY, state TEXT, ordered TEXT, told TEXT,
     created_at REAL, deadline_at REAL, read_bytes INTEGER DEFAULT 0, line INTEGER DEFAULT 0,
     total INTEGER DEFAULT 0, completed INTEGER DEFAULT 0, failed INTEGER DEFAULT 0,
     expired INTEGER DEFAULT 0, expires_at REAL) WITHOUT ROWID;
   CREATE INDEX batches_by_state ON batches (state);
   CREATE INDEX batches_expiry ON batches (expires_at)
     WHERE expires_at IS NOT NULL`,
];

/** Applies the migrations that the database lacks, each in a transaction of its own. */
export function migrateJobs(storage: DurableObjectStorage): void {
  const { sql } = storage;
  sql.exec('CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY)');
  const done = Number(sql.exec('SELECT COUNT(*) AS n FROM migrations').one().n);
  MIGRATIONS.slice(done).forEach((migration, i) => {
    storage.transactionSync(() => {
      sql.exec(migration);
      sql.exec('INSERT INTO migrations VALUES (?)', done + i + 1);
    });
  });
}
