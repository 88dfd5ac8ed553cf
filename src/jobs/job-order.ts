/**
 * The request that creates a job: any request of the data plane, as JSON, with an optional
 * deadline, idempotency key and webhook. How a job is shown is in job-view.ts.
 */
import { z } from 'zod';
import { MODEL_APIS } from '../apis/model-apis.ts';
import { endpointUrlProblem, type UrlRules } from '../config/endpoint-url.ts';
import type { JobSettings } from '../config/job-settings.ts';
import { failure, type Outcome } from '../http/errors.ts';
import { isReservedHeader } from '../http/headers.ts';
import { firstProblem } from '../http/problem.ts';
import { jsonOf } from './json-of.ts';
import { keyOfSecret } from './webhook.ts';

const MAX_HEADERS = 32;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const headers = z.record(
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'expected a name of letters, digits and "-"')
    .transform((name) => name.toLowerCase())
    .refine((name) => !isReservedHeader(name), 'expected no header that Talaria sets itself'),
  z
    .string()
    .max(4_096)
    .regex(/^[\x20-\x7e]*$/, 'expected printable ASCII'),
);

export const jobOrderSchema = z.strictObject({
  method: z.enum(METHODS).default('POST'),
  /** Path and query. */
  path: z.string().max(4_096),
  headers: headers.refine((h) => Object.keys(h).length <= MAX_HEADERS, 'too many').default({}),
  /** Any JSON. */
  body: z.unknown().optional(),
  /** Bytes instead of JSON; their `content-type` is among the headers. */
  body_base64: z.base64().optional(),
  /** Counts from the arrival of this request. */
  deadline_ms: z.int().min(1).optional(),
  /** Has the effect of the header `Idempotency-Key`. */
  idempotency_key: z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'expected 1 to 255 printable characters')
    .optional(),
  webhook: z.strictObject({ url: z.string().max(2_048), secret: z.string().optional() }).optional(),
});

export interface JobOrder {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly deadlineMs?: number;
  readonly idempotencyKey?: string;
  readonly webhook?: { readonly url: string; readonly secret?: string };
}

/** What an order is checked against. */
export interface OrderRules extends UrlRules {
  readonly settings: JobSettings;
  /** The tenant has a webhook secret of its own, and it is set. */
  readonly signs: boolean;
}

/** Longest order that can have an allowed body, bytes: adds base64 and the other fields. */
export function mostOrderBytes({ bodyBytes }: JobSettings): number {
  return Math.ceil(bodyBytes * 1.4) + 200_000;
}

/** Parses and checks an order. */
export function readJobOrder(text: string, rules: OrderRules): Outcome<{ order: JobOrder }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid JSON.' });
  }
  const parsed = jobOrderSchema.safeParse(json);
  if (!parsed.success) return failure('invalid_request_error', firstProblem(parsed.error));
  const { method, deadline_ms, idempotency_key, webhook } = parsed.data;
  const { settings } = rules;
  const path = pathOf(parsed.data.path);
  if (path === undefined) {
    return wrong('path', 'expected a path of the data plane, as in "/v1/chat/completions"');
  }
  const body = bodyOf(parsed.data, path);
  if (!body.ok) return body;
  if (body.bytes.length > settings.bodyBytes) {
    const message = `The body of a job may have ${settings.bodyBytes} bytes at most.`;
    return failure('request_too_large', { param: 'body', message });
  }
  if (deadline_ms !== undefined && deadline_ms > settings.maxAgeMs) {
    return wrong('deadline_ms', `expected ${settings.maxAgeMs} at most`);
  }
  const webhookFailure = webhook && webhookProblem(webhook, rules);
  if (webhookFailure) return webhookFailure;
  const type = parsed.data.body_base64 === undefined ? 'application/json' : undefined;
  return {
    ok: true,
    order: {
      method,
      path,
      headers: {
        ...(body.bytes.length > 0 ? { 'content-type': type ?? 'application/octet-stream' } : {}),
        ...parsed.data.headers,
      },
      body: body.bytes,
      ...(deadline_ms === undefined ? {} : { deadlineMs: deadline_ms }),
      ...(idempotency_key === undefined ? {} : { idempotencyKey: idempotency_key }),
      ...(webhook
        ? {
            webhook: {
              url: webhook.url,
              ...(webhook.secret === undefined ? {} : { secret: webhook.secret }),
            },
          }
        : {}),
    },
  };
}

/**
 * The normalized path and query of a call; undefined for a path that jobs may not call, such as
 * those of jobs, files and batches.
 */
function pathOf(given: string): string | undefined {
  const base = 'https://talaria.internal';
  if (!given.startsWith('/v1/') || !URL.canParse(given, base)) return undefined;
  const url = new URL(given, base);
  if (url.origin !== base || url.hash !== '') return undefined;
  if (!url.pathname.startsWith('/v1/') || /^\/v1\/(jobs|files|batches)(\/|$)/.test(url.pathname)) {
    return undefined;
  }
  return url.pathname + url.search;
}

const MODEL_PATHS: ReadonlySet<string> = new Set(
  Object.values(MODEL_APIS).map(({ path }) => `/v1${path}`),
);

function bodyOf(
  { method, body, body_base64 }: z.infer<typeof jobOrderSchema>,
  path: string,
): Outcome<{ bytes: Uint8Array }> {
  if (body !== undefined && body_base64 !== undefined) {
    return wrong('body_base64', 'expected either this or "body"');
  }
  const json = body === undefined ? '' : jsonOf(body);
  if (json === undefined) return wrong('body', 'expected less depth');
  const bytes =
    body_base64 === undefined
      ? new TextEncoder().encode(json)
      : Uint8Array.from(atob(body_base64), (char) => char.charCodeAt(0));
  if (bytes.length > 0 && (method === 'GET' || method === 'HEAD')) {
    return wrong('body', `expected none with ${method}`);
  }
  const isStream = typeof body === 'object' && body !== null && 'stream' in body && body.stream;
  if (isStream && MODEL_PATHS.has(path.split('?')[0] ?? '')) {
    return wrong('body.stream', 'expected false: nobody reads along');
  }
  return { ok: true, bytes };
}

function webhookProblem(
  { url, secret }: { url: string; secret?: string | undefined },
  rules: OrderRules,
) {
  const problem = endpointUrlProblem(url, rules);
  if (problem) return wrong('webhook.url', problem);
  if (secret === undefined && !rules.signs) {
    return wrong('webhook.secret', 'expected one: the tenant has none of its own');
  }
  if (secret !== undefined && !keyOfSecret(secret)) {
    return wrong('webhook.secret', 'expected "whsec_" and 16 to 64 bytes in base64');
  }
  return undefined;
}

function wrong(param: string, message: string) {
  return failure('invalid_request_error', { param, message: `Field "${param}": ${message}.` });
}
