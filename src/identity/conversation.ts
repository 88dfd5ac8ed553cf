/**
 * Reads the hints about its caller from the body of a model call: names, system prompt and tools,
 * and the position in a conversation. It works for chat completions, Responses, Anthropic's
 * messages, completions and embeddings. Only what stays the same from call to call of one unit
 * enters the shape: prompts contain dates, paths and retrieved text further down. The identity is
 * derived from the hints in `identity.ts`.
 */

import { listOf } from '../apis/json-fields.ts';
import { isObject } from '../http/foreign-error.ts';
import { given } from '../http/given.ts';
import { type AgentContext, agentContext } from './agent-context.ts';
import { CLIENT_BLOCKS, CLIENT_LINES } from './known-clients.ts';
import { unitLabel } from './labels.ts';
import { isPlaceholder } from './placeholders.ts';

/** The parts of a request by which callers are told apart. */
export interface BodyHints {
  readonly metadata: Readonly<Record<string, string>>;
  /** Kind of call, beginning of the system prompt and names of the tools, as JSON text. */
  readonly shape: string;
  /** What people read beside the unit's name. */
  readonly label?: string;
  /** A session that the client names: `session_id`, or the `conversation` of Responses. */
  readonly session?: string;
  /** What an agent says of its session in fields of engines. */
  readonly agent?: AgentContext;
  /** The response that the call continues (Responses). */
  readonly continues?: string;
  /**
   * Reads the ids of the tool calls whose results the body has, the newest first; asked only where
   * nothing else names the run.
   */
  readonly toolResults?: () => readonly string[];
  /** Reads fingerprints of texts that an earlier answer may have had, the newest first. */
  readonly texts?: () => readonly string[];
  /** `prompt_cache_key` or `user`, which may be the same for many runs. */
  readonly loose?: { readonly field: string; readonly id: string };
  /** Absent where the body is no conversation, or does not contain its beginning. */
  readonly conversation?: Conversation;
  /** The unit's name where the client sets none, as the backend of a tool call. */
  readonly unit?: string;
}

export interface Conversation {
  /**
   * The user's first message, without what the client writes into it: the same for all calls of an
   * agent's loop.
   */
  readonly start: string;
  /** Number of messages so far; rises from call to call. */
  readonly turns: number;
  /** A conversation with tools usually goes on; one without is usually a single call. */
  readonly hasTools: boolean;
}

/** Length of the masked system prompt that tells units apart; later text often changes. */
const SYSTEM_CHARS = 200;
/** Length of the system prompt that is read before changing parts are masked. */
const SYSTEM_READ_CHARS = 1_000;
/** Length of the user's first message that identifies a conversation. */
const START_CHARS = 32_768;
/** Dates, times, paths, ids and long numbers, which differ between the runs of one unit. */
const CHANGING = new RegExp(
  [
    String.raw`\d{4}-\d{2}-\d{2}`,
    String.raw`\d{1,2}:\d{2}(:\d{2})?`,
    String.raw`(?:~|[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}`,
    '[0-9a-f]{8}-[0-9a-f-]{20,}',
    String.raw`\b[0-9a-f]{16,}\b`,
    String.raw`\d{5,}`,
  ].join('|'),
  'gi',
);
/** Kinds of calls that are turns of a conversation. */
const CONVERSATIONS = new Set(['chat', 'responses', 'messages']);
const SYSTEM_ROLES = new Set(['system', 'developer']);

type Fields = Readonly<Record<string, unknown>>;

/**
 * `kind` is the name of the API: calls of two kinds never belong to one unit. `turns`: messages of
 * the conversation, where the body has only some of them.
 */
export function hintsOf(kind: string, body: Fields, turns?: number): BodyHints {
  const messages = listOf(body.messages ?? body.input).filter(isObject);
  const ownSystem = textOf(body.instructions ?? body.system);
  const system = withoutClientLines(
    [ownSystem, ...systemMessages(messages, ownSystem !== '').map((m) => textOf(m.content))].join(
      '\n',
    ),
  );
  const tools = toolNames(body.tools ?? body.functions);
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const session = nameOf(body.session_id) ?? nameOf(idOf(body.conversation));
  const loose = looseOf(body, metadata);
  const conversation = conversationOf(kind, body, messages, {
    turns: turns ?? messages.length,
    hasTools: tools.length > 0,
  });
  const agent = agentContext(body);
  const continues = nameOf(body.previous_response_id);
  const prompt = staticPart(system);
  return {
    metadata: stringsOf(metadata),
    shape: JSON.stringify([kind, prompt, tools]),
    label: unitLabel(firstLine(system), tools, kind),
    ...given({ agent, continues, session, loose, conversation }),
  };
}

function looseOf(body: Fields, metadata: Fields): BodyHints['loose'] {
  const fields: Array<[string, unknown]> = [
    ['prompt_cache_key', body.prompt_cache_key],
    ['user', body.user],
    // Anthropic's field for the same purpose.
    ['metadata.user_id', metadata.user_id],
  ];
  for (const [field, value] of fields) {
    const id = nameOf(value);
    if (id !== undefined) return { field, id };
  }
  return undefined;
}

function conversationOf(
  kind: string,
  body: Fields,
  messages: readonly Fields[],
  { turns, hasTools }: Omit<Conversation, 'start'>,
): Conversation | undefined {
  if (!CONVERSATIONS.has(kind)) return undefined;
  // The server holds the earlier messages: this body does not contain the beginning.
  if (body.previous_response_id != null || body.conversation != null) return undefined;
  if (typeof body.input === 'string') return { start: body.input, turns: 1, hasTools };
  const first = messages.find((m) => m.role === 'user');
  if (!first) return undefined;
  const start = withoutClientBlocks(textOf(first.content)).slice(0, START_CHARS);
  return { start, turns, hasTools };
}

/** The system prompt without the lines by which a client tells its provider about itself. */
function withoutClientLines(system: string): string {
  let text = system.trimStart();
  for (let found = true; found; ) {
    const lines = CLIENT_LINES.map((line) => line.exec(text)?.[0] ?? '');
    const line = lines.find((l) => l !== '') ?? '';
    text = text.slice(line.length).trimStart();
    found = line !== '';
  }
  return text;
}

/** A message without the blocks that its client writes; as it is where it has nothing else. */
function withoutClientBlocks(message: string): string {
  let text = message;
  for (const tag of CLIENT_BLOCKS) text = withoutBlocks(text, `<${tag}>`, `</${tag}>`);
  const task = text.trim();
  return task === '' ? message : task;
}

function withoutBlocks(text: string, open: string, close: string): string {
  let kept = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start);
    if (end < 0) return kept + text.slice(at);
    kept += text.slice(at, start);
    at = end + close.length;
  }
}

/**
 * The messages of the system that come before the user's: later ones are news of one conversation,
 * as Claude Code adds them. Where there is no other system prompt (`hasOther`), the first of all.
 */
function systemMessages(messages: readonly Fields[], hasOther: boolean): readonly Fields[] {
  const user = messages.findIndex((m) => m.role === 'user');
  const before = messages.slice(0, user < 0 ? messages.length : user).filter((m) => isSystem(m));
  return before.length > 0 || hasOther ? before : messages.filter((m) => isSystem(m)).slice(0, 1);
}

function isSystem(message: Fields): boolean {
  return typeof message.role === 'string' && SYSTEM_ROLES.has(message.role);
}

/** The text of a message's content, which is a string or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : ''))
    .join('\n');
}

function firstLine(system: string): string {
  return system.slice(0, SYSTEM_READ_CHARS).replace(CHANGING, '…').trim();
}

function staticPart(system: string): string {
  const masked = system.slice(0, SYSTEM_READ_CHARS).replace(CHANGING, '#').replace(/\s+/g, ' ');
  return masked.trim().slice(0, SYSTEM_CHARS);
}

/** Sorted, since tools are a set, which clients do not always send in the same order. */
function toolNames(tools: unknown): string[] {
  return listOf(tools)
    .filter(isObject)
    .map((tool) => {
      const named = isObject(tool.function) ? tool.function.name : (tool.name ?? tool.type);
      return typeof named === 'string' ? named : '';
    })
    .sort();
}

function idOf(conversation: unknown): unknown {
  return isObject(conversation) ? conversation.id : conversation;
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && !isPlaceholder(value) ? value : undefined;
}

function stringsOf(metadata: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([key, value]) => {
      if (typeof value === 'string') return [[key, value]];
      return typeof value === 'number' || typeof value === 'boolean' ? [[key, String(value)]] : [];
    }),
  );
}
