/**
 * Reads the beginning of the text that an answer consists of, in the form of any API. Only as much is
 * parsed as its fingerprint needs (text-print.ts), so that a long answer costs no more than a short
 * one.
 */
import { fieldsOf, listOf } from './json-fields.ts';
import { latinJson } from './latin-text.ts';
import { PRINT_READ_CHARS, textPrint } from './text-print.ts';

/** Longest event and most events that are parsed. */
const MAX_EVENT_CHARS = 8_192;
const MAX_EVENTS = 1_024;

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
    this.#text += deltaIn(latinJson(data));
  }

  /** Takes a plain answer as it was parsed. */
  plain(answer: unknown): void {
    this.#text = wholeIn(answer);
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
