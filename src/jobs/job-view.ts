/**
 * Jobs, files and batches as clients see them. Field names are those of the API; times are epoch
 * seconds, as in OpenAI's API.
 */
import { utf8Text } from '../http/utf8-text.ts';
import type { Batch, BatchState, Job, KeyUsage, StoredFile } from '../protocol/jobs.ts';

type Json = Record<string, unknown>;

/**
 * A job with the body of its answer, as text: JSON in the body stays as it came, since numbers would
 * lose digits.
 */
export function jobText(job: Job, body?: Uint8Array): string {
  const type = job.answer?.headers['content-type'] ?? '';
  const json = body && JSON_TYPE.test(type) ? jsonTextOf(body) : undefined;
  if (json === undefined) return JSON.stringify(jobView(job, body));
  const view = jobView(job);
  // No answer can have it in its headers.
  const place = crypto.randomUUID();
  const response = { ...(view.response as Json), body: place };
  return JSON.stringify({ ...view, response }).replace(`"${place}"`, () => json);
}

/** A job, with the body of its answer if given and no JSON. */
export function jobView(job: Job, body?: Uint8Array): Json {
  const { answer, webhook } = job;
  return {
    id: job.id,
    object: 'job',
    status: job.state,
    method: job.method,
    path: job.path,
    attempts: job.attempts,
    created_at: seconds(job.createdAt),
    deadline_at: seconds(job.deadlineAt),
    started_at: seconds(job.startedAt),
    ended_at: seconds(job.endedAt),
    expires_at: seconds(job.expiresAt),
    response: answer
      ? {
          status_code: answer.status,
          headers: answer.headers,
          ...(body ? bodyView(body, answer.headers['content-type'] ?? '') : {}),
        }
      : null,
    error: job.error ?? null,
    webhook: webhook ? { url: webhook.url, status: webhook.state, tries: webhook.tries } : null,
  };
}

const JSON_TYPE = /[/+]json\b/i;

/** Text as a string, anything else in base64. */
function bodyView(bytes: Uint8Array, type: string): Json {
  const text = utf8Text(bytes);
  const isText = JSON_TYPE.test(type) || /^(text\/|$)/i.test(type);
  return isText && text !== undefined ? { body: text } : { body_base64: base64(bytes) };
}

/** The bytes as text; undefined where they are no JSON. */
function jsonTextOf(bytes: Uint8Array): string | undefined {
  const text = utf8Text(bytes);
  if (text === undefined) return undefined;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

function base64(bytes: Uint8Array): string {
  // In parts, because the number of arguments is limited; a multiple of 3 bytes has no padding.
  const PART = 30_000;
  let text = '';
  for (let at = 0; at < bytes.length; at += PART) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PART)));
  }
  return text;
}

export function fileView(file: StoredFile): Json {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: seconds(file.createdAt),
    expires_at: seconds(file.expiresAt),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
  };
}

export function batchView(batch: Batch): Json {
  const { counts, usage, errors } = batch;
  const at = (state: BatchState) => seconds(batch.times[state]);
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors:
      errors.length === 0
        ? null
        : {
            object: 'list',
            data: errors.map((e) => ({ ...e, line: e.line ?? null, param: e.param ?? null })),
          },
    input_file_id: batch.inputFile,
    completion_window: '24h',
    status: batch.state,
    output_file_id: shown(batch, batch.outputFile),
    error_file_id: shown(batch, batch.errorFile),
    created_at: seconds(batch.createdAt),
    in_progress_at: at('in_progress'),
    expires_at: seconds(batch.deadlineAt),
    finalizing_at: at('finalizing'),
    completed_at: at('completed'),
    failed_at: at('failed'),
    expired_at: at('expired'),
    cancelling_at: at('cancelling'),
    cancelled_at: at('cancelled'),
    request_counts: counts,
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.output,
    },
    metadata: batch.metadata ?? null,
  };
}

/** What a key has, for the administrator; `key` has its id, and `sha256` tells replaced ones apart. */
export function usageView(usage: KeyUsage): Json {
  return {
    key: usage.keyId,
    sha256: usage.keyHash,
    jobs: usage.jobs,
    running: usage.running,
    batches: usage.batches,
    files: usage.files,
    stored_bytes: usage.bytes,
    webhooks_waiting: usage.webhooks,
  };
}

/** The id of an output file once it is complete, else null. */
function shown({ state }: Batch, file: string | undefined): string | null {
  const isComplete = state === 'completed' || state === 'expired' || state === 'cancelled';
  return isComplete ? (file ?? null) : null;
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1000);
}
