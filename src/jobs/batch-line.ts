/**
 * The lines of a batch's input file and of its output files, in the format of OpenAI's Batch API.
 * The order that creates a batch is in batch-order.ts.
 */

import * as z from 'zod/mini';
import { ENCODER } from '../http/encoder.ts';
import { textWithin } from '../http/field-schemas.ts';
import { given } from '../http/given.ts';
import { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames, type Span, scanJson, USUAL_BOUNDS } from '../http/json-scan.ts';
import { OPEN_OBJECT } from '../http/json-text.ts';
import { firstProblem } from '../http/problem.ts';
import { servedPath } from '../http/written-path.ts';
import type { BatchError, JobError } from '../protocol/jobs.ts';

const lineSchema = z.looseObject({
  custom_id: textWithin(1, 512),
  method: z.literal('POST'),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
});

export type ReadLine =
  | { readonly ok: true; readonly customId: string; readonly body: string }
  | { readonly ok: false; readonly error: BatchError };

/** Reads and checks an input line; `line` counts from 1, `endpoint` is the one of the batch. */
export function readBatchLine(text: string, line: number, endpoint: string): ReadLine {
  const wrong = (code: string, message: string, param?: string): ReadLine => ({
    ok: false,
    error: { code, message, line, ...given({ param }) },
  });
  const bytes = ENCODER.encode(text);
  const scanned = scanJson(bytes, USUAL_BOUNDS, LINE_FIELDS);
  if (!scanned.ok) {
    const message = scanned.error.message?.replace('The body', 'This line') ?? '';
    return wrong('invalid_json_line', message);
  }
  const { fields, root } = scanned.json;
  const isObject = bytes[root.start] === OPEN_OBJECT;
  const parsed = lineSchema.safeParse(isObject ? shortFields(bytes, fields) : null);
  if (!parsed.success) {
    const { message, param } = firstProblem(parsed.error);
    return wrong('invalid_request', message, param);
  }
  const { custom_id, url } = parsed.data;
  if (servedPath(url) !== endpoint) {
    return wrong('mismatched_url', `Expected the batch's endpoint, "${endpoint}".`, 'url');
  }
  const { start, end } = fields.get('body') ?? root;
  const body = bytes.subarray(start, end);
  if (streamOf(body) === true) {
    return wrong('invalid_request', 'Expected no stream: nobody reads along.', 'body.stream');
  }
  return { ok: true, customId: custom_id, body: new TextDecoder().decode(body) };
}

const LINE_FIELDS = new FieldNames(['custom_id', 'method', 'url', 'body']);
const STREAM_FIELD = new FieldNames(['stream']);
/** Most characters that are read of a line's short fields. */
const MAX_SHORT_CHARS = 4_096;

/** The fields that a line is checked by; of its body the kind. */
function shortFields(
  bytes: Uint8Array,
  fields: ReadonlyMap<string, Span>,
): Record<string, unknown> {
  return Object.fromEntries(
    [...fields].map(([name, { start }]) => {
      const cursor = new JsonCursor(bytes, start);
      const kind = cursor.kind();
      if (kind === 'string') return [name, cursor.text(MAX_SHORT_CHARS)];
      return [name, kind === 'object' ? {} : null];
    }),
  );
}

function streamOf(body: Uint8Array): unknown {
  const scanned = scanJson(body, USUAL_BOUNDS, STREAM_FIELD);
  const span = scanned.ok ? scanned.json.fields.get('stream') : undefined;
  return span && span.end - span.start <= 'false'.length
    ? new JsonCursor(body, span.start).parse()
    : undefined;
}

/** The result of one line; without `status` there was no answer. */
export interface LineResult {
  readonly customId: string;
  readonly requestId: string;
  readonly status?: number;
  /** The answer's body as it was received. */
  readonly body?: string;
  readonly error?: JobError;
}

export interface WrittenLine {
  readonly text: string;
  /** True for the output file, false for the error file. */
  readonly good: boolean;
  /** Tokens that the answer reports; 0 where it does not. */
  readonly usage: { readonly input: number; readonly output: number };
}

/** Writes the line of the output or error file for a result; `id` is the id of the line itself. */
export function writeBatchLine(id: string, result: LineResult): WrittenLine {
  const { customId, requestId, status, body = '', error } = result;
  const isAnswered = status !== undefined;
  const json = isAnswered ? parsed(body) : undefined;
  const line = JSON.stringify({
    id,
    custom_id: customId,
    response: isAnswered ? { status_code: status, request_id: requestId, body: null } : null,
    error: isAnswered ? null : (error ?? { code: 'internal_error', message: 'It failed.' }),
  });
  return {
    text: `${isAnswered ? withLastNull(line, answerText(body, json)) : line}\n`,
    good: isAnswered && status < 400,
    usage: usageOf(json),
  };
}

/** An answer that is nested more deeply is written as a string: readers could not parse it. */
const ANSWER_BOUNDS = { depth: 1_000, parts: Infinity };

/** The answer in a line: its own text where that is JSON, since numbers would lose digits. */
function answerText(body: string, json: unknown): string {
  // Line ends within JSON stand between its values.
  const isJson = json !== undefined && scanJson(ENCODER.encode(body), ANSWER_BOUNDS).ok;
  return !isJson ? JSON.stringify(body) : body.replace(/[\r\n]+/g, ' ').trim();
}

/** The line with the answer in the place of its body, which is null so far. */
function withLastNull(line: string, answer: string): string {
  const end = '"body":null},"error":null}';
  return `${line.slice(0, -end.length)}"body":${answer}},"error":null}`;
}

const usageSchema = z.object({
  usage: z.object({
    prompt_tokens: z.optional(z.number()),
    input_tokens: z.optional(z.number()),
    completion_tokens: z.optional(z.number()),
    output_tokens: z.optional(z.number()),
  }),
});

function usageOf(json: unknown): WrittenLine['usage'] {
  const result = usageSchema.safeParse(json);
  if (!result.success) return { input: 0, output: 0 };
  const { usage } = result.data;
  return {
    input: usage.prompt_tokens ?? usage.input_tokens ?? 0,
    output: usage.completion_tokens ?? usage.output_tokens ?? 0,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
