/** The requests that the emulated model reads: the fields of all APIs in one schema, and their text. */
import * as z from 'zod';

/** A real engine also refuses more tokens than its context holds. */
const MAX_OUTPUT_TOKENS = 131_072;

const outputLimit = z.int().min(1).max(MAX_OUTPUT_TOKENS).nullish();
const fields = z.looseObject({});

/** The union of the request fields of all APIs; every field but the model is optional. */
export const bodySchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: outputLimit,
  max_completion_tokens: outputLimit,
  max_output_tokens: outputLimit,
  messages: z
    .array(z.looseObject({ role: z.string(), content: z.unknown().optional() }))
    .optional(),
  prompt: z.unknown().optional(),
  input: z.unknown().optional(),
  system: z.unknown().optional(),
  instructions: z.unknown().optional(),
  tools: z.array(fields).nullish(),
  tool_choice: z.unknown().optional(),
  response_format: fields.nullish(),
  text: z.looseObject({ format: fields.nullish() }).nullish(),
  output_config: z.looseObject({ format: fields.nullish() }).nullish(),
  output_format: fields.nullish(),
  encoding_format: z.string().nullish(),
});

export type Body = z.infer<typeof bodySchema>;

/** The conversation, in any of the APIs' forms. */
export function turnsOf(body: Body): readonly object[] {
  const input: readonly unknown[] = Array.isArray(body.input) ? body.input : [];
  const items = input.filter((item) => typeof item === 'object' && item !== null);
  return [...(body.messages ?? []), ...items];
}

/** The text of a turn or of its content, in any of the APIs' forms. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value !== 'object' || value === null) return '';
  const part = value as { content?: unknown; text?: unknown; output?: unknown };
  return textOf(part.content ?? part.text ?? part.output);
}
