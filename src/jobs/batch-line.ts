/**
 * The lines of a batch's input file and of its output files, in the format of OpenAI's Batch API.
 * The order that creates a batch is in batch-order.ts.
 */
import { z } from 'zod';
import { firstProblem } from '../http/problem.ts';
import type { BatchError, JobError } from '../protocol/jobs.ts';
import { jsonOf } from './json-of.ts';

const lineSchema = z.looseObject({
  custom_id: z.string().min(1).max(512),
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
    error: { code, message, line, ...(param === undefined ? {} : { param }) },
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return wrong('invalid_json_line', 'This line is not valid JSON.');
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) {
    const { message, param } = firstProblem(parsed.error);
    return wrong('invalid_request', message, param);
  }
  const { custom_id, url, body } = parsed.data;
  if (url !== endpoint) {
    return wrong('mismatched_url', `Expected the batch's endpoint, "${endpoint}".`, 'url');
  }
  if (body.stream === true) {
    return wrong('invalid_request', 'Expected no stream: nobody reads along.', 'body.stream');
  }
  const bodyText = jsonOf(body);
  if (bodyText === undefined) return wrong('invalid_request', 'Nested too deeply.', 'body');
  return { ok: true, customId: custom_id, body: bodyText };
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
  const line = {
    id,
    custom_id: customId,
    response: isAnswered
      ? { status_code: status, request_id: requestId, body: json ?? body }
      : null,
    error: isAnswered ? null : (error ?? { code: 'internal_error', message: 'It failed.' }),
  };
  // An answer that is nested too deeply to be written as JSON is written as a string.
  const text = jsonOf(line) ?? JSON.stringify({ ...line, response: { ...line.response, body } });
  return {
    text: `${text}\n`,
    good: isAnswered && status < 400,
    usage: usageOf(json),
  };
}

const usageSchema = z.object({
  usage: z.object({
    prompt_tokens: z.number().optional(),
    input_tokens: z.number().optional(),
    completion_tokens: z.number().optional(),
    output_tokens: z.number().optional(),
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
