/**
 * The table of what the words in streamed answers mean that endpoints write: names of events, and
 * reasons to finish. A new spelling is a new line. The words of errors are in `http/error-words.ts`,
 * the names of token counts in `../usage.ts`.
 */

/**
 * `start`: what an answer begins with, before any content. `content`: a piece of it. `finish`: holds
 * the reason why the answer ended; usage may follow. `end`: nothing follows. `fault`: the endpoint
 * failed, and nothing follows.
 */
export type EventMeaning = 'start' | 'content' | 'finish' | 'end' | 'fault';

interface EventWord {
  readonly word: string;
  readonly means: EventMeaning;
  /** Who writes it. */
  readonly from: string;
}

/** Events of Anthropic's API. */
export const MESSAGES_EVENTS: readonly EventWord[] = [
  { word: 'message_start', means: 'start', from: 'Anthropic' },
  { word: 'content_block_start', means: 'start', from: 'Anthropic' },
  { word: 'content_block_delta', means: 'content', from: 'Anthropic' },
  { word: 'content_block_stop', means: 'content', from: 'Anthropic' },
  { word: 'message_delta', means: 'finish', from: 'Anthropic' },
  { word: 'message_stop', means: 'end', from: 'Anthropic' },
  { word: 'ping', means: 'start', from: 'Anthropic' },
  { word: 'error', means: 'fault', from: 'Anthropic' },
];

/** Events of the Responses API; those that end with `.delta` or `.done` are content. */
export const RESPONSES_EVENTS: readonly EventWord[] = [
  { word: 'response.queued', means: 'start', from: 'OpenAI' },
  { word: 'response.created', means: 'start', from: 'OpenAI' },
  { word: 'response.in_progress', means: 'start', from: 'OpenAI' },
  { word: 'response.output_item.added', means: 'start', from: 'OpenAI' },
  { word: 'response.content_part.added', means: 'start', from: 'OpenAI' },
  { word: 'response.completed', means: 'end', from: 'OpenAI' },
  { word: 'response.done', means: 'end', from: 'OpenAI, realtime; OpenRouter' },
  { word: 'response.incomplete', means: 'end', from: 'OpenAI' },
  { word: 'response.cancelled', means: 'end', from: 'OpenAI' },
  { word: 'response.canceled', means: 'end', from: 'American spelling' },
  { word: 'response.failed', means: 'fault', from: 'OpenAI' },
  { word: 'response.error', means: 'fault', from: 'OpenRouter' },
  { word: 'error', means: 'fault', from: 'OpenAI' },
];

/** Events of chat completions, which have no names; some engines name their errors. */
export const OPENAI_EVENTS: readonly EventWord[] = [
  { word: 'error', means: 'fault', from: 'TGI; llama.cpp before 2025, as the field `error:`' },
];

/** Data of the last event of chat completions; blanks around it and case do not count. */
export const LAST_DATA: ReadonlyArray<{ readonly word: string; readonly from: string }> = [
  { word: '[DONE]', from: 'OpenAI' },
  { word: '"[DONE]"', from: 'proxies that write each event as JSON' },
];

const LONGEST_LAST = 16;
const LAST: ReadonlySet<string> = new Set(LAST_DATA.map(({ word }) => word.toLowerCase()));

/** True for the data of the last event. */
export function isLastData(data: string): boolean {
  return data.length <= LONGEST_LAST && LAST.has(data.trim().toLowerCase());
}

/** What is written where there is no reason to finish yet, beside JSON's null and a missing key. */
export const NO_REASONS: ReadonlyArray<{ readonly word: string; readonly from: string }> = [
  { word: '', from: 'proxies in Go, whose empty text it is' },
  { word: 'null', from: 'proxies that write null as a text' },
  { word: 'none', from: "Python's None as a text" },
  { word: 'undefined', from: "JavaScript's undefined as a text" },
];

const NONE: ReadonlySet<string> = new Set(NO_REASONS.map(({ word }) => word));
const NONE_WORDS = NO_REASONS.map(({ word }) => word).filter((word) => word !== '');
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
export function meaningsOf(
  events: readonly EventWord[],
): (name: string) => EventMeaning | undefined {
  const meanings = new Map(events.map(({ word, means }) => [word, means]));
  return (name) => meanings.get(name) ?? meanings.get(name.trim().toLowerCase());
}
