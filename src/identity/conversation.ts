/**
 * Reads the hints about its caller from the body of a model call: names, system prompt and tools,
 * and the position in a conversation. It works for chat completions, Responses, Anthropic's
 * messages, completions and embeddings. Only what stays the same from call to call of one unit
 * enters the shape: prompts contain dates, paths and retrieved text further down. The identity is
 * derived from the hints in `identity.ts`.
 */

/** The parts of a request by which callers are told apart. */
export interface BodyHints {
  readonly metadata: Readonly<Record<string, string>>;
  /** Kind of call, beginning of the system prompt and names of the tools, as JSON text. */
  readonly shape: string;
  /** A session that the client names: `session_id`, or the `conversation` of Responses. */
  readonly session?: string;
  /** `prompt_cache_key` or `user`, which may be the same for many runs. */
  readonly loose?: { readonly field: string; readonly id: string };
  /** Absent where the body is no conversation, or does not contain its beginning. */
  readonly conversation?: Conversation;
  /** The unit's name where the client sets none, as the backend of a tool call. */
  readonly unit?: string;
}

export interface Conversation {
  /** The user's first message: the same for all calls of an agent's loop. */
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
const START_CHARS = 4_000;
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
  const messages = listOf(body.messages ?? body.input).filter(isFields);
  const system = [
    textOf(body.instructions ?? body.system),
    ...messages.filter((m) => isSystem(m)).map((m) => textOf(m.content)),
  ].join('\n');
  const tools = toolNames(body.tools ?? body.functions);
  const metadata = isFields(body.metadata) ? body.metadata : {};
  const session = nameOf(body.session_id) ?? nameOf(idOf(body.conversation));
  const loose = looseOf(body, metadata);
  const conversation = conversationOf(kind, body, messages, {
    turns: turns ?? messages.length,
    hasTools: tools.length > 0,
  });
  return {
    metadata: stringsOf(metadata),
    shape: JSON.stringify([kind, staticPart(system), tools]),
    ...(session === undefined ? {} : { session }),
    ...(loose === undefined ? {} : { loose }),
    ...(conversation === undefined ? {} : { conversation }),
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
  return { start: textOf(first.content).slice(0, START_CHARS), turns, hasTools };
}

function isSystem(message: Fields): boolean {
  return typeof message.role === 'string' && SYSTEM_ROLES.has(message.role);
}

/** The text of a message's content, which is a string or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => (isFields(part) && typeof part.text === 'string' ? part.text : ''))
    .join('\n');
}

function staticPart(system: string): string {
  const masked = system.slice(0, SYSTEM_READ_CHARS).replace(CHANGING, '#').replace(/\s+/g, ' ');
  return masked.trim().slice(0, SYSTEM_CHARS);
}

/** Sorted, since tools are a set, which clients do not always send in the same order. */
function toolNames(tools: unknown): string[] {
  return listOf(tools)
    .filter(isFields)
    .map((tool) => {
      const named = isFields(tool.function) ? tool.function.name : (tool.name ?? tool.type);
      return typeof named === 'string' ? named : '';
    })
    .sort();
}

function idOf(conversation: unknown): unknown {
  return isFields(conversation) ? conversation.id : conversation;
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringsOf(metadata: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([key, value]) => {
      if (typeof value === 'string') return [[key, value]];
      return typeof value === 'number' || typeof value === 'boolean' ? [[key, String(value)]] : [];
    }),
  );
}
