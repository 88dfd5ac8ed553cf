/**
 * What each streamed API's events are, in a few lines, for the tests that every one of them has to pass:
 * at its reader and end to end. Not a test itself.
 */
import type { StreamKind } from '../../src/apis/streams/stream-reading.ts';
import {
  type EventMeaning,
  LAST_DATA,
  MESSAGES_EVENTS,
  RESPONSES_EVENTS,
} from '../../src/apis/streams/stream-words.ts';
import { FAULT_REASONS } from '../../src/http/foreign-error.ts';

export interface StreamApi {
  readonly format: StreamKind['format'];
  readonly path: string;
  /** What comes before any content. */
  readonly starts: readonly string[];
  readonly content: string;
  /** All of the answer is there, though more may follow; absent where only the end says so. */
  readonly finish?: (reason: string) => string;
  readonly ends: readonly string[];
  readonly faults: readonly string[];
}

const named = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const chunk = (fields: object) => `data: ${JSON.stringify(fields)}\n\n`;
const delta = (fields: object) => chunk({ choices: [{ index: 0, delta: fields }] });
/** What the faults report. */
const ERROR = { message: 'x', type: 'server_error', code: 500 };

export const STREAM_APIS: Readonly<Record<string, StreamApi>> = {
  chat: {
    format: 'openai',
    path: '/chat/completions',
    starts: [
      'data: null\n\n',
      chunk({ choices: [], prompt_filter_results: [] }),
      delta({ role: 'assistant', content: '' }),
      delta({ role: 'assistant', content: null, tool_calls: [] }),
      delta({}),
    ],
    content: delta({ content: 'ü🚀' }),
    finish: (value) => `data: {"choices":[{"index":0,"delta":{},"finish_reason":${value}}]}\n\n`,
    ends: [
      ...LAST_DATA.flatMap((word) => [word, word.toLowerCase()]).map((word) => `data: ${word}\n\n`),
      'data:[DONE]\n\n',
      'data:  [DONE] \n\n',
    ],
    faults: [
      chunk({ error: ERROR }),
      chunk({ error: 'x', error_type: 'generation' }),
      chunk({ object: 'error', message: 'x', code: 500 }),
      chunk({ id: '1', choices: [], error: ERROR }),
      chunk({
        error: ERROR,
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      }),
      chunk({ choices: [{ index: 0, delta: {}, error: ERROR }] }),
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'ERROR' }] }),
      ...FAULT_REASONS.map((word) =>
        chunk({ choices: [{ index: 0, delta: {}, finish_reason: word }] }),
      ),
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: { type: 'abort', message: 'x' } }] }),
      chunk({ error: true, message: 'x' }),
      chunk({ error: [ERROR] }),
      'event: error\ndata: it broke\n\n',
      'error: {"code":500,"message":"x"}\n\n',
    ],
  },
  Responses: {
    format: 'responses',
    path: '/responses',
    starts: wordsOf(RESPONSES_EVENTS, 'start').map((word) => named(word)),
    content: named('response.output_text.delta', { sequence_number: 1, delta: 'ü🚀' }),
    ends: wordsOf(RESPONSES_EVENTS, 'end').map((word) => named(word, { response: {} })),
    faults: [
      ...wordsOf(RESPONSES_EVENTS, 'fault').map((word) => named(word)),
      chunk({ type: 'error', message: 'x' }),
      chunk({ error: ERROR }),
    ],
  },
  messages: {
    format: 'messages',
    path: '/messages',
    starts: wordsOf(MESSAGES_EVENTS, 'start').map((word) => named(word)),
    content: named('content_block_delta', { delta: { text: 'ü🚀' } }),
    finish: (value) =>
      `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":${value}}}\n\n`,
    ends: wordsOf(MESSAGES_EVENTS, 'end').map((word) => named(word)),
    faults: [
      ...wordsOf(MESSAGES_EVENTS, 'fault').map((word) => named(word, { error: ERROR })),
      chunk({ type: 'error', error: ERROR }),
      chunk({ error: ERROR }),
    ],
  },
};

function wordsOf(events: Readonly<Record<string, EventMeaning>>, meaning: EventMeaning): string[] {
  return Object.keys(events).filter((word) => events[word] === meaning);
}
