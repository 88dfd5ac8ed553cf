/** A line of a batch's input file, and one of its output: the forms of OpenAI's Batch API. */

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

/** Reads a line of a batch for an endpoint; `line` counts from 1. */
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
  const written = jsonOf(body);
  if (written === undefined) return wrong('invalid_request', 'Nested too deeply.', 'body');
  return { ok: true, customId: custom_id, body: written };
}

export interface LineResult {
  readonly customId: string;
  readonly requestId: string;
  readonly status?: number;
  /** The answer's body as it came. */
  readonly body?: string;
  readonly error?: JobError;
}

export interface WrittenLine {
  readonly text: string;
  /** Whether it goes to the output, and not to the errors. */
  readonly good: boolean;
  readonly usage: { readonly input: number; readonly output: number };
}

/** The line of an output or error file that tells what became of a request. */
export function writeBatchLine(id: string, result: LineResult): WrittenLine {
  const { customId, requestId, status, body = '', error } = result;
  const answered = status !== undefined;
  const json = answered ? parsed(body) : undefined;
  const line = {
    id,
    custom_id: customId,
    response: answered ? { status_code: status, request_id: requestId, body: json ?? body } : null,
    error: answered ? null : (error ?? { code: 'internal_error', message: 'It failed.' }),
  };
  // An answer that cannot be written as JSON is told as it came.
  const text = jsonOf(line) ?? JSON.stringify({ ...line, response: { ...line.response, body } });
  return {
    text: `${text}\n`,
    good: answered && status < 400,
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
  const found = usageSchema.safeParse(json);
  if (!found.success) return { input: 0, output: 0 };
  const { usage } = found.data;
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
