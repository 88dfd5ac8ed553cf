/**
 * Reads the token counts and times that endpoints report; what each field means is in
 * usage-fields.ts. The text is searched for the key, and only the
 * value after it is parsed, so that a long answer costs no more than a short one. Whatever the text
 * is, the work is linear in its length: few values are tried, each of a bounded length. The events
 * of streams are read in `streams/`.
 */
import {
  readUsage,
  TIMING_FIELDS,
  USAGE_FIELDS,
  type Usage,
  type UsageField,
} from './usage-fields.ts';

export type { Usage };

const KEY = '"usage"';
const OBJECT = /"usage"\s*:\s*\{/;
/** In what servers write that have not counted, and in what some write who have. */
const MAY_BE_UNCOUNTED = /"total_tokens"\s*:\s*0\s*[,}]/;
/** llama.cpp tells the times of a call beside its usage. */
const TIMINGS_KEY = '"timings"';

/** Usage is at the end of an answer: so many last characters are kept. */
const TAIL_CHARS = 16_384;
/** llama.cpp writes it before vectors and ranks: so many first ones are kept too. */
const HEAD_CHARS = 1_024;
/** Longest object that is read as usage. */
const MAX_USAGE_CHARS = 8_192;
/** Longest blank between the key and its value. */
const MAX_GAP_CHARS = 64;
/** Values of the key that are tried, from the last one back; answers have one or two. */
const MAX_TRIED = 8;

/** Reads the usage of a plain JSON answer from its tail, or from its head. */
export class PlainUsage {
  #head = '';
  #tail = '';
  #length = 0;

  /** Takes the next part of the answer, with one character for each byte. */
  push(text: string): void {
    const room = HEAD_CHARS - this.#head.length;
    if (room > 0) this.#head += text.slice(0, room);
    this.#length += text.length;
    this.#tail += text;
    // Only now and then, so that the work is linear however small the parts are.
    if (this.#tail.length > 2 * TAIL_CHARS) this.#tail = this.#tail.slice(-TAIL_CHARS);
  }

  get usage(): Usage | undefined {
    return usageIn(this.text) ?? (this.isWhole ? undefined : usageIn(this.#head));
  }

  /** All of the answer is kept. */
  get isWhole(): boolean {
    return this.#length <= TAIL_CHARS;
  }

  /** The end of the answer, as far as it is kept. */
  get text(): string {
    return this.#tail.slice(-TAIL_CHARS);
  }
}

/**
 * The usage that the events of a stream report: the last one that does counts. Some endpoints report
 * it in each event, so it is read only when it is asked for.
 */
export class StreamUsage {
  #last: string | undefined;
  #before: string | undefined;
  #timings: string | undefined;

  /** Takes the data of an event, which is short. */
  push(data: string): void {
    if (data.includes(TIMINGS_KEY)) this.#timings = data;
    if (!data.includes(KEY) || !OBJECT.test(data)) return;
    // Nothing but zeros, before the end or behind it, takes no counts away.
    if (MAY_BE_UNCOUNTED.test(data) && !findUsage(data).usage) return;
    this.#before = this.#last;
    this.#last = data;
  }

  get usage(): Usage | undefined {
    const usage = this.#of(this.#last) ?? this.#of(this.#before);
    return this.#timings === undefined ? usage : joined(usage, timingsIn(this.#timings));
  }

  #of(data: string | undefined): Usage | undefined {
    return data === undefined ? undefined : findUsage(data).usage;
  }
}

/**
 * The last usage in JSON text. Within a JSON string the quotes of the key would be escaped, so text
 * that a model writes is never mistaken for it.
 */
export function usageIn(json: string): Usage | undefined {
  return joined(findUsage(json).usage, timingsIn(json));
}

function timingsIn(json: string): Usage | undefined {
  return find(json, TIMINGS_KEY, TIMING_FIELDS).usage;
}

/** The usage, with the number of characters examined after the key: at most 8 times the text's. */
export function findUsage(json: string): { usage: Usage | undefined; examined: number } {
  return find(json, KEY, USAGE_FIELDS);
}

function find(
  json: string,
  key: string,
  fields: readonly UsageField[],
): { usage: Usage | undefined; examined: number } {
  let examined = 0;
  let at = json.lastIndexOf(key);
  for (let tried = 0; at >= 0 && tried < MAX_TRIED; tried += 1) {
    const value = objectAfter(json, at + key.length);
    examined += value.examined;
    const usage = usageOf(value.text, fields);
    if (usage) return { usage, examined };
    at = at === 0 ? -1 : json.lastIndexOf(key, at - 1);
  }
  return { usage: undefined, examined };
}

/** The text of the object that is the value of the key before `at`, if one is. */
function objectAfter(json: string, at: number): { text: string | undefined; examined: number } {
  const open = /^\s*:\s*\{/.exec(json.slice(at, at + MAX_GAP_CHARS))?.[0].length;
  if (open === undefined) return { text: undefined, examined: 0 };
  const start = at + open - 1;
  let depth = 0;
  let i = start;
  for (; i < json.length && i - start < MAX_USAGE_CHARS; i += 1) {
    if (json[i] === '{') depth += 1;
    if (json[i] === '}') depth -= 1;
    if (depth === 0) return { text: json.slice(start, i + 1), examined: i + 1 - start };
  }
  return { text: undefined, examined: i - start };
}

/** Joins what the two objects of an answer tell; `usage` counts where both do. */
function joined(usage: Usage | undefined, timings: Usage | undefined): Usage | undefined {
  if (!usage || !timings) return usage ?? timings;
  const inputTokens = usage.inputTokens ?? timings.inputTokens;
  const cachedTokens = usage.cachedTokens ?? timings.cachedTokens;
  return {
    ...timings,
    ...usage,
    ...(inputTokens === undefined || cachedTokens === undefined
      ? {}
      : { cachedTokens: Math.min(cachedTokens, inputTokens) }),
  };
}

function usageOf(json: string | undefined, fields: readonly UsageField[]): Usage | undefined {
  if (json === undefined) return undefined;
  try {
    return readUsage(JSON.parse(json), fields);
  } catch {
    return undefined;
  }
}
