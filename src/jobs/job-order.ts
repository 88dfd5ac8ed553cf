/**
 * The request that creates a job: any request of the data plane, as JSON, with an optional
 * deadline, idempotency key and webhook. How a job is shown is in job-view.ts.
 */
import * as z from 'zod/mini';
import { MODEL_PATHS } from '../apis/model-apis.ts';
import { endpointUrlProblem, type UrlRules } from '../config/endpoint-url.ts';
import type { JobSettings } from '../config/job-settings.ts';
import { failure, type Outcome, wrongInput } from '../http/errors.ts';
import { textLike, textUpTo } from '../http/field-schemas.ts';
import { given } from '../http/given.ts';
import { isReservedHeader } from '../http/headers.ts';
import { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames, type JsonBounds, type Span, scanJson } from '../http/json-scan.ts';
import { firstProblem } from '../http/problem.ts';
import { servedPath } from '../http/written-path.ts';
import { keyOfSecret } from './webhook.ts';

const MAX_HEADERS = 32;
/** Longest order without its body, bytes. */
const MAX_OTHER_BYTES = 200_000;
/** Longest value of a body's `stream` that is read, bytes; a longer one is not false. */
const MAX_STREAM_BYTES = 16;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const headers = z.record(
  z
    .pipe(
      textLike(/^[A-Za-z0-9-]{1,64}$/, 'expected a name of letters, digits and "-"'),
      z.transform((name) => name.toLowerCase()),
    )
    .check(
      z.refine((name) => !isReservedHeader(name), 'expected no header that Talaria sets itself'),
    ),
  z.string().check(z.maxLength(4_096), z.regex(/^[\x20-\x7e]*$/, 'expected printable ASCII')),
);

export const jobOrderSchema = z.strictObject({
  method: z._default(z.enum(METHODS), 'POST'),
  /** Path and query. */
  path: textUpTo(4_096),
  headers: z._default(
    headers.check(z.refine((h) => Object.keys(h).length <= MAX_HEADERS, 'too many')),
    {},
  ),
  /** Any JSON. */
  body: z.optional(z.unknown()),
  /** Bytes instead of JSON, in base64; their `content-type` is among the headers. */
  body_base64: z.optional(z.base64()),
  /** Counts from the arrival of this request. */
  deadline_ms: z.optional(z.int().check(z.minimum(1))),
  /** Has the effect of the header `Idempotency-Key`. */
  idempotency_key: z.optional(
    textLike(/^[\x20-\x7e]{1,255}$/, 'expected 1 to 255 printable ASCII characters'),
  ),
  webhook: z.optional(z.strictObject({ url: textUpTo(2_048), secret: z.optional(z.string()) })),
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
  /** Bounds of its JSON. */
  readonly bounds: JsonBounds;
  /** The tenant has a webhook secret of its own, and it is set. */
  readonly signs: boolean;
}

/** Longest order that can have an allowed body, bytes: adds base64 and the other fields. */
export function mostOrderBytes({ bodyBytes }: JobSettings): number {
  return Math.ceil(bodyBytes * 1.4) + MAX_OTHER_BYTES;
}

/** Reads and checks an order. Its body stays as the client wrote it. */
export function readJobOrder(
  bytes: Uint8Array<ArrayBuffer>,
  rules: OrderRules,
): Outcome<{ order: JobOrder }> {
  const scanned = scanJson(bytes, rules.bounds, BODY_FIELDS);
  if (!scanned.ok) return scanned;
  const { fields } = scanned.json;
  const spans = [...fields.values()].toSorted((a, b) => a.start - b.start);
  if (spans.reduce((n, { start, end }) => n - (end - start), bytes.length) > MAX_OTHER_BYTES) {
    const message = `An order may have ${MAX_OTHER_BYTES} bytes at most beside its body.`;
    return failure('request_too_large', { message });
  }
  const parsed = jobOrderSchema.safeParse(JSON.parse(withoutValues(bytes, spans)));
  if (!parsed.success) return wrongInput(firstProblem(parsed.error));
  const { method, deadline_ms, idempotency_key, webhook } = parsed.data;
  const { settings } = rules;
  const path = pathOf(parsed.data.path);
  if (path === undefined) {
    return wrong('path', 'expected a path of the data plane, as in "/v1/chat/completions"');
  }
  const body = bodyOf({ bytes, fields, method, path, bounds: rules.bounds });
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
  const type = fields.has('body_base64') ? undefined : 'application/json';
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
      ...given({ deadlineMs: deadline_ms, idempotencyKey: idempotency_key }),
      ...(webhook
        ? {
            webhook: {
              url: webhook.url,
              ...given({ secret: webhook.secret }),
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
  if (!given.startsWith('/') || !URL.canParse(given, base)) return undefined;
  const url = new URL(given, base);
  if (url.origin !== base || url.hash !== '') return undefined;
  const path = servedPath(url.pathname);
  if (!path.startsWith('/v1/') || /^\/v1\/(jobs|files|batches)(\/|$)/.test(path)) {
    return undefined;
  }
  return path + url.search;
}

const BODY_FIELDS = new FieldNames(['body', 'body_base64']);
const STREAM_FIELD = new FieldNames(['stream']);

/** The text with an empty string in place of these values, which are in order. */
function withoutValues(bytes: Uint8Array, spans: readonly Span[]): string {
  const ends = [0, ...spans.map(({ end }) => end)];
  const starts = [...spans.map(({ start }) => start), bytes.length];
  const parts = ends.map((end, i) => new TextDecoder().decode(bytes.subarray(end, starts[i])));
  return parts.join('""');
}

interface OrderedBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fields: ReadonlyMap<string, Span>;
  readonly method: string;
  readonly path: string;
  readonly bounds: JsonBounds;
}

function bodyOf(ordered: OrderedBody): Outcome<{ bytes: Uint8Array<ArrayBuffer> }> {
  const { bytes: order, fields, method, path, bounds } = ordered;
  const json = fields.get('body');
  const base64 = fields.get('body_base64');
  if (json && base64) return wrong('body_base64', 'expected either this or "body"');
  const bytes = base64 ? bytesOf(order, base64) : order.slice(json?.start ?? 0, json?.end ?? 0);
  if (bytes === undefined) return wrong('body_base64', 'expected base64');
  if (bytes.length > 0 && (method === 'GET' || method === 'HEAD')) {
    return wrong('body', `expected none with ${method}`);
  }
  if (json && isStream(bytes, bounds) && MODEL_PATHS.has(path.split('?')[0] ?? '')) {
    return wrong('body.stream', 'expected false: nobody reads along');
  }
  return { ok: true, bytes };
}

/** The bytes of a string in base64; undefined where it is none. */
function bytesOf(order: Uint8Array, { start }: Span): Uint8Array<ArrayBuffer> | undefined {
  const cursor = new JsonCursor(order, start);
  if (cursor.kind() !== 'string') return undefined;
  let binary: string;
  try {
    binary = atob(cursor.text(Infinity));
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function isStream(body: Uint8Array, bounds: JsonBounds): boolean {
  const scanned = scanJson(body, bounds, STREAM_FIELD);
  const span = scanned.ok ? scanned.json.fields.get('stream') : undefined;
  if (!span) return false;
  if (span.end - span.start > MAX_STREAM_BYTES) return true;
  return Boolean(new JsonCursor(body, span.start).parse());
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
  return wrongInput({ param, message: `Field "${param}": ${message}.` });
}
