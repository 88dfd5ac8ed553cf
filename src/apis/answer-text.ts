/**
 * Reads the beginning of the text that an answer consists of, in the form of any API. Only as much is
 * parsed as its fingerprint needs (text-print.ts), so that a long answer costs no more than a short
 * one.
 */
import { latinText } from './latin-text.ts';
import { PRINT_READ_CHARS, textPrint } from './text-print.ts';

/** Longest event, most events and longest plain answer that are parsed. */
const MAX_EVENT_CHARS = 8_192;
const MAX_EVENTS = 1_024;
const MAX_PLAIN_CHARS = 16_384;

export class AnswerText {
  #text = '';
  #events = 0;

  /** Fingerprint of the text; undefined for an answer without much of it. */
  get print(): string | undefined {
    return textPrint(this.#text);
  }

  /** Takes the data of an event, one character for each byte. */
  event(data: string): void {
    if (this.#text.length >= PRINT_READ_CHARS || this.#events >= MAX_EVENTS) return;
    if (data.length > MAX_EVENT_CHARS || !data.includes('"')) return;
    this.#events += 1;
    this.#text += deltaIn(parsed(data));
  }

  /** Takes a plain answer, one character for each byte; a long one is not read. */
  plain(text: string): void {
    if (text.length < MAX_PLAIN_CHARS) this.#text = wholeIn(parsed(text));
  }
}

function deltaIn(event: unknown): string {
  const { choices, delta, type } = fieldsOf(event);
  const choice = fieldsOf(listOf(choices)[0]);
  const content = fieldsOf(choice.delta).content ?? choice.text;
  if (typeof content === 'string') return content;
  if (type === 'response.output_text.delta' && typeof delta === 'string') return delta;
  const { text } = fieldsOf(delta);
  return type === 'content_block_delta' && typeof text === 'string' ? text : '';
}

function wholeIn(answer: unknown): string {
  const { choices, content, output } = fieldsOf(answer);
  const choice = fieldsOf(listOf(choices)[0]);
  const said = fieldsOf(choice.message).content ?? choice.text ?? content;
  if (typeof said === 'string') return said;
  const parts = [
    ...listOf(said),
    ...listOf(output).flatMap((item) => listOf(fieldsOf(item).content)),
  ];
  return parts
    .map((part) => fieldsOf(part).text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}

/** The byte that each character of `latinText` stands for. */
const BYTE_OF = new Map(
  [...latinText(Uint8Array.from({ length: 256 }, (_, i) => i))].map((c, i) => [c, i]),
);
const DECODER = new TextDecoder();

/** The JSON value of a text with one character for each byte; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(isAscii(text) ? text : DECODER.decode(bytesOf(text)));
  } catch {
    return undefined;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = BYTE_OF.get(text[i] ?? '') ?? 0;
  return bytes;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
