/** Every SQL statement about files: input that clients upload, and what batches put out. */
import type { FileFilter, Listed, Page, StoredFile } from '../../src/protocol/jobs.ts';
import type { ChunkStore } from './chunk-store.ts';

/** An upload that was not completed by then is given up, ms. */
const UPLOAD_MS = 3_600_000;

export class FileStore {
  readonly #sql: SqlStorage;
  readonly #chunks: ChunkStore;

  constructor(sql: SqlStorage, chunks: ChunkStore) {
    this.#sql = sql;
    this.#chunks = chunks;
  }

  /** A file that is there once it is complete. */
  begin({ id, purpose, filename, createdAt }: Omit<StoredFile, 'bytes' | 'expiresAt'>): void {
    this.#sql.exec(
      'INSERT INTO files VALUES (?, ?, ?, 0, ?, ?, 0)',
      ...[id, purpose, filename, createdAt, createdAt + UPLOAD_MS],
    );
  }

  /** True where it was begun, and has not been given up since. */
  isBegun(id: string): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM files WHERE id = ? AND complete = 0', id).toArray().length > 0
    );
  }

  /** So that what a batch still writes is not given up. */
  keep(id: string, until: number): void {
    this.#sql.exec('UPDATE files SET expires_at = ? WHERE id = ?', until, id);
  }

  complete(id: string, expiresAt: number): StoredFile | undefined {
    const bytes = this.#chunks.length(id, 'file');
    this.#sql.exec(
      'UPDATE files SET complete = 1, bytes = ?, expires_at = ? WHERE id = ?',
      ...[bytes, expiresAt, id],
    );
    return this.file(id);
  }

  file(id: string): StoredFile | undefined {
    const [row] = this.#sql.exec('SELECT * FROM files WHERE id = ? AND complete = 1', id);
    return row && fileOf(row);
  }

  list({ after, limit }: Page, { purpose, ascending }: FileFilter): Listed<StoredFile> {
    const beyond = ascending ? 'id > ?' : 'id < ?';
    const found = this.#sql
      .exec(
        `SELECT * FROM files WHERE complete = 1 AND ${beyond} AND purpose = COALESCE(?, purpose)
         ORDER BY id ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
        ...[after ?? (ascending ? '' : '~'), purpose ?? null, limit + 1],
      )
      .toArray()
      .map(fileOf);
    return { items: found.slice(0, limit), more: found.length > limit };
  }

  delete(id: string): void {
    this.#chunks.remove(id);
    this.#sql.exec('DELETE FROM files WHERE id = ?', id);
  }

  /** Forgets what was kept for as long as it was to be. */
  forget(now: number): void {
    const rows = this.#sql.exec('SELECT id FROM files WHERE expires_at <= ? LIMIT 20', now);
    for (const { id } of rows.toArray()) this.delete(String(id));
  }

  get dueAt(): number {
    const { at } = this.#sql.exec('SELECT MIN(expires_at) AS at FROM files').one();
    return Number(at ?? Infinity);
  }
}

function fileOf(row: Record<string, SqlStorageValue>): StoredFile {
  return {
    id: String(row.id),
    purpose: String(row.purpose) as StoredFile['purpose'],
    filename: String(row.filename),
    bytes: Number(row.bytes),
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
  };
}
