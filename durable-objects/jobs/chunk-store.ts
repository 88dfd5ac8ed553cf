/**
 * The bytes of jobs and files in SQLite, in pieces that fit a row. All pieces of an
 * owner but the last are full, so that an offset determines its piece. An owner is the id of a job
 * or file.
 */
import { PIECE_BYTES } from '../../src/protocol/jobs.ts';

export type ChunkKind = 'body' | 'answer' | 'file';

export class ChunkStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Writes or replaces the piece with the index `n`. Throws RangeError where it is too long. */
  put(owner: string, kind: ChunkKind, n: number, bytes: Uint8Array): void {
    if (bytes.length > PIECE_BYTES) throw new RangeError(`A piece of ${bytes.length} bytes`);
    this.#sql.exec('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)', owner, kind, n, bytes);
  }

  /** Appends bytes; returns how many there are then. */
  append(owner: string, kind: ChunkKind, bytes: Uint8Array): number {
    const [last] = this.#sql.exec(
      'SELECT n, bytes FROM chunks WHERE owner = ? AND kind = ? ORDER BY n DESC LIMIT 1',
      ...[owner, kind],
    );
    let n = last ? Number(last.n) : 0;
    let head = last?.bytes instanceof ArrayBuffer ? new Uint8Array(last.bytes) : new Uint8Array(0);
    if (head.length === PIECE_BYTES) {
      n += 1;
      head = new Uint8Array(0);
    }
    let at = 0;
    let room = PIECE_BYTES - head.length;
    while (at < bytes.length) {
      const part = bytes.subarray(at, at + room);
      const whole = new Uint8Array(head.length + part.length);
      whole.set(head);
      whole.set(part, head.length);
      this.put(owner, kind, n, whole);
      at += part.length;
      n += 1;
      head = new Uint8Array(0);
      room = PIECE_BYTES;
    }
    return this.length(owner, kind);
  }

  piece(owner: string, kind: ChunkKind, n: number): Uint8Array<ArrayBuffer> | undefined {
    const [row] = this.#sql.exec(
      'SELECT bytes FROM chunks WHERE owner = ? AND kind = ? AND n = ?',
      ...[owner, kind, n],
    );
    return row?.bytes instanceof ArrayBuffer ? new Uint8Array(row.bytes) : undefined;
  }

  /** Number of bytes of an owner. */
  length(owner: string, kind: ChunkKind): number {
    const { n } = this.#sql
      .exec('SELECT SUM(LENGTH(bytes)) AS n FROM chunks WHERE owner = ? AND kind = ?', owner, kind)
      .one();
    return Number(n ?? 0);
  }

  /** Up to `most` bytes from an offset on, fewer at the end. Throws where a piece is missing. */
  read(owner: string, kind: ChunkKind, offset = 0, most = Infinity): Uint8Array<ArrayBuffer> {
    const length = Math.min(most, Math.max(0, this.length(owner, kind) - offset));
    const whole = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const from = offset + at;
      const piece = this.piece(owner, kind, Math.floor(from / PIECE_BYTES));
      if (!piece) throw new Error(`A piece of ${owner} is missing`);
      const part = piece.subarray(from % PIECE_BYTES).subarray(0, length - at);
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  remove(owner: string): void {
    this.#sql.exec('DELETE FROM chunks WHERE owner = ?', owner);
  }

  /** Removes the pieces of all owners whose id begins with a prefix. */
  removeAll(prefix: string): void {
    this.#sql.exec(
      'DELETE FROM chunks WHERE owner >= ? AND owner < ?',
      ...[prefix, `${prefix}\u{10ffff}`],
    );
  }
}

/** Puts pieces together, in their order. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
