/**
 * The life of a batch: its input is read and checked as a whole, its lines run as jobs
 * (job-work.ts), and their results are written to files. Each step is one transaction of bounded
 * size that stores its progress in the batch's row (batch-store.ts), so that a restart goes on from
 * there.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { readBatchLine, writeBatchLine } from '../../src/jobs/batch-line.ts';
import {
  type BatchError,
  type BatchState,
  PIECE_BYTES,
  randomId,
} from '../../src/protocol/jobs.ts';
import type { BatchRow } from './batch-store.ts';
import { boundText, exceededBound } from './job-bounds.ts';
import type { JobRow } from './job-row.ts';
import { jobBytes } from './job-store.ts';
import type { JobStores } from './job-stores.ts';

/** Most errors that are reported of one input file. */
const MAX_ERRORS = 20;
/** Most lines that are read or written in one step. */
const LINES_A_STEP = 1_000;
/** The byte of a line feed. */
const NEW_LINE = 10;

export class BatchWork {
  readonly #stores: JobStores;
  readonly #cancel: (line: JobRow, now: number) => void;

  /** `cancel` ends a line that waits or runs. */
  constructor(stores: JobStores, cancel: (line: JobRow, now: number) => void) {
    this.#stores = stores;
    this.#cancel = cancel;
  }

  /** Makes one step of a batch; false where there is nothing to do for it at present. */
  step(batch: BatchRow, settings: JobSettings, now: number): boolean {
    switch (batch.state) {
      case 'validating':
        this.#read(batch, settings, now);
        return true;
      case 'in_progress': {
        const { total, completed, failed } = batch.counts;
        if (completed + failed < total) return false;
        this.#stores.batches.change(batch, 'finalizing', now);
        return true;
      }
      case 'cancelling': {
        const unfinished = this.#stores.lines.unfinished(batch.id);
        for (const line of unfinished) this.#cancel(line, now);
        return unfinished.length > 0 || this.#write(batch, settings, now);
      }
      case 'finalizing':
        return this.#write(batch, settings, now);
      default:
        return false;
    }
  }

  #read(batch: BatchRow, settings: JobSettings, now: number): void {
    const { batches, files, chunks } = this.#stores;
    if (!files.file(batch.inputFile)) {
      const message = 'The input file is gone.';
      return this.#refuse(batch, [{ code: 'file_not_found', message }], settings, now);
    }
    const { bytes, ends } = this.#window(batch, settings.bodyBytes);
    const lines = linesOf(bytes, ends);
    let { line } = batch;
    let { total } = batch.counts;
    let offset = batch.offset;
    const errors = [...batch.errors];
    for (const { text, length } of lines) {
      line += 1;
      offset += length;
      if (text.trim() === '') continue;
      const error = this.#addLine(batch, text, line, total, settings, now);
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
      return this.#refuse(batch, errors, settings, now);
    }
    if (!isOver) return batches.tell({ ...batch, errors });
    this.#stores.lines.release(batch.id, now);
    batches.change(batch, 'in_progress', now);
  }

  /**
   * The next piece of input, extended up to the longest allowed line where no line ends in it.
   * `ends`: the input ends with it.
   */
  #window(batch: BatchRow, lineBytes: number): { bytes: Uint8Array; ends: boolean } {
    const { chunks } = this.#stores;
    const rest = chunks.length(batch.inputFile, 'file') - batch.offset;
    let maxBytes = PIECE_BYTES;
    let bytes = chunks.read(batch.inputFile, 'file', batch.offset, maxBytes);
    while (bytes.length < rest && !bytes.includes(NEW_LINE) && maxBytes <= lineBytes) {
      maxBytes += PIECE_BYTES;
      bytes = chunks.read(batch.inputFile, 'file', batch.offset, maxBytes);
    }
    return { bytes, ends: bytes.length >= rest };
  }

  /** Stores a line as a job; returns the error of a line that is not valid. */
  #addLine(
    batch: BatchRow,
    text: string,
    line: number,
    total: number,
    settings: JobSettings,
    now: number,
  ): BatchError | undefined {
    const { jobs, lines } = this.#stores;
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
    const exceeded = exceededBound(this.#stores.accounts, batch.keyHash, more, settings);
    if (exceeded) {
      const code = exceeded.what === 'bytes' ? 'storage_full' : 'queue_full';
      return { code, message: boundText(exceeded), line };
    }
    jobs.insert(job, of);
    return undefined;
  }

  /** Fails a batch whose input is not valid, and deletes its lines. */
  #refuse(
    batch: BatchRow,
    errors: readonly BatchError[],
    { retentionMs }: JobSettings,
    now: number,
  ): void {
    const { batches, lines } = this.#stores;
    lines.remove(batch.id);
    batches.change(batch, 'failed', now, { errors });
    batches.expireAt(batch.id, now + retentionMs);
  }

  /** Moves ended lines to the output files; false while the first lines have not all ended. */
  #write(batch: BatchRow, settings: JobSettings, now: number): boolean {
    const { batches, jobs, files } = this.#stores;
    const lines = this.#stores.lines.first(batch.id, LINES_A_STEP);
    if (lines.some((line) => line.endedAt === undefined)) return false;
    if (lines.length === 0) {
      this.#finish(batch, settings, now);
      return true;
    }
    let updated: BatchRow = batch;
    const usage = { ...batch.usage };
    let bytes = 0;
    const parts = { output: [] as Uint8Array[], error: [] as Uint8Array[] };
    for (const line of lines) {
      const written = this.#lineOf(line);
      const encoded = new TextEncoder().encode(written.text);
      parts[written.good ? 'output' : 'error'].push(encoded);
      usage.input += written.usage.input;
      usage.output += written.usage.output;
      jobs.delete(line.id);
      bytes += encoded.length;
      if (bytes >= PIECE_BYTES) break;
    }
    if (parts.output.length > 0 && updated.outputFile === undefined) {
      updated = { ...updated, outputFile: this.#newFile(batch, 'output', now) };
    }
    if (parts.error.length > 0 && updated.errorFile === undefined) {
      updated = { ...updated, errorFile: this.#newFile(batch, 'error', now) };
    }
    for (const [id, part] of [
      [updated.outputFile, parts.output],
      [updated.errorFile, parts.error],
    ] as const) {
      if (id === undefined || part.length === 0) continue;
      files.append(id, joined(part));
      files.keep(id, now + settings.retentionMs);
    }
    batches.tell({ ...updated, usage });
    return true;
  }

  #lineOf(line: JobRow) {
    const body = new TextDecoder().decode(this.#stores.chunks.read(line.id, 'answer'));
    return writeBatchLine(randomId('batch_req_'), {
      customId: line.customId ?? '',
      requestId: line.answer?.headers['x-request-id'] ?? line.id,
      ...(line.answer ? { status: line.answer.status, body } : {}),
      ...(line.error ? { error: line.error } : {}),
    });
  }

  #newFile(batch: BatchRow, kind: 'output' | 'error', now: number): string {
    const id = randomId('file-', now);
    const filename = `${batch.id}_${kind}.jsonl`;
    const { keyId, keyHash } = batch;
    const file = { id, purpose: 'batch_output' as const, filename, createdAt: now };
    this.#stores.files.begin(file, 0, { keyId, keyHash });
    return id;
  }

  #finish(batch: BatchRow, { retentionMs }: JobSettings, now: number): void {
    const { batches, files } = this.#stores;
    const keptMs = Math.min(retentionMs, batch.outputLifetimeMs ?? Infinity);
    for (const id of [batch.outputFile, batch.errorFile]) {
      if (id !== undefined) files.complete(id, now + keptMs);
    }
    batches.change(batch, endOf(batch), now);
    batches.expireAt(batch.id, now + retentionMs);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function endOf(batch: BatchRow): BatchState {
  if (batch.state === 'cancelling') return 'cancelled';
  return batch.expired > 0 ? 'expired' : 'completed';
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
