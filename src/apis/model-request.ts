/**
 * A model call's body as Talaria sees it. The text is kept and forwarded as it came: parsing and
 * writing it again would lose digits of numbers and the order of keys.
 */

import { failure, type Outcome } from '../http/errors.ts';
import { firstProblem } from '../http/problem.ts';
import { type ModelApi, type ModelFields, NO_LIMIT } from './model-apis.ts';

export interface ModelRequest {
  readonly text: string;
  readonly model: string;
  readonly stream: boolean;
  /** The client gave a priority of its own. */
  readonly hasPriority: boolean;
  /** The client asked for usage in its stream. */
  readonly wantsUsage: boolean;
  /** The field is there, if only as null. */
  readonly hasStreamOptions: boolean;
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  /** Answers asked for in one call, OpenAI's `n`. */
  readonly choices: number;
}

/** English text has about four characters a token; enough to compare calls before usage is known. */
const CHARS_PER_TOKEN = 4;
/** A message, its parts, a tool's result among them, and the parts of that. */
const MAX_PROMPT_DEPTH = 8;
/** Where the text that a model reads stands, of all the APIs. */
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

/** `fields` is the parsed body, for those who read more of it; the request itself keeps the text only. */
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
 * The body with usage asked for in the stream; all other characters stay as they came. Undefined
 * where it is nested too deeply to be written again.
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

/** A completion of several prompts has `n` answers to each. */
function choicesOf({ n, prompt }: ModelFields): number {
  const each = typeof n === 'number' && n >= 1 ? n : 1;
  const isList = Array.isArray(prompt) && typeof prompt[0] !== 'number';
  return each * Math.max(1, isList ? prompt.length : 1);
}

/** Characters of the text that the model will read. */
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
