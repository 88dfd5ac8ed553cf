/**
 * Takes OpenAI's extra usage chunk out of a stream whose client did not ask for it: clients read the
 * first choice of each chunk, and this one has none. What else an engine wrote into it is the client's
 * (llama.cpp: `timings`), and is left in a chunk with an empty choice. All other bytes stay as they are.
 */
import { isObject, parsed } from '../../http/foreign-error.ts';
import { JsonCursor } from '../../http/json-cursor.ts';
import { latinBytes } from '../latin-text.ts';

const KEY = '"usage"';
/** An empty list, or null; the key may also be absent. */
const NO_CHOICES = /"choices"\s*:\s*(?:\[\s*\]|null)/;
/** What every chunk has, and says nothing that the others do not. */
const ENVELOPE: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'provider',
  'system_fingerprint',
  'service_tier',
  'obfuscation',
  'choices',
  'usage',
]);

/**
 * The data of an event without usage: undefined where the event stays as it is, empty where nothing is
 * left of it. `data`: with one character for each byte.
 */
export function withoutUsage(data: string): string | undefined {
  if (!data.includes(KEY)) return undefined;
  if (data.includes('"choices"') && !NO_CHOICES.test(data)) return undefined;
  const chunk = parsed(data);
  if (!isObject(chunk) || !isObject(chunk.usage) || !hasNoChoices(chunk.choices)) return undefined;
  const isLeft = ([name, value]: [string, unknown]) => !ENVELOPE.has(name) && isSaid(value);
  if (!Object.entries(chunk).some(isLeft)) return '';
  const isText = chunk.object === 'text_completion';
  return withEmptyChoice(data, isText);
}

function hasNoChoices(choices: unknown): boolean {
  return choices === undefined || choices === null || (Array.isArray(choices) && !choices.length);
}

function isSaid(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

/** The fields of the chunk, byte for byte, but for its usage and its choices. */
function withEmptyChoice(data: string, isText: boolean): string {
  const cursor = new JsonCursor(latinBytes(data), data.indexOf('{'));
  const delta = isText ? '"text":""' : '"delta":{}';
  const fields = [`"choices":[{"index":0,${delta},"finish_reason":null}]`];
  cursor.open();
  while (cursor.more()) {
    const start = cursor.at;
    const name = cursor.name(['usage', 'choices']);
    cursor.skip();
    if (name === undefined) fields.push(data.slice(start, cursor.at));
  }
  return `{${fields.join(',')}}`;
}
