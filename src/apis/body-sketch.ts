/**
 * Reads from the JSON body of a model call what Talaria looks at, into a value that is small however
 * long the body is: long texts are cut, and of long lists only the items are kept that something is
 * read from. `model-apis.ts` checks the sketch in place of the body, and `identity/conversation.ts`
 * tells callers apart by it.
 */
import { type Outcome, wrongInput } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames, type JsonBounds, type ScannedJson, scanJson } from '../http/json-scan.ts';
import type { PrefixLink } from '../protocol/admission.ts';
import { MessageList } from './message-list.ts';
import { PrefixChain } from './prefix-chain.ts';
import { addPieces, systemChars } from './prefix-pieces.ts';
import { inputsAt, promptsAt, tokensIn } from './prompt-counts.ts';
import { charsAt, kindOf, textAt } from './prompt-text.ts';
import { textPrint } from './text-print.ts';
import { toolsAt } from './tool-names.ts';
import { textPrintsAt, toolResultsAt } from './tool-results.ts';

export interface BodySketch {
  /** The body with the fields below alone, cut; a body that is no object is kept as its kind. */
  readonly body: unknown;
  /** Index in the body's `messages` of each message that the sketch has. */
  readonly messageIndex: readonly number[];
  /** Number of messages, of those in `input` where there are no `messages`. */
  readonly turns: number;
  /** Reads the ids of the tool calls whose results the newest messages have, the newest first. */
  readonly toolResults: () => readonly string[];
  /** Reads the fingerprints of the newest messages' texts, the newest first. */
  readonly texts: () => readonly string[];
  /** Characters that the model will read. */
  readonly promptChars: number;
  /** Tokens that the client has written as numbers, beside those characters. */
  readonly promptTokens: number;
  /** Number of prompts that one call contains. */
  readonly prompts: number;
  /** Number of texts, or of lists of tokens, that one call has embedded or judged. */
  readonly inputs: number;
  /** Characters of the tools' descriptions. */
  readonly toolChars: number;
  /** Fingerprints of the prompt's beginnings; absent where none are wanted, or it has none. */
  readonly prefix?: readonly PrefixLink[];
  readonly json: ScannedJson;
}

/** Fields that are parsed as they are, so they may not be longer than MAX_FIELD_BYTES. */
const PLAIN_FIELDS = [
  'model',
  'metadata',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'best_of',
  'background',
  'priority',
  'session_id',
  'conversation',
  'prompt_cache_key',
  'user',
  'previous_response_id',
] as const;
const MAX_FIELD_BYTES = 65_536;
/** Fields that only say something of the caller: one that is longer is not read. */
const CALLER_FIELDS = ['vllm_xargs', 'agent_hint', 'nvext'] as const;
const MAX_CALLER_BYTES = 16_384;

/** Fields with text for the model of which a schema sees the kind only. */
const TEXT_FIELDS = [
  ...['query', 'queries', 'documents', 'suffix'],
  ...['text_1', 'text_2', 'data_1', 'data_2'],
] as const;
const SYSTEM_FIELDS = ['system', 'instructions'] as const;
const TOOL_FIELDS = ['tools', 'functions'] as const;
/** Fields of vLLM and SGLang that keep the caches of calls apart. */
const CACHE_FIELDS = ['cache_salt', 'extra_key', 'lora_path'] as const;
const NAMES = new FieldNames([
  ...PLAIN_FIELDS,
  ...CALLER_FIELDS,
  ...TEXT_FIELDS,
  ...SYSTEM_FIELDS,
  ...TOOL_FIELDS,
  ...CACHE_FIELDS,
  ...['messages', 'prompt', 'prompt_embeds', 'input'],
]);

const NOWHERE = { start: 0, end: 0 };

/** Most characters that are kept of a system prompt, and of other input. */
const MAX_SYSTEM_CHARS = 1_000;
const MAX_INPUT_CHARS = 4_000;

/**
 * What calls of a model have to have in common, besides their prompts, to share what an engine has
 * cached; undefined where nobody asks for the prefixes of its calls.
 */
export type PrefixSeed = (model: string) => string | undefined;

/**
 * The error is `invalid_request_error`: the body is no JSON, or beyond its bounds, or has a field
 * that is too long.
 */
export function sketchBody(
  bytes: Uint8Array,
  bounds: JsonBounds,
  seedOf?: PrefixSeed,
): Outcome<{ sketch: BodySketch }> {
  const scanned = scanJson(bytes, bounds, NAMES);
  if (!scanned.ok) return scanned;
  const { json } = scanned;
  for (const name of PLAIN_FIELDS) {
    const span = json.fields.get(name);
    if (span && span.end - span.start > MAX_FIELD_BYTES) {
      const message = `Field "${name}": expected ${MAX_FIELD_BYTES} bytes at most.`;
      return wrongInput({ param: name, message });
    }
  }
  return { ok: true, sketch: sketchOf(bytes, json, seedOf) };
}

function sketchOf(bytes: Uint8Array, json: ScannedJson, seedOf?: PrefixSeed): BodySketch {
  const root = new JsonCursor(bytes, json.root.start);
  const body: Record<string, unknown> = {};
  let promptChars = 0;
  /** Keeps what is read of a field, where the body has it. */
  const read = (name: string, of: (cursor: JsonCursor) => unknown) => {
    const span = json.fields.get(name);
    if (span) body[name] = of(root.fork(span.start));
  };
  const counted = (of: (cursor: JsonCursor) => unknown) => (cursor: JsonCursor) => {
    promptChars += charsAt(cursor.fork(), 0);
    return of(cursor);
  };
  /** The same for a prompt that has no messages. */
  const countedWhole = (of: (cursor: JsonCursor) => unknown) => (cursor: JsonCursor) => {
    const counting = cursor.fork();
    const chars = charsAt(counting, 0);
    const charsBefore = toolChars + promptChars;
    const span = { start: cursor.at, end: counting.at };
    if (chain) addPieces(chain, bytes, span, { chars, charsBefore });
    promptChars += chars;
    return of(cursor);
  };
  for (const name of PLAIN_FIELDS) read(name, (cursor) => cursor.parse());
  for (const name of CALLER_FIELDS) {
    const { start = 0, end = 0 } = json.fields.get(name) ?? {};
    if (end - start <= MAX_CALLER_BYTES) read(name, (cursor) => cursor.parse());
  }
  const chain = chainOf(bytes, json, body, seedOf);
  let toolChars = 0;
  for (const name of TOOL_FIELDS) {
    read(name, toolsAt);
    const { start, end } = json.fields.get(name) ?? NOWHERE;
    toolChars += end - start;
    chain?.digest.add(bytes, start, end);
    if (end > start) chain?.headEnded(toolChars);
  }
  for (const name of TEXT_FIELDS) read(name, counted(kindOf));
  const readSystem = (cursor: JsonCursor) => {
    promptChars += systemChars(cursor.fork(cursor.at, chain?.digest));
    chain?.headEnded(toolChars + promptChars);
    return systemAt(cursor);
  };
  for (const name of SYSTEM_FIELDS) read(name, readSystem);
  let prompts = 1;
  const countPrompts = (cursor: JsonCursor) => {
    prompts = promptsAt(cursor.fork());
    return kindOf(cursor);
  };
  read('prompt', countedWhole(countPrompts));
  read('prompt_embeds', kindOf);
  let list: MessageList | undefined;
  const messagesAt = (strict: boolean) => (cursor: JsonCursor) => {
    if (cursor.kind() !== 'list') {
      return countedWhole((c) => (c.kind() === 'string' ? c.text(MAX_INPUT_CHARS) : kindOf(c)))(
        cursor,
      );
    }
    const start = cursor.fork(cursor.at, chain?.digest);
    list = new MessageList(start, strict, chain, toolChars + promptChars);
    promptChars += list.chars;
    return list.kept;
  };
  let inputs = 1;
  read('input', (cursor) => {
    inputs = inputsAt(cursor.fork());
    return messagesAt(false)(cursor);
  });
  read('messages', messagesAt(true));
  const prefix = prompts === 1 ? chain?.links() : undefined;
  return {
    body: root.kind() === 'object' ? body : kindOf(root),
    messageIndex: list?.index ?? [],
    turns: list?.turns ?? 0,
    toolResults: () => toolResultsAt(root, list?.newest ?? []),
    texts: () => (list ? textPrintsAt(root, list.newest) : inputPrint(body.input)),
    promptChars,
    promptTokens: ['prompt', 'input'].reduce(
      (tokens, name) => tokens + tokensIn(bytes, json.fields.get(name)),
      0,
    ),
    prompts,
    inputs,
    toolChars,
    json,
    ...given({ prefix }),
  };
}

/**
 * The chain for the prompt of a body whose plain fields were read. A prompt that continues an answer
 * which the endpoint keeps has a beginning that is not in the body.
 */
function chainOf(
  bytes: Uint8Array,
  { fields }: ScannedJson,
  { model, previous_response_id: previous }: Record<string, unknown>,
  seedOf: PrefixSeed | undefined,
): PrefixChain | undefined {
  if (typeof model !== 'string' || (previous ?? null) !== null) return undefined;
  if (fields.has('prompt_embeds')) return undefined;
  const seed = seedOf?.(model);
  if (seed === undefined) return undefined;
  const chain = new PrefixChain(seed);
  for (const name of CACHE_FIELDS) {
    const { start, end } = fields.get(name) ?? NOWHERE;
    chain.digest.add(bytes, start, end);
  }
  return chain;
}

function inputPrint(input: unknown): string[] {
  const print = typeof input === 'string' ? textPrint(input) : undefined;
  return print === undefined ? [] : [print];
}

function systemAt(cursor: JsonCursor): string | null {
  return cursor.kind() === 'null' ? null : textAt(cursor, MAX_SYSTEM_CHARS);
}
