/** The SQL tables of the jobs object: the steps from each version of its database to the next. */

/** Forward-only: a released entry is never edited; a change is a new entry. */
export const JOB_MIGRATIONS = [
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
  // Each row has the hash of its key and the bytes that it counts for, and each key an account. What
  // is from before has no hash, and counts generously: whole pages for each row and piece.
  `ALTER TABLE jobs ADD COLUMN key_hash TEXT NOT NULL DEFAULT '';
   ALTER TABLE jobs ADD COLUMN text_bytes INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE files ADD COLUMN key_hash TEXT NOT NULL DEFAULT '';
   ALTER TABLE files ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE batches ADD COLUMN key_hash TEXT NOT NULL DEFAULT '';
   ALTER TABLE batches ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE accounts (key_hash TEXT PRIMARY KEY, key_id TEXT, bytes INTEGER, jobs INTEGER,
     batches INTEGER, files INTEGER) WITHOUT ROWID;
   UPDATE jobs SET text_bytes = LENGTH(CAST(path || headers AS BLOB)) +
     LENGTH(CAST(COALESCE(custom_id, '') || COALESCE(once_key, '') AS BLOB)) * 2 +
     LENGTH(CAST(COALESCE(webhook_url, '') || COALESCE(webhook_secret, '') AS BLOB)) +
     LENGTH(CAST(COALESCE(answer_headers, '') || COALESCE(error, '') AS BLOB));
   UPDATE jobs SET bytes = 5632 + text_bytes + COALESCE(
     (SELECT SUM(LENGTH(c.bytes) + 4224) FROM chunks c WHERE c.owner = jobs.id), 0);
   UPDATE files SET stored = 4608 + COALESCE(
     (SELECT SUM(LENGTH(c.bytes) + 4224) FROM chunks c WHERE c.owner = files.id), 0);
   UPDATE batches SET stored = 5120 + LENGTH(CAST(ordered || told AS BLOB));
   INSERT INTO accounts SELECT '', '',
     (SELECT COALESCE(SUM(bytes), 0) FROM jobs) + (SELECT COALESCE(SUM(stored), 0) FROM files) +
       (SELECT COALESCE(SUM(stored), 0) FROM batches),
     (SELECT COUNT(*) FROM jobs WHERE ended_at IS NULL),
     (SELECT COUNT(*) FROM batches
       WHERE state IN ('validating', 'in_progress', 'cancelling', 'finalizing')),
     (SELECT COUNT(*) FROM files)
     WHERE EXISTS (SELECT 1 FROM jobs) OR EXISTS (SELECT 1 FROM files)
       OR EXISTS (SELECT 1 FROM batches);
   DROP INDEX jobs_waiting;
   CREATE INDEX jobs_waiting ON jobs (state, batch IS NULL, key_hash, not_before);
   DROP INDEX jobs_once;
   CREATE UNIQUE INDEX jobs_once ON jobs (key_id, once_key, key_hash)
     WHERE once_key IS NOT NULL;
   DROP INDEX webhooks_due;
   CREATE INDEX webhooks_due ON jobs (key_hash, webhook_at) WHERE webhook_at IS NOT NULL`,
];
