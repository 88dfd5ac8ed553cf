/**
 * What the body of a model call says of who sends it: names that it gives, its system prompt and its
 * tools, and where it stands in a conversation. The same for chat completions, Responses, Anthropic's
 * messages, completions and embeddings. Only what stays the same from call to call of one unit goes
 * into the shape: prompts carry dates, paths and retrieved text further down.
 */

/** The parts of a request that tell callers apart. */
export interface BodyHints {
  readonly metadata: Readonly<Record<string, string>>;
  /** Kind of call, beginning of the system prompt, names of the tools: as text. */
  readonly shape: string;
  /** A session by the client's own word: `session_id`, or the `conversation` of Responses. */
  readonly session?: string;
  /** `prompt_cache_key` or `user`: may well be the same for many runs. */
  readonly loose?: { readonly field: string; readonly id: string };
  /** Absent where the body is no conversation, or one whose beginning it does not hold. */
  readonly conversation?: Conversation;
  /** The unit's name where a client gives none: a tool's backend. */
  readonly unit?: string;
}

export interface Conversation {
  /** What the user said first: the same for all calls of an agent's loop. */
  readonly start: string;
  /** Messages so far; rises from call to call. */
  readonly turns: number;
  /** With tools a conversation usually goes on; without, a call is usually all there is. */
  readonly hasTools: boolean;
}

/** Of a system prompt, so much tells units apart; what follows is often retrieved or of today. */
const SYSTEM_CHARS = 200;
/** Searched for them, before what changes is masked. */
const SYSTEM_READ_CHARS = 1_000;
const START_CHARS = 4_000;
/** Dates, times, paths, ids and long numbers: they differ from run to run of one unit. */
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
/** APIs whose calls are turns of a conversation. */
const CONVERSATIONS = new Set(['chat', 'responses', 'messages']);
const SYSTEM_ROLES = new Set(['system', 'developer']);

type Fields = Readonly<Record<string, unknown>>;

/** `kind` names the API: calls of two kinds are never one unit. */
export function hintsOf(kind: string, body: Fields): BodyHints {
  const messages = listOf(body.messages ?? body.input).filter(isFields);
  const system = [
    textOf(body.instructions ?? body.system),
    ...messages.filter((m) => isSystem(m)).map((m) => textOf(m.content)),
  ].join('\n');
  const tools = toolNames(body.tools ?? body.functions);
  const metadata = isFields(body.metadata) ? body.metadata : {};
  const session = nameOf(body.session_id) ?? nameOf(idOf(body.conversation));
  const loose = looseOf(body, metadata);
  const conversation = conversationOf(kind, body, messages, tools.length > 0);
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
    // Anthropic's place for the same.
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
  hasTools: boolean,
): Conversation | undefined {
  if (!CONVERSATIONS.has(kind)) return undefined;
  // The server holds what came before: this body has no beginning.
  if (body.previous_response_id != null || body.conversation != null) return undefined;
  if (typeof body.input === 'string') return { start: body.input, turns: 1, hasTools };
  const first = messages.find((m) => m.role === 'user');
  if (!first) return undefined;
  return { start: textOf(first.content).slice(0, START_CHARS), turns: messages.length, hasTools };
}

function isSystem(message: Fields): boolean {
  return typeof message.role === 'string' && SYSTEM_ROLES.has(message.role);
}

/** Text of a message's content, whatever its form: a string, or parts with text. */
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

/** Sorted: a set has no order, and clients do not always keep theirs. */
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
