/**
 * The few fields of an OpenAI request that Talaria needs; all others pass untouched. The text of the
 * body is kept and forwarded as it came: parsing and writing it again would lose digits of numbers
 * and the order of keys.
 */
import { z } from 'zod';
import { type BodyHints, hintsOf } from './conversation.ts';
import { failure, type Outcome } from './errors.ts';
import { firstProblem } from './problem.ts';

const requestSchema = z.looseObject({
  model: z.string().min(1).max(256),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.number().min(0).nullish(),
  max_completion_tokens: z.number().min(0).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

export type Shape = 'chat' | 'completion' | 'embedding';

const SHAPE_FIELDS = {
  chat: z.looseObject({ messages: z.array(z.looseObject({ role: z.string() })).min(1) }),
  completion: z
    .looseObject({ prompt: z.unknown().optional() })
    .refine((b) => b.prompt !== undefined, {
      path: ['prompt'],
      message: 'Required',
    }),
  embedding: z.looseObject({ input: z.unknown().optional() }).refine((b) => b.input !== undefined, {
    path: ['input'],
    message: 'Required',
  }),
} as const;

export interface ModelRequest {
  readonly text: string;
  readonly model: string;
  readonly stream: boolean;
  /** The client asked for usage in its stream. */
  readonly wantsUsage: boolean;
  readonly hasStreamOptions: boolean;
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  readonly hints: BodyHints;
}

/** English text has about four characters a token; enough to compare calls before usage is known. */
const CHARS_PER_TOKEN = 4;

export function parseModelRequest(text: string, shape: Shape): Outcome<{ request: ModelRequest }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid JSON.' });
  }
  const parsed = requestSchema.safeParse(json);
  if (!parsed.success) return failure('invalid_request_error', firstProblem(parsed.error));
  const fields = SHAPE_FIELDS[shape].safeParse(json);
  if (!fields.success) return failure('invalid_request_error', firstProblem(fields.error));
  const body = parsed.data;
  const maxOutputTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  return {
    ok: true,
    request: {
      text,
      model: body.model,
      stream: body.stream === true,
      wantsUsage: body.stream_options?.include_usage === true,
      hasStreamOptions: body.stream_options != null,
      inputTokens: Math.ceil(promptChars(fields.data) / CHARS_PER_TOKEN),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      hints: hintsOf(shape, body),
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
    const options = body.stream_options as Record<string, unknown>;
    try {
      return JSON.stringify({ ...body, stream_options: { ...options, include_usage: true } });
    } catch {
      return undefined;
    }
  }
  const end = text.lastIndexOf('}');
  return `${text.slice(0, end)},"stream_options":{"include_usage":true}${text.slice(end)}`;
}

/** Characters of the text that the model will read. */
function promptChars(value: unknown): number {
  const body = value as { messages?: unknown; prompt?: unknown; input?: unknown };
  return charsOf(body.messages ?? body.prompt ?? body.input, 0);
}

function charsOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || depth > 4) return 0;
  if (Array.isArray(value)) return value.reduce<number>((n, v) => n + charsOf(v, depth + 1), 0);
  const part = value as { content?: unknown; text?: unknown };
  return charsOf(part.content ?? part.text, depth + 1);
}
