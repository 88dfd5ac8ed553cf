/** Builds the OpenAPI 3.1 description of the API from the table in `operations.ts`. */
import * as z from 'zod/mini';
import { tenantSchema } from '../config/schema.ts';
import { ERROR_CODES } from '../http/errors.ts';
import { OPERATIONS, type Operation } from './operations.ts';

type Json = Readonly<Record<string, unknown>>;

/** Request headers of dispatched calls, with their descriptions. */
const CALL_HEADERS: Readonly<Record<string, string>> = {
  'x-talaria-app': 'The application: 1 to 128 printable ASCII characters',
  'x-talaria-run': 'The run: the same for all calls of one execution',
  'x-talaria-unit': 'The unit: the step that this call belongs to',
  'x-talaria-run-final': '`true`: the last call of its run',
  'x-talaria-deadline-ms': 'Milliseconds in which the run should be complete',
  'x-talaria-if-late': '`refuse`: not served where the run can hardly meet its deadline',
  'x-talaria-max-wait-ms': 'Longest wait for a slot, in milliseconds',
  'idempotency-key': 'The same plain call with the same key is made once',
  'x-request-id': 'Echoed where it has 8 to 128 letters, digits, ".", "_", ":" or "-"',
};

const error = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.nullable(z.string()),
    code: z.enum(ERROR_CODES),
  }),
});
const anthropicError = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string(), message: z.string() }),
  request_id: z.string(),
});

/** The description. It is the same for everybody, so that it is made once, when assets are built. */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Talaria',
      version: '1',
      summary: 'An edge dispatcher for LLM applications',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: ['models', 'tools', 'runs', 'jobs', 'admin', 'status'].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: "A tenant's key" },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same key' },
        admin: { type: 'http', scheme: 'bearer', description: "The administrator's token" },
      },
      parameters: Object.fromEntries(
        Object.entries(CALL_HEADERS).map(([name, description]) => [
          name,
          { name, in: 'header', description, schema: { type: 'string' } },
        ]),
      ),
      schemas: { Error: schemaOf(error), AnthropicError: schemaOf(anthropicError) },
      responses: {
        Error: errorAnswer('Error'),
        AnthropicError: errorAnswer('AnthropicError'),
      },
    },
  };
}

/** The JSON schema of a tenant's configuration, for those who edit one. */
export function configSchema(): Json {
  return schemaOf(tenantSchema);
}

function errorAnswer(schema: string): Json {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
  return { description: 'What went wrong', headers: REQUEST_ID, content };
}

const REQUEST_ID = {
  'x-request-id': { description: 'The id of the request', schema: { type: 'string' } },
};

function described(operation: Operation): Json {
  const { method, path, request, answer, status, summary, tag } = operation;
  const speaksAnthropic = path.startsWith('/v1/messages');
  const success = {
    description: status === 404 ? 'Never there' : 'Done',
    headers: REQUEST_ID,
    ...(answer ? { content: contentOf(answer) } : {}),
  };
  return {
    operationId: `${method}${path.replace(/\W+(\w)/g, (_, c: string) => c.toUpperCase())}`.replace(
      /\W/g,
      '',
    ),
    summary,
    tags: [tag],
    security: securityOf(operation),
    parameters: parametersOf(operation),
    ...(request ? { requestBody: { required: true, content: contentOf(request) } } : {}),
    responses: {
      [status]: status === 404 ? { $ref: '#/components/responses/Error' } : success,
      default: { $ref: `#/components/responses/${speaksAnthropic ? 'AnthropicError' : 'Error'}` },
    },
  };
}

function securityOf({ key }: Operation): Json[] {
  switch (key) {
    case 'tenant':
      return [{ key: [] }];
    case 'anthropic':
      return [{ key: [] }, { apiKey: [] }];
    case 'admin':
      return [{ admin: [] }];
    case 'any':
      return [{ key: [] }, { admin: [] }];
    default:
      return [];
  }
}

function parametersOf({ path, query = [], dispatched }: Operation): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = query.map((name) => ({ name, in: 'query', schema: { type: 'string' } }));
  const headers = dispatched ? Object.keys(CALL_HEADERS) : [];
  const refs = headers.map((name) => ({ $ref: `#/components/parameters/${name}` }));
  return [...inPath, ...inQuery, ...refs];
}

function contentOf(byType: Readonly<Record<string, z.ZodMiniType>>): Json {
  return Object.fromEntries(
    Object.entries(byType).map(([type, schema]) => [type, { schema: schemaOf(schema) }]),
  );
}

/** JSON Schema of the input as a client writes it: fields with a default may be left out. */
function schemaOf(schema: z.ZodMiniType): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
