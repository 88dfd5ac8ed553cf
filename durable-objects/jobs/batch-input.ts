/**
 * Reads the input of a batch, a piece at a time, and stores each line as a job that is held. A batch
 * begins only when all of its input is valid; one with errors fails as a whole. What a line has to be
 * is in src/jobs/batch-line.ts.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { readBatchLine } from '../../src/jobs/batch-line.ts';
import { type BatchError, PIECE_BYTES } from '../../src/protocol/jobs.ts';
import type { BatchRow } from './batch-store.ts';
import { boundText, exceededBound } from './job-bounds.ts';
import { jobBytes } from './job-store.ts';
import type { JobStores } from './job-stores.ts';

/** Most errors that are reported of one input file. */
const MAX_ERRORS = 20;
/** Most lines that are read in one step. */
const LINES_A_STEP = 1_000;
/** The byte of a line feed. */
const NEW_LINE = 10;

/** Reads the next lines of the input; with the last one the batch begins or fails. */
export function readInput(
  stores: JobStores,
  batch: BatchRow,
  settings: JobSettings,
  now: number,
): void {
  const { batches, files, chunks } = stores;
  if (!files.file(batch.inputFile)) {
    const message = 'The input file is gone.';
    return refuse(stores, batch, [{ code: 'file_not_found', message }], settings, now);
  }
  const { bytes, ends } = nextInput(stores, batch, settings.bodyBytes);
  const lines = linesOf(bytes, ends);
  let { line } = batch;
  let { total } = batch.counts;
  let offset = batch.offset;
  const errors = [...batch.errors];
  for (const { text, length } of lines) {
    line += 1;
    offset += length;
    if (text.trim() === '') continue;
    const error = addLine(stores, batch, text, line, total, settings, now);
    if (!error) total += 1;
    else errors.push(error);
    if (errors.length >= MAX_ERRORS) break;
  }
  if (lines.length === 0 && !ends) {
    const message = `Expected lines of ${settings.bodyBytes} bytes at most.`;
    errors.push({ code: 'line_too_long', message, line: line + 1 });
  }
  batches.read(batch.id, offset, line, total);
  const isOver = offset >= chunks.length(batch.inputFile, 'file');
  if (isOver && total === 0 && errors.length === 0) {
    errors.push({ code: 'empty_file', message: 'The input file has no requests.' });
  }
  if (errors.length > 0 && (isOver || errors.length >= MAX_ERRORS || lines.length === 0)) {
    return refuse(stores, batch, errors, settings, now);
  }
  if (!isOver) return batches.tell({ ...batch, errors });
  stores.lines.release(batch.id, now);
  batches.change(batch, 'in_progress', now);
}

/**
 * The next piece of input, extended up to the longest allowed line where no line ends in it.
 * `ends`: the input ends with it.
 */
function nextInput(
  { chunks }: JobStores,
  batch: BatchRow,
  lineBytes: number,
): { bytes: Uint8Array; ends: boolean } {
  const rest = chunks.length(batch.inputFile, 'file') - batch.offset;
  let maxBytes = PIECE_BYTES;
  let bytes = chunks.read(batch.inputFile, 'file', batch.offset, maxBytes);
  while (bytes.length < rest && !bytes.includes(NEW_LINE) && maxBytes <= lineBytes) {
    maxBytes += PIECE_BYTES;
    bytes = chunks.read(batch.inputFile, 'file', batch.offset, maxBytes);
  }
  return { bytes, ends: bytes.length >= rest };
}

/**
 * Whole lines, and the bytes of each with its line feed. With `ends`, the last line may lack one.
 */
function linesOf(bytes: Uint8Array, ends: boolean): Array<{ text: string; length: number }> {
  const lines: Array<{ text: string; length: number }> = [];
  const decoder = new TextDecoder();
  let at = 0;
  while (at < bytes.length && lines.length < LINES_A_STEP) {
    const end = bytes.indexOf(NEW_LINE, at);
    if (end < 0 && !ends) break;
    const next = end < 0 ? bytes.length : end + 1;
    lines.push({
      text: decoder.decode(bytes.subarray(at, end < 0 ? next : end)),
      length: next - at,
    });
    at = next;
  }
  return lines;
}

/** Stores a line as a job; returns the error of a line that is not valid. */
function addLine(
  { jobs, lines, accounts }: JobStores,
  batch: BatchRow,
  text: string,
  line: number,
  total: number,
  settings: JobSettings,
  now: number,
): BatchError | undefined {
  const read = readBatchLine(text, line, batch.endpoint);
  if (!read.ok) return read.error;
  const { customId, body } = read;
  if (lines.has(batch.id, customId)) {
    const message = `The custom_id "${customId}" was there before.`;
    return { code: 'duplicate_custom_id', message, line, param: 'custom_id' };
  }
  if (total >= settings.batchLines) {
    const message = `Expected ${settings.batchLines} requests at most.`;
    return { code: 'too_many_requests', message, line };
  }
  const bytes = new TextEncoder().encode(body);
  if (bytes.length > settings.bodyBytes) {
    const message = `Expected a body of ${settings.bodyBytes} bytes at most.`;
    return { code: 'request_too_large', message, line, param: 'body' };
  }
  const app = batch.metadata?.talaria_app;
  const job = {
    id: `${batch.id}/${String(line).padStart(8, '0')}`,
    keyId: batch.keyId,
    keyHash: batch.keyHash,
    method: 'POST',
    path: batch.endpoint,
    headers: {
      'content-type': 'application/json',
      ...(app === undefined ? {} : { 'x-talaria-app': app }),
    },
    body: bytes,
    createdAt: now,
    deadlineAt: batch.deadlineAt,
    ownDeadline: false,
  };
  const of = { batch: batch.id, line, customId };
  const more = { jobs: 1, bytes: jobBytes(job, of) };
  const exceeded = exceededBound(accounts, batch.keyHash, more, settings);
  if (exceeded) {
    const code = exceeded.what === 'bytes' ? 'storage_full' : 'queue_full';
    return { code, message: boundText(exceeded), line };
  }
  jobs.insert(job, of);
  return undefined;
}

/** Fails a batch whose input is not valid, and deletes its lines. */
function refuse(
  { batches, lines }: JobStores,
  batch: BatchRow,
  errors: readonly BatchError[],
  { retentionMs }: JobSettings,
  now: number,
): void {
  lines.remove(batch.id);
  batches.change(batch, 'failed', now, { errors });
  batches.expireAt(batch.id, now + retentionMs);
}
