/**
 * One request to the console's API. Everything that may happen is a value: an answer of the type
 * that the contract gives to the path, or a problem.
 */
import { takeAnswer } from '../begin/begun.ts';
import { kindOf, type Problem, type ProblemKind } from './problem.ts';

export type Answer<T> =
  | {
      readonly ok: true;
      readonly value: T;
      readonly headers: Headers;
      /** When it was asked for, by `Date.now()`. */
      readonly askedAt: number;
    }
  | { readonly ok: false; readonly problem: Problem };

export interface Ask {
  readonly token: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** How a success is read; JSON where absent. */
  readonly read?: 'json' | 'text';
}

export const API = '/console/api';

/** `path` is below `/console/api/`. An aborted request rejects, as a fetch does. */
export async function ask<T>(path: string, options: Ask): Promise<Answer<T>> {
  const begun = isPlain(options) ? takeAnswer(path, options.token) : undefined;
  const askedAt = begun?.askedAt ?? Date.now();
  let response: Response;
  try {
    response = await (begun?.response ?? request(path, options));
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return { ok: false, problem: problem('offline', 0, 'No answer came.') };
  }
  const text = await response.text().catch(() => undefined);
  const body = jsonOf(text);
  if (!response.ok) return { ok: false, problem: problemOf(response, body) };
  if (options.read === 'text' && text !== undefined) {
    return { ok: true, value: text as T, headers: response.headers, askedAt };
  }
  if (body === undefined && response.status !== 204) {
    return {
      ok: false,
      problem: problem('unreadable', response.status, 'The answer is not JSON.'),
    };
  }
  return { ok: true, value: body as T, headers: response.headers, askedAt };
}

/** A question that the first script may have asked already. */
function isPlain({ method = 'GET', headers, fetch: other }: Ask): boolean {
  return method === 'GET' && headers === undefined && other === undefined;
}

/** The raw request, for answers that are streams. */
export function request(path: string, options: Ask): Promise<Response> {
  const { token, method = 'GET', body, headers, signal } = options;
  return (options.fetch ?? fetch)(`${API}/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    credentials: 'omit',
    redirect: 'error',
    cache: 'no-store',
  });
}

/** Reads the error form of the whole API: `{ error: { code, message, param } }`. */
export function problemOf(response: Response, body: unknown): Problem {
  const error = fieldOf(body, 'error');
  const message = fieldOf(error, 'message');
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    kind: kindOf(response.status),
    status: response.status,
    message: text(message) ?? `The service answered ${response.status}.`,
    code: text(fieldOf(error, 'code')),
    param: text(fieldOf(error, 'param')),
    body,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : null,
  };
}

export function problem(kind: ProblemKind, status: number, message: string): Problem {
  return { kind, status, message, code: null, param: null, body: undefined, retryAfterMs: null };
}

function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
