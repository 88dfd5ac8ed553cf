/**
 * The APIs whose calls are routed by their `model` field, and the few body fields of each that
 * Talaria reads. All other fields pass unchanged, so the schemas are loose. Bodies are parsed in
 * `model-request.ts`.
 */
import * as z from 'zod/mini';
import { textWithin } from '../http/field-schemas.ts';
import type { AnswerFormat } from './streams/answer-format.ts';

/** As an output limit, means "no limit" to engines such as llama.cpp. */
export const NO_LIMIT = -1;

/** The body has at least one of these fields. */
function oneOf<T extends z.ZodMiniType<Readonly<Record<string, unknown>>>>(
  names: readonly string[],
  schema: T,
): T {
  const has = (body: Readonly<Record<string, unknown>>) =>
    names.some((name) => body[name] !== undefined);
  const message = `expected it, or "${names.slice(1).join('", "')}"`;
  return schema.check(z.refine(has, { path: [names[0] ?? ''], message }));
}

const required = z.unknown().check(z.refine((value) => value !== undefined, 'expected it'));
const outputLimit = z.nullish(z.union([z.number().check(z.minimum(0)), z.literal(NO_LIMIT)]));
/** Most answers that one call may ask for: vLLM's own bound. OpenAI's is 128. */
const MOST_ANSWERS = 16_384;
const answers = z.nullish(z.number().check(z.maximum(MOST_ANSWERS)));
const metadata = z.nullish(z.record(z.string(), z.unknown()));
const stream = z.nullish(z.boolean());
const messages = z.array(z.looseObject({ role: z.string() })).check(z.minLength(1));

const responsesInput = z.nullish(z.union([z.string(), z.array(z.unknown())]));

/** A model, as the client names it; the backend that lists it serves the call. */
export const modelName = textWithin(1, 256);
const common = { model: modelName, metadata };

const streamable = {
  stream,
  // Some clients write false for none.
  stream_options: z.nullish(
    z.union([z.looseObject({ include_usage: z.nullish(z.boolean()) }), z.literal(false)]),
  ),
};

const schemas = {
  chat: z.looseObject({
    ...common,
    messages,
    ...streamable,
    max_tokens: outputLimit,
    max_completion_tokens: outputLimit,
    n: answers,
  }),
  // vLLM takes embeddings of a prompt in its place.
  completion: oneOf(
    ['prompt', 'prompt_embeds'],
    z.looseObject({
      ...{ ...common, ...streamable },
      ...{ max_tokens: outputLimit, n: answers, best_of: answers },
    }),
  ),
  responses: z.looseObject({
    ...common,
    input: responsesInput,
    stream,
    max_output_tokens: outputLimit,
    background: z.nullish(
      z.literal(false, 'expected false: Talaria keeps no responses that could be asked for later'),
    ),
  }),
  compaction: z.looseObject({ ...common, input: responsesInput }),
  inputTokens: z.looseObject({ ...common, input: responsesInput }),
  messages: z.looseObject({
    ...common,
    messages,
    stream,
    max_tokens: z.number().check(z.minimum(0)),
  }),
  countTokens: z.looseObject({ ...common, messages }),
  // vLLM takes a conversation in place of the input, as for its multimodal models.
  embedding: oneOf(['input', 'messages'], z.looseObject(common)),
  // vLLM takes several documents as one object with a list of contents, too.
  rerank: z.looseObject({
    ...common,
    query: required,
    documents: z.union([z.array(z.unknown()), z.looseObject({})]),
  }),
  score: z.looseObject(common),
  moderation: z.looseObject({ ...common, input: required }),
  speech: z.looseObject({ ...common, input: z.string() }),
  image: z.looseObject({ ...common, prompt: z.string(), n: answers }),
  imageEdit: z.looseObject({ ...common, n: answers }),
} as const;

export type LimitField = 'max_completion_tokens' | 'max_output_tokens' | 'max_tokens';
export type CountField = 'n' | 'best_of' | 'prompt' | 'input';

export interface ModelApi {
  /** Part of the fingerprint of a unit: calls of two names never belong to the same unit. */
  readonly name: string;
  /** Path after `/v1` here, and after the endpoint's URL. */
  readonly path: string;
  readonly schema: z.ZodMiniType<ModelFields>;
  /** The format in which its answers are read. */
  readonly format: AnswerFormat;
  /** Its fields for most output tokens, of which the first that is given counts. */
  readonly limits?: readonly LimitField[];
  /** Its fields by which one call asks for several answers, or has several inputs. */
  readonly counts?: readonly CountField[];
  /** Its streams report usage only where `stream_options` asks for it. */
  readonly asksForUsage?: boolean;
  readonly streams?: boolean;
}

/** The fields that Talaria reads of a body, whatever its schema. */
export interface ModelFields {
  readonly [field: string]: unknown;
  readonly model: string;
  readonly stream?: boolean | null | undefined;
  readonly n?: unknown;
  readonly best_of?: unknown;
  readonly stream_options?:
    | { include_usage?: boolean | null | undefined }
    | false
    | null
    | undefined;
}

const generates = { format: 'openai', streams: true, asksForUsage: true } as const;
const scored = { format: 'openai' } as const;
const opaque = { format: 'opaque' } as const;

/** The APIs with a JSON body. */
export const MODEL_APIS = {
  chat: api('chat', '/chat/completions', schemas.chat, {
    ...generates,
    limits: ['max_completion_tokens', 'max_tokens'],
    counts: ['n'],
  }),
  completion: api('completion', '/completions', schemas.completion, {
    ...generates,
    limits: ['max_tokens'],
    counts: ['n', 'best_of', 'prompt'],
  }),
  responses: api('responses', '/responses', schemas.responses, {
    format: 'responses',
    streams: true,
    limits: ['max_output_tokens'],
  }),
  compaction: api('compaction', '/responses/compact', schemas.compaction, scored),
  inputTokens: api('responses', '/responses/input_tokens', schemas.inputTokens, opaque),
  messages: api('messages', '/messages', schemas.messages, {
    format: 'messages',
    streams: true,
    limits: ['max_tokens'],
  }),
  countTokens: api('messages', '/messages/count_tokens', schemas.countTokens, opaque),
  embedding: api('embedding', '/embeddings', schemas.embedding, { ...scored, counts: ['input'] }),
  rerank: api('rerank', '/rerank', schemas.rerank, scored),
  score: api('score', '/score', schemas.score, scored),
  moderation: api('moderation', '/moderations', schemas.moderation, {
    ...scored,
    counts: ['input'],
  }),
  speech: api('speech', '/audio/speech', schemas.speech, opaque),
  image: api('image', '/images/generations', schemas.image, { ...opaque, counts: ['n'] }),
  imageEdit: api('image', '/images/edits', schemas.imageEdit, { ...opaque, counts: ['n'] }),
} as const satisfies Record<string, ModelApi>;

/** The paths of these APIs, as clients call them. */
export const MODEL_PATHS: ReadonlySet<string> = new Set(
  Object.values(MODEL_APIS).map(({ path }) => `/v1${path}`),
);

function api(
  name: string,
  path: string,
  schema: z.ZodMiniType<ModelFields>,
  traits: Omit<ModelApi, 'name' | 'path' | 'schema'>,
): ModelApi {
  return { name, path, schema, ...traits };
}
