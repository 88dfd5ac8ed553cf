/**
 * Parses the body of a model call into what dispatch needs of it. The original text is kept and
 * forwarded: serialising the parsed body again would lose digits of numbers and the order of keys.
 * The schemas are in `model-apis.ts`.
 */

import { failure, type Outcome } from '../http/errors.ts';
import { firstProblem } from '../http/problem.ts';
import { type ModelApi, type ModelFields, NO_LIMIT } from './model-apis.ts';

export interface ModelRequest {
  readonly text: string;
  readonly model: string;
  readonly stream: boolean;
  /** The client set a priority itself. */
  readonly hasPriority: boolean;
  /** The client asked for usage in its stream. */
  readonly wantsUsage: boolean;
  /** The body has the field, even if it is null. */
  readonly hasStreamOptions: boolean;
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices: number;
}

/** English text has about 4 characters a token; enough to compare calls before usage is known. */
const CHARS_PER_TOKEN = 4;
/** Deepest nesting that is counted: a message, its parts, a tool result, and its parts. */
const MAX_PROMPT_DEPTH = 8;
/** The fields of all APIs that hold text for the model. */
const PROMPT_FIELDS = [
  'system',
  'instructions',
  'messages',
  'prompt',
  'input',
  'query',
  'documents',
  'text_1',
  'text_2',
];

/**
 * `fields` is the parsed body, for callers that read more of it; the request keeps only the text.
 * The error is `invalid_request_error`.
 */
export function parseModelRequest(
  text: string,
  api: ModelApi,
): Outcome<{ request: ModelRequest; fields: ModelFields }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid JSON.' });
  }
  const parsed = api.schema.safeParse(json);
  if (!parsed.success) return failure('invalid_request_error', firstProblem(parsed.error));
  const body = parsed.data;
  const { max_completion_tokens, max_output_tokens, max_tokens } = body;
  const limit = max_completion_tokens ?? max_output_tokens ?? max_tokens ?? NO_LIMIT;
  return {
    ok: true,
    fields: body,
    request: {
      text,
      model: body.model,
      stream: api.streams === true && body.stream === true,
      hasPriority: Object.hasOwn(body, 'priority'),
      wantsUsage: body.stream_options?.include_usage === true,
      hasStreamOptions: Object.hasOwn(body, 'stream_options'),
      inputTokens: Math.ceil(promptChars(body) / CHARS_PER_TOKEN),
      ...(limit === NO_LIMIT ? {} : { maxOutputTokens: limit }),
      choices: choicesOf(body),
    },
  };
}

/**
 * The body with usage requested in the stream. All other characters stay unchanged unless the body
 * has `stream_options` already: it is then serialised again, or undefined where it is nested too
 * deeply for that.
 */
export function withUsage(request: ModelRequest): string | undefined {
  const { text } = request;
  if (request.hasStreamOptions) {
    const body: Record<string, unknown> = JSON.parse(text);
    const options = body.stream_options as Record<string, unknown> | null;
    try {
      return JSON.stringify({ ...body, stream_options: { ...options, include_usage: true } });
    } catch {
      return undefined;
    }
  }
  const end = text.lastIndexOf('}');
  return `${text.slice(0, end)},"stream_options":{"include_usage":true}${text.slice(end)}`;
}

/** A completion of several prompts has `n` answers to each prompt. */
function choicesOf({ n, prompt }: ModelFields): number {
  const perPrompt = typeof n === 'number' && n >= 1 ? n : 1;
  const isList = Array.isArray(prompt) && typeof prompt[0] !== 'number';
  return perPrompt * Math.max(1, isList ? prompt.length : 1);
}

/** Number of characters that the model will read. */
function promptChars(body: ModelFields): number {
  return PROMPT_FIELDS.reduce((n, field) => n + charsOf(body[field], 0), 0);
}

function charsOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || depth > MAX_PROMPT_DEPTH) return 0;
  if (Array.isArray(value)) return value.reduce<number>((n, v) => n + charsOf(v, depth + 1), 0);
  const part = value as { content?: unknown; text?: unknown; output?: unknown };
  return charsOf(part.content ?? part.text ?? part.output, depth + 1);
}
