/**
 * The only table that maps a failure to what the client receives: status, type, code and message;
 * the retry delay is part of each `ApiError`. Bodies have OpenAI's form, so that every SDK can
 * read them; `apis/anthropic-error.ts` converts them for Anthropic's clients.
 */
import type { ContentfulStatusCode } from 'hono/utils/http-status';

interface ErrorForm {
  readonly status: ContentfulStatusCode;
  readonly type: string;
  readonly message: string;
}

const FORMS = {
  invalid_request_error: wrong(400, 'The request is not valid.'),
  invalid_api_key: form(401, 'authentication_error', 'The API key is missing or wrong.'),
  permission_denied: form(403, 'permission_error', 'This key may not do that.'),
  origin_not_allowed: form(403, 'permission_error', 'No tenant allows this origin.'),
  model_not_found: wrong(404, 'No backend serves this model.'),
  backend_not_found: wrong(404, 'There is no backend of this name.'),
  tenant_not_found: wrong(404, 'There is no tenant of this name.'),
  key_not_found: wrong(404, 'There is no key of this id.'),
  endpoint_not_found: wrong(404, 'There is no endpoint of this name.'),
  application_not_found: wrong(404, 'Nothing is known of it.'),
  version_not_found: wrong(404, 'This version is not kept any more.'),
  run_not_found: wrong(404, 'There is no run of this id in flight.'),
  call_not_found: wrong(404, 'There is no call of this id any more.'),
  response_not_found: wrong(
    404,
    'Responses are relayed and not kept here: send the whole input with each call.',
  ),
  job_not_found: wrong(404, 'There is no job of this id.'),
  file_not_found: wrong(404, 'There is no file of this id.'),
  batch_not_found: wrong(404, 'There is no batch of this id.'),
  batch_ended: wrong(409, 'The batch has ended.'),
  not_found: wrong(404, 'There is nothing at this path.'),
  method_not_allowed: wrong(405, 'The path does not take this method.'),
  request_timeout: wrong(408, 'The body did not come in time.'),
  request_too_large: wrong(413, 'The body is too large.'),
  unsupported_encoding: wrong(415, 'The body has an unknown encoding.'),
  no_websockets: wrong(426, 'There are no WebSockets here.'),
  version_conflict: wrong(409, 'The configuration was changed since it was read.'),
  idempotency_key_conflict: wrong(409, 'This idempotency key was used with another request.'),
  idempotency_key_in_progress: wrong(409, 'The first call with this idempotency key still runs.'),
  rate_limit_exceeded: limited('This key has no rate left for now.'),
  run_calls_exceeded: limited('Too many calls of this run wait or run.'),
  open_runs_exceeded: limited('Too many runs of this key are open.'),
  queue_full: limited('The queue of this backend is full.'),
  deadline_unmeetable: limited('The run can hardly be complete within its deadline.'),
  internal_error: failed(500, 'The dispatcher failed. It has been logged.'),
  upstream_error: failed(502, 'The endpoint failed.'),
  queue_timeout: failed(503, 'The call waited too long for a slot.'),
  backend_warming: failed(503, 'The backend was still warming up.'),
  backend_down: failed(503, 'No endpoint of this backend works at present.'),
  tenant_misconfigured: failed(503, 'The configuration of this tenant is not valid.'),
  dispatcher_unavailable: failed(503, 'The dispatcher cannot take this just now.'),
  upstream_busy: failed(503, 'The endpoint is busy.'),
  upstream_timeout: failed(504, 'The endpoint did not answer in time.'),
} as const satisfies Record<string, ErrorForm>;

/** The names of the content codings that a request may have. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br, zstd';

/** Headers by which some errors say what would be taken (RFC 9110, sections 15.5.16 and 15.5.22). */
const FORM_HEADERS: Partial<Record<ErrorCode, Readonly<Record<string, string>>>> = {
  unsupported_encoding: { 'accept-encoding': ACCEPTED_CODINGS },
  no_websockets: { upgrade: 'HTTP/1.1' },
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export type ErrorCode = keyof typeof FORMS;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(FORMS, code);
}

export const ERROR_CODES = Object.keys(FORMS) as ErrorCode[];

/** An expected failure, as a value. */
export interface ApiError {
  readonly code: ErrorCode;
  /** Replaces the code's own message. */
  readonly message?: string;
  /** Path of the wrong field, or the name of the wrong header. */
  readonly param?: string;
  readonly retryAfterMs?: number;
}

export type Outcome<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly error: ApiError };

export function failure(
  code: ErrorCode,
  details: Omit<ApiError, 'code'> = {},
): { readonly ok: false; readonly error: ApiError } {
  return { ok: false, error: { code, ...details } };
}

/** An input that is wrong: `param` names the field or the header. */
export function wrongInput(details: Omit<ApiError, 'code'>) {
  return failure('invalid_request_error', details);
}

/** The body of an error, also for a stream that has begun already. */
export function errorBody(error: ApiError): { error: Record<string, string | null> } {
  return {
    error: {
      message: sentenceOf(error),
      type: FORMS[error.code].type,
      param: error.param ?? null,
      code: error.code,
    },
  };
}

/** The body of an error in Anthropic's form. */
export function anthropicErrorBody(error: ApiError): {
  type: 'error';
  error: { type: string; message: string };
} {
  const type = anthropicErrorType(FORMS[error.code].status);
  return { type: 'error', error: { type, message: sentenceOf(error) } };
}

/**
 * The message, which names what is wrong: SDKs show nothing else, and Anthropic's form has no `param`.
 */
function sentenceOf({ code, message = FORMS[code].message, param = '' }: ApiError): string {
  return lettersOf(message).includes(lettersOf(param)) ? message : `${param}: ${message}`;
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Anthropic's error type for a status. */
export function anthropicErrorType(status: number): string {
  return ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** The answer to a request that is wrong; `param` names the field. */
export function invalidRequest(details: Omit<ApiError, 'code'>, headers?: HeadersInit): Response {
  return errorResponse({ code: 'invalid_request_error', ...details }, headers);
}

/** The response for an error, with `x-should-retry` and the retry delay. */
export function errorResponse(error: ApiError, headers?: HeadersInit): Response {
  const response = Response.json(errorBody(error), {
    status: FORMS[error.code].status,
    ...(headers ? { headers } : {}),
  });
  if (!response.headers.has('x-should-retry')) {
    response.headers.set('x-should-retry', String(isWorthRetrying(error.code)));
  }
  for (const [name, value] of Object.entries(FORM_HEADERS[error.code] ?? {})) {
    response.headers.set(name, value);
  }
  if (error.retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.round(error.retryAfterMs));
    // Whole seconds, and never 0: SDKs sleep for exactly this time.
    response.headers.set('retry-after', String(Math.max(1, Math.ceil(ms / 1000))));
    response.headers.set('retry-after-ms', String(Math.max(100, ms)));
  }
  return response;
}

/**
 * True where the same call may succeed later. False where the call itself is wrong, and where an
 * endpoint was silent for too long, since it may still be working on the call.
 */
function isWorthRetrying(code: ErrorCode): boolean {
  if (code === 'upstream_timeout' || code === 'tenant_misconfigured') return false;
  if (code === 'idempotency_key_conflict' || code === 'deadline_unmeetable') return false;
  if (code === 'batch_ended' || code === 'version_conflict') return false;
  const { status } = FORMS[code];
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function form(status: ContentfulStatusCode, type: string, message: string): ErrorForm {
  return { status, type, message };
}

/** The request is wrong. */
function wrong(status: ContentfulStatusCode, message: string): ErrorForm {
  return form(status, 'invalid_request_error', message);
}

/** The client asks for more than it may have. */
function limited(message: string): ErrorForm {
  return form(429, 'rate_limit_error', message);
}

/** The dispatcher, or an endpoint, does not do what it should. */
function failed(status: ContentfulStatusCode, message: string): ErrorForm {
  return form(status, 'api_error', message);
}
