/**
 * Builds the answers that users of engines, and of what stands in front of them, report in public: each
 * with its thread, whose address is left without `https://github.com/`.
 */
import type { Judgement, UpstreamAnswer } from './judged-answer.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const TEXT_TYPE = { 'content-type': 'text/plain; charset=utf-8' };
const STREAM_TYPE = { 'content-type': 'text/event-stream; charset=utf-8' };

export type More = Partial<UpstreamAnswer>;

/** An answer in one piece: JSON, or a text. */
export function reported(
  who: string,
  thread: string,
  is: Judgement,
  body: string | object,
  more: More = {},
): UpstreamAnswer {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  const headers = isText && !body.startsWith('{') ? TEXT_TYPE : JSON_TYPE;
  return { who: `${who} (${thread})`, is, headers, body: text, ...more };
}

/** A stream. */
export function reportedStream(
  who: string,
  thread: string,
  is: Judgement,
  body: string,
  more: More = {},
): UpstreamAnswer {
  return { who: `${who} (${thread})`, is, headers: STREAM_TYPE, streams: true, body, ...more };
}

/** An event without a name. */
export function data(value: unknown): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
}

/** An event with a name. */
export function named(name: string, value: unknown): string {
  return `event: ${name}\n${data(value)}`;
}
