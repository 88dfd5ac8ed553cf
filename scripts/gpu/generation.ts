/**
 * The content that the emulated model generates for a request of any of its APIs: words, a tool
 * call, or JSON. The APIs' answer forms are in the `*-answers.ts` files.
 */
import { z } from 'zod';
import { sampleOf } from './schema-sample.ts';
import { estimateTokens } from './service-model.ts';

const USUAL_OUTPUT_TOKENS = 64;
/** A real engine also refuses more tokens than its context holds. */
const MAX_OUTPUT_TOKENS = 131_072;
const WORDS = ['the', 'quick', 'brown', 'fox', 'jumps', 'over', 'a', 'lazy', 'dog', 'and', 'runs'];

export interface Generation {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** True if the client's limit ended the output. */
  readonly limited: boolean;
  /** A tool call in place of words. */
  readonly tool?: { readonly name: string; readonly args: string };
  readonly json?: string;
}

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

/** The i-th output token. */
export function wordAt(i: number): string {
  return `${i === 0 ? '' : ' '}${WORDS[i % WORDS.length] ?? ''}`;
}

export function generationOf(body: Body): Generation {
  const limit = body.max_completion_tokens ?? body.max_output_tokens ?? body.max_tokens;
  const turns = [...(body.messages ?? []), ...(Array.isArray(body.input) ? body.input : [])];
  const text = [
    textOf(body.system ?? body.instructions),
    textOf(body.prompt),
    typeof body.input === 'string' ? body.input : '',
    ...turns.map((turn) => textOf(turn)),
  ].join('');
  const tool = toolOf(body, turns.length > 0 ? textOf(turns.at(-1)) : text);
  const json = tool ? undefined : jsonOf(body);
  return {
    model: body.model,
    inputTokens: estimateTokens(text),
    outputTokens: limit ?? USUAL_OUTPUT_TOKENS,
    limited: limit != null,
    ...(tool ? { tool } : {}),
    ...(json === undefined ? {} : { json }),
  };
}

export function contentOf(g: Generation): string {
  return g.json ?? Array.from({ length: g.outputTokens }, (_, i) => wordAt(i)).join('');
}

/** Splits text into the pieces of a stream: more than one, as a real stream has. */
export function piecesOf(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== '');
}

/**
 * The tool call to make, if the last turn contains the word "tool" or the client requires a call.
 */
function toolOf(body: Body, last: string): Generation['tool'] {
  const tools = (body.tools ?? []).map((tool) => {
    const told = (tool.function ?? tool) as Record<string, unknown>;
    return { name: told.name, schema: told.parameters ?? told.input_schema };
  });
  const choice = body.tool_choice;
  if (choice === 'none') return undefined;
  const wanted = wantedOf(choice);
  const tool = tools.find((t) => t.name === wanted) ?? tools[0];
  if (typeof tool?.name !== 'string') return undefined;
  if (wanted === undefined && !last.includes('tool')) return undefined;
  return { name: tool.name, args: JSON.stringify(sampleOf(tool.schema) ?? {}) };
}

/** The name of the required tool; '' if any tool satisfies the request. */
function wantedOf(choice: unknown): string | undefined {
  if (choice === 'required') return '';
  if (typeof choice !== 'object' || choice === null) return undefined;
  const told = choice as { type?: unknown; name?: unknown; function?: { name?: unknown } };
  const name = told.function?.name ?? told.name;
  if (typeof name === 'string') return name;
  return told.type === 'any' ? '' : undefined;
}

function jsonOf(body: Body): string | undefined {
  const format =
    body.response_format ?? body.text?.format ?? body.output_config?.format ?? body.output_format;
  if (!format || format.type === 'text') return undefined;
  const inner = format.json_schema as { schema?: unknown } | undefined;
  const schema = inner?.schema ?? format.schema;
  return schema === undefined ? '{"ok":true}' : JSON.stringify(sampleOf(schema));
}

/** The text of a turn or of its content, in any of the APIs' forms. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value !== 'object' || value === null) return '';
  const part = value as { content?: unknown; text?: unknown; output?: unknown };
  return textOf(part.content ?? part.text ?? part.output);
}
