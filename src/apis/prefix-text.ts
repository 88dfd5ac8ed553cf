/**
 * Cuts a prompt where a link of its chain is (prefix-chain.ts): the request of the same API by which
 * an endpoint reads what comes before, in one token. Only where a prompt's text is to be kept for
 * that; prompts without messages, with other parts than texts or too long a beginning have none.
 */
import { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames, type ScannedJson, scanJson, USUAL_BOUNDS } from '../http/json-scan.ts';
import type { PrefixLink } from '../protocol/admission.ts';
import { MAX_PREFIX_BYTES } from '../protocol/orders.ts';
import { sketchBody } from './body-sketch.ts';
import type { ModelApi } from './model-apis.ts';
import type { ModelRequest } from './model-request.ts';

export interface CutPrefix {
  /** The chain of the beginning; its last link is the one that was asked for. */
  readonly chain: readonly PrefixLink[];
  /** Path after the endpoint's URL, and the JSON body. */
  readonly path: string;
  readonly body: string;
}

/** Messages before a cut at most: what runs have in common is at the beginning. */
const MAX_MESSAGES = 64;

/** Where each API has its messages, and what makes it generate one token. */
const FORMS: Readonly<
  Record<string, { readonly list: 'messages' | 'input'; readonly end: string }>
> = {
  '/chat/completions': { list: 'messages', end: '"max_tokens":1' },
  '/responses': { list: 'input', end: '"max_output_tokens":1,"store":false' },
  '/messages': { list: 'messages', end: '"max_tokens":1' },
};
/** The fields that chat templates and caches heed, beside the messages. */
const FIELDS = [
  ...['tools', 'functions', 'tool_choice', 'system', 'instructions'],
  ...['reasoning', 'reasoning_effort', 'chat_template', 'chat_template_kwargs', 'documents'],
  ...['cache_salt', 'extra_key', 'lora_path'],
] as const;
const NAMES = new FieldNames([...FIELDS, 'messages', 'input', 'max_completion_tokens']);
/** Templates want a message of the user at the end: what it says is read in vain. */
const LAST_MESSAGE = '{"role":"user","content":"."}';
/** A part that is no text. In a text, its quotes would be escaped. */
const OTHER_PART = /"type"\s*:\s*"[^"]*(?:image|audio|video|file|document)/;

/**
 * `model`: the name by which the endpoint knows it; `seed`: of the chain. Undefined where the prompt
 * cannot be cut there.
 */
export function cutPrefix(
  { bytes, prefix = [] }: ModelRequest,
  { path }: ModelApi,
  linkId: string,
  { model, seed }: { readonly model: string; readonly seed: string },
): CutPrefix | undefined {
  const form = FORMS[path];
  const link = prefix.find(({ id }) => id === linkId);
  if (!form || !link) return undefined;
  const scanned = scanJson(bytes, USUAL_BOUNDS, NAMES);
  if (!scanned.ok) return undefined;
  const { json } = scanned;
  const head = headOf(bytes, json, model);
  const items = itemsOf(bytes, json, form.list, MAX_PREFIX_BYTES - head.length);
  const bodyOf = (count: number, more: readonly string[] = []) =>
    `${head},"${form.list}":[${[...items.slice(0, count), ...more].join(',')}],`;
  const chainOf = (count: number) => {
    const text = new TextEncoder().encode(`${bodyOf(count)}"n":1}`);
    const read = sketchBody(text, USUAL_BOUNDS, () => seed);
    return read.ok ? (read.sketch.prefix ?? []) : [];
  };
  // The least number of messages that reach the link: each has more tokens before its end.
  let [least, most] = [0, items.length];
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    if ((chainOf(middle).at(-1)?.tokens ?? 0) >= link.tokens) most = middle;
    else least = middle + 1;
  }
  const chain = chainOf(least);
  if (chain.at(-1)?.id !== linkId) return undefined;
  const ends = endsWithUser(items[least - 1]) ? [] : [LAST_MESSAGE];
  const limit = json.fields.has('max_completion_tokens') ? '"max_completion_tokens":1' : form.end;
  const body = `${bodyOf(least, ends)}${limit}}`;
  return OTHER_PART.test(body) ? undefined : { chain, path, body };
}

/** The beginning of the body: all that comes with the messages. */
function headOf(bytes: Uint8Array, { fields }: ScannedJson, model: string): string {
  const decoder = new TextDecoder();
  let head = `{"model":${JSON.stringify(model)}`;
  for (const name of FIELDS) {
    const span = fields.get(name);
    if (!span || head.length + span.end - span.start > MAX_PREFIX_BYTES) continue;
    head += `,"${name}":${decoder.decode(bytes.subarray(span.start, span.end))}`;
  }
  return head;
}

/** The first messages, as they are written, as far as there is room for them. */
function itemsOf(
  bytes: Uint8Array,
  { fields }: ScannedJson,
  name: string,
  room: number,
): readonly string[] {
  const items: string[] = [];
  const span = fields.get(name);
  const cursor = new JsonCursor(bytes, span?.start ?? 0);
  if (!span || cursor.kind() !== 'list') return items;
  const decoder = new TextDecoder();
  cursor.open();
  for (let left = room; cursor.more() && items.length < MAX_MESSAGES; ) {
    const start = cursor.at;
    cursor.skip();
    left -= cursor.at - start + 1;
    if (left < 0) break;
    items.push(decoder.decode(bytes.subarray(start, cursor.at)));
  }
  return items;
}

/** True for a message of the user, or one with what a tool has given. */
function endsWithUser(message: string | undefined): boolean {
  if (message === undefined) return false;
  const { role } = (JSON.parse(message) ?? {}) as { role?: unknown };
  return role === 'user' || role === 'tool' || role === undefined;
}
