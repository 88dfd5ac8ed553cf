/**
 * Writes the results of a batch to files, in the order of its input: lines that succeeded to the output
 * file, all others to the error file. A line is deleted in the step that writes it.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { writeBatchLine } from '../../src/jobs/batch-line.ts';
import { type BatchState, PIECE_BYTES, randomId } from '../../src/protocol/jobs.ts';
import type { BatchRow } from './batch-store.ts';
import { joined } from './chunk-store.ts';
import type { JobRow } from './job-row.ts';
import type { JobStores } from './job-stores.ts';

/** Most lines that are written in one step. */
const LINES_A_STEP = 1_000;

/** Writes the next lines that have ended; false while the first lines have not all ended. */
export function writeOutput(
  stores: JobStores,
  batch: BatchRow,
  settings: JobSettings,
  now: number,
): boolean {
  const { batches, jobs, files } = stores;
  const lines = stores.lines.first(batch.id, LINES_A_STEP);
  if (lines.some((line) => line.endedAt === undefined)) return false;
  if (lines.length === 0) {
    finish(stores, batch, settings, now);
    return true;
  }
  let updated: BatchRow = batch;
  const usage = { ...batch.usage };
  let bytes = 0;
  const parts = { output: [] as Uint8Array[], error: [] as Uint8Array[] };
  for (const line of lines) {
    const written = writtenLine(stores, line);
    const encoded = new TextEncoder().encode(written.text);
    parts[written.good ? 'output' : 'error'].push(encoded);
    usage.input += written.usage.input;
    usage.output += written.usage.output;
    jobs.delete(line.id);
    bytes += encoded.length;
    if (bytes >= PIECE_BYTES) break;
  }
  if (parts.output.length > 0 && updated.outputFile === undefined) {
    updated = { ...updated, outputFile: newFile(stores, batch, 'output', now) };
  }
  if (parts.error.length > 0 && updated.errorFile === undefined) {
    updated = { ...updated, errorFile: newFile(stores, batch, 'error', now) };
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

function writtenLine({ chunks }: JobStores, line: JobRow) {
  const body = new TextDecoder().decode(chunks.read(line.id, 'answer'));
  return writeBatchLine(randomId('batch_req_'), {
    customId: line.customId ?? '',
    requestId: line.answer?.headers['x-request-id'] ?? line.id,
    ...(line.answer ? { status: line.answer.status, body } : {}),
    ...(line.error ? { error: line.error } : {}),
  });
}

function newFile(
  { files }: JobStores,
  batch: BatchRow,
  kind: 'output' | 'error',
  now: number,
): string {
  const id = randomId('file-', now);
  const filename = `${batch.id}_${kind}.jsonl`;
  const { keyId, keyHash } = batch;
  const file = { id, purpose: 'batch_output' as const, filename, createdAt: now };
  files.begin(file, 0, { keyId, keyHash });
  return id;
}

/** All lines are written: the files are complete, and the batch has ended. */
function finish(
  { batches, files }: JobStores,
  batch: BatchRow,
  { retentionMs }: JobSettings,
  now: number,
): void {
  const keptMs = Math.min(retentionMs, batch.outputLifetimeMs ?? Infinity);
  for (const id of [batch.outputFile, batch.errorFile]) {
    if (id !== undefined) files.complete(id, now + keptMs);
  }
  batches.change(batch, endOf(batch), now);
  batches.expireAt(batch.id, now + retentionMs);
}

function endOf(batch: BatchRow): BatchState {
  if (batch.state === 'cancelling') return 'cancelled';
  return batch.expired > 0 ? 'expired' : 'completed';
}
