/**
 * The shape of what a client sent: the fields, ids, headers and beginnings that tell calls apart,
 * without the client's texts, as test/fixtures/sequences has them.
 */
import { createHash } from 'node:crypto';
import type { Seen } from './observer.ts';

/** Longer texts are replaced by their first and last characters, their length and a fingerprint. */
const MOST_CHARACTERS = 160;
const HEAD = 90;
const TAIL = 40;
/** Headers of the connection and the key, which tell nothing of the client's sessions. */
const LEFT_OUT =
  /^(host|connection|content-length|accept|accept-encoding|accept-language|authorization|x-api-key|sec-fetch-mode)$/;
const APIS: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'responses',
  '/v1/messages': 'messages',
  '/v1/embeddings': 'embedding',
};

/** One request as a sequence has it. */
export interface Recorded {
  readonly session: string;
  readonly at: number;
  readonly end: number;
  readonly api: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly toolCalls: readonly string[];
  readonly failed?: true;
}

export function recordingOf(about: string, seen: readonly Seen[], work: string): object {
  const requests = seen.map((one): Recorded => {
    const path = one.path.split('?')[0] ?? '';
    const failed = one.status >= 400 || !one.complete;
    return {
      session: one.session,
      ...{ at: one.at, end: one.end, api: APIS[path] ?? 'other', path: one.path },
      headers: Object.fromEntries(
        Object.entries(one.headers).filter(([name]) => !LEFT_OUT.test(name)),
      ),
      // The folder is another on each machine.
      body: one.body === '' ? null : shapeOf(JSON.parse(one.body.replaceAll(work, '/project'))),
      toolCalls: one.toolCalls,
      ...(failed ? { failed } : {}),
    };
  });
  return { about, requests };
}

/** The value with its texts shortened, and of its tools only what names them. */
function shapeOf(value: unknown, field = ''): unknown {
  if (typeof value === 'string') return shortened(value);
  if (Array.isArray(value) && field === 'tools') return value.map(toolShapeOf);
  if (Array.isArray(value)) return value.map((one) => shapeOf(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shapeOf(inner, name)]),
  );
}

function toolShapeOf(tool: Record<string, unknown>): object {
  const { type, name, tools, function: told } = tool;
  return {
    ...(type === undefined ? {} : { type }),
    ...(name === undefined ? {} : { name }),
    ...(Array.isArray(tools) ? { tools: tools.map(toolShapeOf) } : {}),
    ...(told ? { function: { name: (told as { name?: unknown }).name } } : {}),
  };
}

/** Equal texts stay equal, and different ones different. */
function shortened(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  const print = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const left = text.length - HEAD - TAIL;
  return `${text.slice(0, HEAD)}[… ${left} characters, ${print} …]${text.slice(-TAIL)}`;
}
