/**
 * The APIs whose calls are routed by their `model` field, and the few body fields of each that
 * Talaria reads. All other fields pass unchanged, so the schemas are loose. Bodies are parsed in
 * `model-request.ts`.
 */
import { z } from 'zod';
import type { AnswerFormat } from './streams/answer-format.ts';

/** As an output limit, means "no limit" to engines such as llama.cpp. */
export const NO_LIMIT = -1;

const required = z.unknown().refine((value) => value !== undefined, 'Required');
const outputLimit = z.number().min(0).or(z.literal(NO_LIMIT)).nullish();
const metadata = z.record(z.string(), z.unknown()).nullish();
const stream = z.boolean().nullish();
const messages = z.array(z.looseObject({ role: z.string() })).min(1);

/** A model, as the client names it; the backend that lists it serves the call. */
export const modelName = z.string().min(1).max(256);
const common = { model: modelName, metadata };

const streamable = {
  stream,
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
};

const schemas = {
  chat: z.looseObject({
    ...common,
    messages,
    ...streamable,
    max_tokens: outputLimit,
    max_completion_tokens: outputLimit,
  }),
  completion: z.looseObject({
    ...common,
    prompt: required,
    ...streamable,
    max_tokens: outputLimit,
  }),
  responses: z.looseObject({
    ...common,
    input: z.union([z.string(), z.array(z.unknown())]).nullish(),
    stream,
    max_output_tokens: outputLimit,
    background: z
      .literal(false, 'expected false: Talaria keeps no responses that could be asked for later')
      .nullish(),
  }),
  messages: z.looseObject({ ...common, messages, stream, max_tokens: z.number().min(0) }),
  countTokens: z.looseObject({ ...common, messages }),
  embedding: z.looseObject({ ...common, input: required }),
  rerank: z.looseObject({ ...common, query: required, documents: z.array(z.unknown()) }),
  score: z.looseObject(common),
  moderation: z.looseObject({ ...common, input: required }),
  speech: z.looseObject({ ...common, input: z.string() }),
  image: z.looseObject({ ...common, prompt: z.string() }),
  imageEdit: z.looseObject(common),
} as const;

export interface ModelApi {
  /** Part of the fingerprint of a unit: calls of two names never belong to the same unit. */
  readonly name: string;
  /** Path after `/v1` here, and after the endpoint's URL. */
  readonly path: string;
  readonly schema: z.ZodType<ModelFields>;
  /** The format in which its answers are read. */
  readonly format: AnswerFormat;
  /** Its streams report usage only where `stream_options` asks for it. */
  readonly asksForUsage?: boolean;
  readonly streams?: boolean;
}

/** The fields that Talaria reads of a body, whatever its schema. */
export interface ModelFields {
  readonly [field: string]: unknown;
  readonly model: string;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
  readonly max_output_tokens?: number | null | undefined;
}

const generates = { format: 'openai', streams: true, asksForUsage: true } as const;
const opaque = { format: 'opaque' } as const;

/** The APIs with a JSON body. */
export const MODEL_APIS = {
  chat: api('chat', '/chat/completions', schemas.chat, generates),
  completion: api('completion', '/completions', schemas.completion, generates),
  responses: api('responses', '/responses', schemas.responses, {
    format: 'responses',
    streams: true,
  }),
  messages: api('messages', '/messages', schemas.messages, { format: 'messages', streams: true }),
  countTokens: api('messages', '/messages/count_tokens', schemas.countTokens, opaque),
  embedding: api('embedding', '/embeddings', schemas.embedding, { format: 'openai' }),
  rerank: api('rerank', '/rerank', schemas.rerank, { format: 'openai' }),
  score: api('score', '/score', schemas.score, { format: 'openai' }),
  moderation: api('moderation', '/moderations', schemas.moderation, { format: 'openai' }),
  speech: api('speech', '/audio/speech', schemas.speech, opaque),
  image: api('image', '/images/generations', schemas.image, opaque),
  imageEdit: api('image', '/images/edits', schemas.imageEdit, opaque),
} as const satisfies Record<string, ModelApi>;

function api(
  name: string,
  path: string,
  schema: z.ZodType<ModelFields>,
  traits: Pick<ModelApi, 'format' | 'streams' | 'asksForUsage'>,
): ModelApi {
  return { name, path, schema, ...traits };
}
