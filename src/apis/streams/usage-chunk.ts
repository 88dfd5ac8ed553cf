/**
 * OpenAI's extra usage chunk as it is taken out of a stream whose client did not ask for it: clients
 * read the first choice of each chunk, and this one has none. What else an engine wrote into it is the
 * client's (llama.cpp: `timings`), byte for byte. Where it goes is decided in `taken-usage.ts`.
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

/** A field of JSON: its name, and the text of both name and value. */
interface Field {
  readonly name: string;
  readonly text: string;
}

/** A usage chunk without its usage and its choices. */
export interface Leftover {
  readonly fields: readonly Field[];
  /** Nothing in it that the other chunks do not say. */
  readonly isEmpty: boolean;
  /** Of text completions. */
  readonly isText: boolean;
}

/**
 * What is left of the usage chunk; undefined where the event is none. `data`: with one character for
 * each byte.
 */
export function leftoverOf(data: string): Leftover | undefined {
  if (!data.includes(KEY)) return undefined;
  if (data.includes('"choices"') && !NO_CHOICES.test(data)) return undefined;
  const chunk = parsed(data);
  if (!isObject(chunk) || !isObject(chunk.usage) || !hasNoChoices(chunk.choices)) return undefined;
  const isLeft = ([name, value]: [string, unknown]) => !ENVELOPE.has(name) && isSaid(value);
  const isEmpty = !Object.entries(chunk).some(isLeft);
  const fields = isEmpty ? [] : fieldsOf(data);
  return { fields, isEmpty, isText: chunk.object === 'text_completion' };
}

/** A chunk of its own with what is left, beside an empty choice. */
export function chunkOf({ fields, isText }: Leftover): string {
  const delta = isText ? '"text":""' : '"delta":{}';
  const choices = `"choices":[{"index":0,${delta},"finish_reason":null}]`;
  return `{${[choices, ...fields.map(({ text }) => text)].join(',')}}`;
}

/** The data of another chunk with what is left; undefined where it is no object. */
export function mergedInto(data: string, { fields }: Leftover): string | undefined {
  const chunk = parsed(data);
  const end = data.lastIndexOf('}');
  if (!isObject(chunk) || end < 0) return undefined;
  const added = fields.filter(({ name }) => !ENVELOPE.has(name) && !Object.hasOwn(chunk, name));
  const texts = added.map(({ text }) => `,${text}`);
  return `${data.slice(0, end)}${texts.join('')}${data.slice(end)}`;
}

function hasNoChoices(choices: unknown): boolean {
  return choices === undefined || choices === null || (Array.isArray(choices) && !choices.length);
}

function isSaid(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

function fieldsOf(data: string): Field[] {
  const cursor = new JsonCursor(latinBytes(data), data.indexOf('{'));
  const fields: Field[] = [];
  cursor.open();
  while (cursor.more()) {
    const start = cursor.at;
    cursor.name([]);
    const name = nameIn(data.slice(start, cursor.at));
    cursor.skip();
    if (name === 'usage' || name === 'choices') continue;
    fields.push({ name, text: data.slice(start, cursor.at) });
  }
  return fields;
}

/** The name in the text of a name and the colon behind it. */
function nameIn(text: string): string {
  return JSON.parse(text.slice(0, text.lastIndexOf('"') + 1));
}
