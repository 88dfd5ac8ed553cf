/**
 * The table of what the words in streamed answers mean that endpoints write: names of events, and
 * reasons to finish. A new spelling is a new line, with who writes it behind it. The words of errors
 * are in `http/error-words.ts`, the names of token counts in `../usage.ts`.
 */

/**
 * `start`: what an answer begins with, before any content. `content`: a piece of it. `finish`: holds
 * the reason why the answer ended; usage may follow. `end`: nothing follows. `fault`: the endpoint
 * failed, and nothing follows.
 */
export type EventMeaning = 'start' | 'content' | 'finish' | 'end' | 'fault';

/** What each name of an event means. */
type EventWords = Readonly<Record<string, EventMeaning>>;

/** Events of Anthropic's API. */
export const MESSAGES_EVENTS: EventWords = {
  message_start: 'start',
  content_block_start: 'start',
  content_block_delta: 'content',
  content_block_stop: 'content',
  message_delta: 'finish',
  message_stop: 'end',
  ping: 'start',
  error: 'fault',
};

/** Events of the Responses API, most by OpenAI; those that end with `.delta` or `.done` are content. */
export const RESPONSES_EVENTS: EventWords = {
  'response.queued': 'start',
  'response.created': 'start',
  'response.in_progress': 'start',
  'response.output_item.added': 'start',
  'response.content_part.added': 'start',
  'response.completed': 'end',
  'response.done': 'end', // OpenAI, realtime; OpenRouter
  'response.incomplete': 'end',
  'response.cancelled': 'end',
  'response.canceled': 'end', // American spelling
  'response.failed': 'fault',
  'response.error': 'fault', // OpenRouter
  error: 'fault',
};

/** Events of chat completions, which have no names; some engines name their errors. */
export const OPENAI_EVENTS: EventWords = {
  error: 'fault', // TGI; llama.cpp before 2025, as the field `error:`
};

/** Data of the last event of chat completions; blanks around it and case do not count. */
export const LAST_DATA: readonly string[] = [
  '[DONE]', // OpenAI
  '"[DONE]"', // proxies that write each event as JSON
  '["DONE"]', // servers that mistake it for a list
];

const LONGEST_LAST = 16;
const LAST: ReadonlySet<string> = new Set(LAST_DATA.map((word) => word.toLowerCase()));

/** True for the data of the last event. */
export function isLastData(data: string): boolean {
  return data.length <= LONGEST_LAST && LAST.has(data.trim().toLowerCase());
}

/** What is written where there is no reason to finish yet, beside JSON's null and a missing key. */
export const NO_REASONS: readonly string[] = [
  '', // proxies in Go, whose empty text it is
  'null', // proxies that write null as a text
  'none', // Python's None as a text
  'undefined', // JavaScript's undefined as a text
];

const NONE: ReadonlySet<string> = new Set(NO_REASONS);
const NONE_WORDS = NO_REASONS.filter((word) => word !== '');
/** What follows the key where its value is a reason: a text that is not blank and no word for none. */
const REASON = `"\\s*:\\s*(?:"(?!\\s*(?:${NONE_WORDS.join('|')})?\\s*")|\\{)`;

/** Whether text has the key with a reason in it; cheap, for texts that are not parsed. */
export const FINISH_REASON = new RegExp(`"finish_reason${REASON}`, 'i');
export const STOP_REASON = new RegExp(`"stop_reason${REASON}`, 'i');

/** True for a value that names why an answer ended. */
export function isReason(value: unknown): boolean {
  if (typeof value === 'string') return !NONE.has(value.trim().toLowerCase());
  // SGLang's own form: `{"type":"stop","matched":…}`.
  return typeof value === 'object' && value !== null && 'type' in value && isReason(value.type);
}

/** Finds the meaning of an event's name; undefined for an unknown one. */
export function meaningsOf(events: EventWords): (name: string) => EventMeaning | undefined {
  const meanings = new Map(Object.entries(events));
  return (name) => meanings.get(name) ?? meanings.get(name.trim().toLowerCase());
}
