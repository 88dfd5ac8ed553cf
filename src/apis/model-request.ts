/**
 * Reads the body of a model call: what dispatch needs of it. The bytes are kept and forwarded as they
 * came: serialising a parsed body again would lose digits of numbers and the order of keys. The
 * schemas are in `model-apis.ts`, what is read at all in `body-sketch.ts`.
 */

import { type Outcome, wrongInput } from '../http/errors.ts';
import { given } from '../http/given.ts';
import type { JsonBounds, Span } from '../http/json-scan.ts';
import { fieldSplice, type Splice, spliced } from '../http/json-splice.ts';
import { firstProblem } from '../http/problem.ts';
import type { PrefixLink } from '../protocol/admission.ts';
import { type BodySketch, type PrefixSeed, sketchBody } from './body-sketch.ts';
import type { CountField, ModelApi, ModelFields } from './model-apis.ts';
import { CHARS_PER_TOKEN } from './prefix-chain.ts';

export interface ModelRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly model: string;
  /** False where the path has named the model, and the body does not. */
  readonly namesModel: boolean;
  /** Where the body's model is, null included; absent where it has no such field. */
  readonly modelSpan?: Span;
  readonly stream: boolean;
  /** The client set a priority itself. */
  readonly hasPriority: boolean;
  /** The client asked for usage in its stream. */
  readonly wantsUsage: boolean;
  /** Where the client's stream options are in the body, and whether they are null or false. */
  readonly streamOptions?: { readonly isNone: boolean; readonly span: Span };
  /** Where the body's object is: blanks may stand around it. */
  readonly root: Span;
  readonly inputTokens: number;
  /** Fingerprints of the prompt's beginnings, where they were asked for. */
  readonly prefix?: readonly PrefixLink[];
  readonly maxOutputTokens?: number;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices: number;
  /** Number of answers that it may generate, those included that are thrown away (`best_of`). */
  readonly generated: number;
  /** Sequences that an engine computes for it at once; more than the answers with `best_of`. */
  readonly sequences: number;
}

/** What tells the callers of a body apart: its fields, cut, and the length of its conversation. */
export interface CallerFields {
  readonly fields: ModelFields;
  readonly turns: number;
  readonly toolResults: () => readonly string[];
  readonly texts: () => readonly string[];
}

/**
 * Most sequences that a list of inputs counts as. Nothing is generated for them: an engine computes
 * many in one batch, so that a long list does not need the endpoint for itself.
 */
const MAX_INPUT_SEQUENCES = 4;

/** Most sequences that answers count as: no engine computes more at a time. */
const MAX_SEQUENCES = 1_024;

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * A body without byte order marks, which engines refuse. A text that was written with a mark twice
 * begins with two.
 */
function withoutMarks(content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (BYTE_ORDER_MARK.every((byte, i) => content[start + i] === byte)) {
    start += BYTE_ORDER_MARK.length;
  }
  return start === 0 ? content : content.subarray(start);
}

/**
 * The error is `invalid_request_error`. `seedOf`: asked for the prefixes of calls that generate,
 * which alone are cached by them. `pathModel`: the model that the path names; it counts where the body
 * names none.
 */
export function parseModelRequest(
  content: Uint8Array<ArrayBuffer>,
  api: ModelApi,
  bounds: JsonBounds,
  seedOf?: PrefixSeed,
  pathModel?: string,
): Outcome<{ request: ModelRequest; caller: CallerFields }> {
  const bytes = withoutMarks(content);
  const read = sketchBody(bytes, bounds, api.streams ? seedOf : undefined);
  if (!read.ok) return read;
  const { sketch } = read;
  const parsed = api.schema.safeParse(withPathModel(sketch.body, pathModel));
  if (!parsed.success) {
    // Of the messages the sketch has only some: the client counts all of its own.
    const indexOf = (path: readonly PropertyKey[]) =>
      path.map((part, i) =>
        i === 1 && path[0] === 'messages' ? (sketch.messageIndex[Number(part)] ?? part) : part,
      );
    return wrongInput(firstProblem(parsed.error, indexOf));
  }
  const body = parsed.data;
  const { fields, root } = sketch.json;
  const modelSpan = fields.get('model');
  const options = body.stream_options || undefined;
  const { limits = [], counts = [] } = api;
  const count = (field: CountField, most: number) =>
    counts.includes(field) ? Math.min(countIn(sketch, field), most) : 1;
  // A completion of several prompts has `n` answers to each prompt.
  const prompts = count('prompt', Infinity);
  const choices = count('n', Infinity) * prompts;
  const generated = Math.max(choices, count('best_of', Infinity) * prompts);
  const optionsSpan = fields.get('stream_options');
  return {
    ok: true,
    caller: {
      fields: body,
      turns: sketch.turns,
      toolResults: sketch.toolResults,
      texts: sketch.texts,
    },
    request: {
      bytes,
      model: body.model,
      namesModel: (sketch.body as ModelFields).model === body.model,
      stream: api.streams === true && body.stream === true,
      hasPriority: fields.has('priority'),
      wantsUsage: options?.include_usage === true,
      root,
      inputTokens:
        sketch.promptTokens + Math.ceil((sketch.toolChars + sketch.promptChars) / CHARS_PER_TOKEN),
      choices,
      generated,
      sequences: Math.max(
        count('n', MAX_SEQUENCES) * prompts,
        count('best_of', MAX_SEQUENCES) * prompts,
        count('input', MAX_INPUT_SEQUENCES),
      ),
      ...given({
        modelSpan,
        streamOptions: optionsSpan && { isNone: options === undefined, span: optionsSpan },
        prefix: sketch.prefix,
        maxOutputTokens: limitOf(limits.map((field) => body[field])),
      }),
    },
  };
}

/** The body with the model of the path, where it names none itself. */
function withPathModel(body: unknown, model: string | undefined): unknown {
  if (model === undefined || typeof body !== 'object' || body === null) return body;
  return (Reflect.get(body, 'model') ?? undefined) === undefined ? { ...body, model } : body;
}

/** The first limit that is given; undefined for one that is none, as -1 is to engines. */
function limitOf(values: readonly unknown[]): number | undefined {
  const limit = values.find((value) => value !== undefined && value !== null);
  return typeof limit === 'number' && limit >= 0 ? limit : undefined;
}

function countIn({ body, prompts, inputs }: BodySketch, field: CountField): number {
  if (field === 'prompt') return prompts;
  if (field === 'input') return inputs;
  const value = (body as ModelFields)[field];
  return typeof value === 'number' && value >= 1 ? Math.floor(value) : 1;
}

/** What Talaria changes in a body; `usage` is asked for in the stream. */
export interface AddedFields {
  readonly usage: boolean;
  readonly priority?: number | undefined;
  /** The name by which the endpoint knows the model. */
  readonly model?: string | undefined;
}

/** The body with these fields. All other bytes stay as they are. */
export function withFields(
  request: ModelRequest,
  { usage, priority, model = request.model }: AddedFields,
): Uint8Array<ArrayBuffer> {
  const { bytes, root, namesModel, modelSpan } = request;
  const splices: Splice[] = [];
  if (!namesModel || model !== request.model) {
    const text = JSON.stringify(model);
    splices.push(modelSpan ? { span: modelSpan, text } : fieldSplice(bytes, root, 'model', text));
  }
  if (usage) splices.push(usageSplice(request));
  if (priority !== undefined) splices.push(added(root, `"priority":${priority}`));
  return splices.length === 0 ? bytes : spliced(bytes, splices);
}

function usageSplice({ bytes, root, streamOptions }: ModelRequest): Splice {
  const options = '{"include_usage":true}';
  if (!streamOptions) return added(root, `"stream_options":${options}`);
  if (streamOptions.isNone) return { span: streamOptions.span, text: options };
  return fieldSplice(bytes, streamOptions.span, 'include_usage', 'true');
}

/** A field at the end of the body, which has others. */
function added({ end }: Span, field: string): Splice {
  return { span: { start: end - 1, end: end - 1 }, text: `,${field}` };
}
