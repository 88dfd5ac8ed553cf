/**
 * The table of all operations of the API, from which `document.ts` builds its description. Bodies
 * are the schemas that the code parses with; a test compares the table with the routes, so that
 * neither has an operation that the other lacks.
 */
import * as z from 'zod/mini';
import { MODEL_APIS, type ModelApi, modelName } from '../apis/model-apis.ts';
import { runEventSchema } from '../apis/run-event.ts';
import { keyLimitsSchema } from '../config/key-limits.ts';
import { tenantSchema } from '../config/schema.ts';
import { batchOrderSchema } from '../jobs/batch-order.ts';
import { jobOrderSchema } from '../jobs/job-order.ts';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';

export interface Operation {
  readonly method: Method;
  /** Path with parameters in braces, in OpenAPI's notation. */
  readonly path: string;
  readonly tag: 'models' | 'tools' | 'runs' | 'jobs' | 'admin' | 'status';
  readonly summary: string;
  /**
   * The key that it needs: a tenant's (`anthropic`: also as `x-api-key`), the administrator's, or one
   * of both (`any`), which then decides what is shown.
   */
  readonly key?: 'tenant' | 'anthropic' | 'admin' | 'any';
  /** It waits for a slot: it accepts the headers that identify a call. */
  readonly dispatched?: boolean;
  /** Schemas of the request's body by content type. */
  readonly request?: Readonly<Record<string, z.ZodMiniType>>;
  /** Names of the query parameters. */
  readonly query?: readonly string[];
  readonly status: number;
  /** Schemas of the answer by content type; absent where it has no body. */
  readonly answer?: Readonly<Record<string, z.ZodMiniType>>;
}

const JSON_TYPE = 'application/json';
const ANY = z.unknown();
const model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.number(),
  owned_by: z.string(),
});
const form = z.looseObject({ model: modelName });
const relayed = { [JSON_TYPE]: ANY };
const streamed = { ...relayed, 'text/event-stream': z.string() };
const document = z.object({ tenant: z.string(), version: z.number(), config: tenantSchema });

export const OPERATIONS: readonly Operation[] = [
  modelCall(MODEL_APIS.chat, "OpenAI's chat completions"),
  modelCall(MODEL_APIS.completion, "OpenAI's completions"),
  modelCall(MODEL_APIS.responses, "OpenAI's Responses; they are relayed and not kept"),
  modelCall(MODEL_APIS.messages, "Anthropic's messages", { key: 'anthropic' }),
  modelCall(MODEL_APIS.countTokens, 'Counts the tokens of a prompt; takes no slot', {
    key: 'anthropic',
    dispatched: false,
  }),
  modelCall(MODEL_APIS.embedding, "OpenAI's embeddings"),
  modelCall(MODEL_APIS.rerank, 'Ranks documents'),
  modelCall(MODEL_APIS.score, 'Scores pairs of texts'),
  modelCall(MODEL_APIS.moderation, "OpenAI's moderations"),
  modelCall(MODEL_APIS.compaction, 'Compacts a conversation, by an endpoint that does'),
  modelCall(MODEL_APIS.inputTokens, 'Counts the tokens of an input', { dispatched: false }),
  modelCall(MODEL_APIS.speech, 'Speaks a text', { answer: { 'audio/*': ANY } }),
  formCall('/audio/transcriptions', 'Writes down what is said'),
  formCall('/audio/translations', 'Writes down in English what is said'),
  modelCall(MODEL_APIS.image, 'Draws a picture', { answer: streamed }),
  {
    ...formCall('/images/edits', 'Changes a picture'),
    request: { 'multipart/form-data': form, [JSON_TYPE]: MODEL_APIS.imageEdit.schema },
  },
  formCall('/images/variations', 'Varies a picture'),
  ...(['get', 'delete'] as const).map((method) => notKept(method, '/v1/responses/{id}')),
  notKept('post', '/v1/responses/{id}/cancel'),
  notKept('get', '/v1/responses/{id}/input_items'),
  {
    ...plain('get', '/v1/models', 'models', 'The models that there are'),
    key: 'anthropic',
    answer: { [JSON_TYPE]: z.looseObject({ object: z.literal('list'), data: z.array(model) }) },
  },
  {
    ...plain('get', '/v1/models/{model}', 'models', 'One of the models'),
    key: 'anthropic',
    answer: { [JSON_TYPE]: model },
  },
  ...(['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const).flatMap((method) => [
    toolCall(method, '/v1/backends/{backend}'),
    toolCall(method, '/v1/backends/{backend}/{path}'),
  ]),
  {
    ...plain('post', '/v1/runs/{run}/events', 'runs', 'A unit that the client runs begins or ends'),
    key: 'tenant',
    request: { [JSON_TYPE]: runEventSchema },
    status: 202,
    answer: { [JSON_TYPE]: z.object({ run: z.string(), accepted: z.literal(true) }) },
  },
  {
    ...plain('post', '/v1/runs/{run}/finish', 'runs', 'The run has ended'),
    key: 'tenant',
    answer: { [JSON_TYPE]: z.object({ run: z.string(), finished: z.literal(true) }) },
  },
  {
    ...plain('get', '/v1/calls/{id}', 'runs', 'The story of a call'),
    key: 'tenant',
    answer: relayed,
  },
  ...jobs(),
  ...admin(),
  { ...plain('get', '/healthz', 'status', 'The Worker runs'), answer: relayed },
  {
    ...plain('get', '/metrics', 'admin', 'Metrics of a tenant, or of all, for Prometheus'),
    key: 'any' as const,
    query: ['tenant', 'shard'],
    answer: { 'text/plain': z.string() },
  },
  { ...plain('get', '/readyz', 'status', 'The Worker reaches what it needs'), answer: relayed },
  { ...plain('get', '/openapi.json', 'status', 'This description'), answer: relayed },
];

function jobs(): Operation[] {
  const of = (method: Method, path: string, summary: string): Operation => ({
    ...plain(method, path, 'jobs', summary),
    key: 'tenant',
    answer: relayed,
  });
  const page = ['after', 'limit'];
  return [
    {
      ...of('post', '/v1/jobs', 'Orders a call that is made when there is room'),
      request: { [JSON_TYPE]: jobOrderSchema },
      status: 202,
    },
    { ...of('get', '/v1/jobs', 'Jobs, the newest first'), query: [...page, 'status'] },
    of('get', '/v1/jobs/{id}', 'A job, with its answer once it has one'),
    of('delete', '/v1/jobs/{id}', 'Ends a job, or forgets one that has ended'),
    {
      ...of('post', '/v1/files', "OpenAI's files, for batches"),
      request: { 'multipart/form-data': z.looseObject({ purpose: z.literal('batch') }) },
    },
    { ...of('get', '/v1/files', 'Files'), query: [...page, 'purpose', 'order'] },
    of('get', '/v1/files/{id}', 'A file'),
    of('delete', '/v1/files/{id}', 'Deletes a file'),
    {
      ...of('get', '/v1/files/{id}/content', 'What is in a file'),
      answer: { 'application/octet-stream': z.string() },
    },
    {
      ...of('post', '/v1/batches', "OpenAI's batches"),
      request: { [JSON_TYPE]: batchOrderSchema },
    },
    { ...of('get', '/v1/batches', 'Batches, the newest first'), query: page },
    of('get', '/v1/batches/{id}', 'A batch'),
    of('post', '/v1/batches/{id}/cancel', 'Ends a batch; what has ended is kept'),
  ];
}

function admin(): Operation[] {
  const tenant = '/admin/tenants/{tenant}';
  const of = (method: Method, path: string, summary: string) => ({
    ...plain(method, tenant + path, 'admin', summary),
    key: 'admin' as const,
  });
  const shown = { [JSON_TYPE]: document };
  const key = z.object({ id: z.string(), key: z.string() });
  return [
    {
      ...of('put', '', 'Configures a tenant; 201 where it is new'),
      request: { [JSON_TYPE]: tenantSchema },
      answer: shown,
    },
    { ...of('get', '', 'The configuration of a tenant'), answer: shown },
    { ...of('delete', '', 'Forgets a tenant'), status: 204 },
    { ...of('post', '/keys', 'A new key'), status: 201, answer: { [JSON_TYPE]: key } },
    {
      ...of('patch', '/keys/{id}', 'Sets the limits of a key'),
      request: { [JSON_TYPE]: keyLimitsSchema },
      status: 204,
    },
    { ...of('delete', '/keys/{id}', 'Revokes a key'), status: 204 },
    {
      ...of(
        'post',
        '/endpoints/{backend}/{endpoint}/{order}',
        'Wakes, releases, pauses or resumes',
      ),
      answer: { [JSON_TYPE]: z.object({ done: z.boolean(), message: z.string() }) },
    },
    { ...of('get', '/audit', 'Who changed what'), query: ['after'], answer: relayed },
    { ...of('get', '/pdgraph', 'What was learned'), query: ['app'], answer: relayed },
    { ...of('get', '/status', 'What waits and runs, and how the endpoints are'), answer: relayed },
    { ...of('get', '/jobs', 'What each key has of jobs and storage'), answer: relayed },
    {
      ...of('get', '/prewarm', 'Decisions, costs, what was learned of endpoints, newest wakes'),
      answer: relayed,
    },
    {
      ...of('get', '/export', 'Configuration without secrets, and finished runs: JSON Lines'),
      query: ['part'],
      answer: { 'application/jsonl': z.string() },
    },
    {
      ...of('post', '/import', 'Takes in an export; what is known already is not counted again'),
      query: ['config'],
      request: { 'application/jsonl': z.string() },
      answer: relayed,
    },
    {
      ...of('get', '/runs', 'The newest finished runs'),
      query: ['app'],
      answer: { 'application/jsonl': z.string() },
    },
  ];
}

function plain(
  method: Method,
  path: string,
  tag: Operation['tag'],
  summary: string,
): Pick<Operation, 'method' | 'path' | 'tag' | 'summary' | 'status'> {
  return { method, path, tag, summary, status: 200 };
}

function modelCall(api: ModelApi, summary: string, other: Partial<Operation> = {}): Operation {
  return {
    ...plain('post', `/v1${api.path}`, 'models', summary),
    key: 'tenant',
    dispatched: true,
    request: { [JSON_TYPE]: api.schema },
    answer: api.streams ? streamed : relayed,
    ...other,
  };
}

function formCall(path: string, summary: string): Operation {
  return {
    ...plain('post', `/v1${path}`, 'models', summary),
    key: 'tenant',
    dispatched: true,
    request: { 'multipart/form-data': form },
    answer: streamed,
  };
}

function toolCall(method: Method, path: string): Operation {
  const hasBody = method !== 'get' && method !== 'head' && method !== 'options';
  return {
    ...plain(method, path, 'tools', 'A call of a tool, passed on as it is'),
    key: 'tenant',
    dispatched: true,
    ...(hasBody ? { request: { '*/*': ANY } } : {}),
    answer: { '*/*': ANY },
  };
}

function notKept(method: Method, path: string): Operation {
  const summary = 'Responses are not kept: always `response_not_found`';
  return { ...plain(method, path, 'models', summary), key: 'tenant', status: 404 };
}
