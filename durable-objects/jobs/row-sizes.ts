/**
 * What each row of the jobs object counts for, so that the limit on stored bytes holds for what is
 * stored. The fixed part of a row is what its numbers, ids and entries in indexes take.
 */
import { PIECE_BYTES } from '../../src/protocol/jobs.ts';
import { contentBytes } from '../stored-size.ts';

/** Fixed parts of rows, bytes. */
const JOB_ROW_BYTES = 1_536;
const BATCH_ROW_BYTES = 1_024;
const FILE_ROW_BYTES = 512;
const PIECE_ROW_BYTES = 128;
/** Longest content that shares a page with other rows. */
const SHORT_TEXTS = 500;
const SHORT_PIECE = 1_000;

/** A job with texts of so many bytes: path, headers, webhook, keys, and what was answered. */
export function jobRowBytes(textBytes: number): number {
  return JOB_ROW_BYTES + contentBytes(textBytes, SHORT_TEXTS);
}

/** A batch with texts of so many bytes: its order with metadata, and its errors. */
export function batchRowBytes(textBytes: number): number {
  return BATCH_ROW_BYTES + contentBytes(textBytes, SHORT_TEXTS);
}

/** A file with a name of so many bytes, without its pieces. */
export function fileRowBytes(nameBytes: number): number {
  return FILE_ROW_BYTES + contentBytes(nameBytes, SHORT_TEXTS);
}

/** The pieces of a body, an answer or a file of so many bytes. */
export function piecesBytes(length: number): number {
  const whole = Math.floor(length / PIECE_BYTES);
  const rest = length % PIECE_BYTES;
  return whole * pieceBytes(PIECE_BYTES) + (rest > 0 ? pieceBytes(rest) : 0);
}

function pieceBytes(length: number): number {
  return PIECE_ROW_BYTES + contentBytes(length, SHORT_PIECE);
}
