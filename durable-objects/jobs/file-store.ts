/**
 * All SQL statements about files: input that clients upload, and the output of batches. Their bytes
 * are in chunk-store.ts.
 */
import type { FileFilter, Listed, Page, StoredFile } from '../../src/protocol/jobs.ts';
import { textBytes } from '../stored-size.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { KeyAccounts, KeyOwner } from './key-accounts.ts';
import { fileRowBytes, piecesBytes } from './row-sizes.ts';

/** Time after which an incomplete upload is deleted, ms. */
const UPLOAD_MS = 3_600_000;

/** A row of the table `files`, as its columns are declared. */
type TableRow = Pick<StoredFile, 'id' | 'purpose' | 'filename' | 'bytes'> & {
  readonly created_at: number;
  readonly expires_at: number;
  readonly key_hash: string;
  readonly stored: number;
};

export class FileStore {
  readonly #sql: SqlStorage;
  readonly #chunks: ChunkStore;
  readonly #accounts: KeyAccounts;

  constructor(sql: SqlStorage, chunks: ChunkStore, accounts: KeyAccounts) {
    this.#sql = sql;
    this.#chunks = chunks;
    this.#accounts = accounts;
  }

  /**
   * Begins a file, which is not visible before it is complete. It counts for `length` bytes from
   * now on, so that uploads at the same time do not exceed a limit together.
   */
  begin(file: Omit<StoredFile, 'bytes' | 'expiresAt'>, length: number, owner: KeyOwner): void {
    const { id, purpose, filename, createdAt } = file;
    const stored = newFileBytes(filename, length);
    this.#accounts.add(owner.keyHash, { bytes: stored, files: 1 }, owner.keyId);
    this.#sql.exec(
      `INSERT INTO files (id, purpose, filename, bytes, created_at, expires_at, complete, key_hash,
         stored) VALUES (?, ?, ?, 0, ?, ?, 0, ?, ?)`,
      ...[id, purpose, filename, createdAt, createdAt + UPLOAD_MS, owner.keyHash, stored],
    );
  }

  /** Appends to a file that a batch writes. */
  append(id: string, bytes: Uint8Array): void {
    this.#chunks.append(id, 'file', bytes);
    this.#count(id);
  }

  /** True for a file that is neither complete nor deleted. */
  isBegun(id: string): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM files WHERE id = ? AND complete = 0', id).toArray().length > 0
    );
  }

  /** Keeps a file that a batch still writes from being deleted before `until`, epoch ms. */
  keep(id: string, until: number): void {
    this.#sql.exec('UPDATE files SET expires_at = ? WHERE id = ?', until, id);
  }

  /** Completes a file and keeps it until `expiresAt`; undefined where it was deleted. */
  complete(id: string, expiresAt: number): StoredFile | undefined {
    this.#count(id);
    const bytes = this.#chunks.length(id, 'file');
    this.#sql.exec(
      'UPDATE files SET complete = 1, bytes = ?, expires_at = ? WHERE id = ?',
      ...[bytes, expiresAt, id],
    );
    return this.file(id);
  }

  file(id: string): StoredFile | undefined {
    const [row] = this.#sql.exec<TableRow>('SELECT * FROM files WHERE id = ? AND complete = 1', id);
    return row && fileOf(row);
  }

  list({ after, limit }: Page, { purpose, ascending }: FileFilter): Listed<StoredFile> {
    const cursor = ascending ? 'id > ?' : 'id < ?';
    const rows = this.#sql
      .exec<TableRow>(
        `SELECT * FROM files WHERE complete = 1 AND ${cursor} AND purpose = COALESCE(?, purpose)
         ORDER BY id ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
        ...[after ?? (ascending ? '' : '~'), purpose ?? null, limit + 1],
      )
      .toArray()
      .map(fileOf);
    return { items: rows.slice(0, limit), more: rows.length > limit };
  }

  delete(id: string): void {
    const [row] = this.#sql.exec<TableRow>('SELECT key_hash, stored FROM files WHERE id = ?', id);
    if (row) this.#accounts.add(row.key_hash, { bytes: -row.stored, files: -1 });
    this.#chunks.remove(id);
    this.#sql.exec('DELETE FROM files WHERE id = ?', id);
  }

  /** Deletes files whose retention time is over, a few at a time. */
  forget(now: number): void {
    const over = 'SELECT id FROM files WHERE expires_at <= ? LIMIT 20';
    for (const { id } of this.#sql.exec<TableRow>(over, now).toArray()) this.delete(id);
  }

  /** Counts a file for the pieces that it has. */
  #count(id: string): void {
    const counted = 'SELECT key_hash, filename, stored FROM files WHERE id = ?';
    const [row] = this.#sql.exec<TableRow>(counted, id);
    if (!row) return;
    const length = this.#chunks.length(id, 'file');
    const stored = newFileBytes(row.filename, length);
    this.#accounts.add(row.key_hash, { bytes: stored - row.stored });
    this.#sql.exec('UPDATE files SET stored = ? WHERE id = ?', stored, id);
  }

  /** When the next file is to be deleted, epoch ms; Infinity for never. */
  get dueAt(): number {
    const { at } = this.#sql.exec('SELECT MIN(expires_at) AS at FROM files').one();
    return Number(at ?? Infinity);
  }
}

/** Bytes that a file of so many bytes counts for as it is stored. */
export function newFileBytes(filename: string, length: number): number {
  return fileRowBytes(textBytes(filename)) + piecesBytes(length);
}

function fileOf({ id, purpose, filename, bytes, ...row }: TableRow): StoredFile {
  return { id, purpose, filename, bytes, createdAt: row.created_at, expiresAt: row.expires_at };
}
