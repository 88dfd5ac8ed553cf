/**
 * Reads the token counts that endpoints report: in OpenAI's form (chat, completions, embeddings,
 * rerank), in that of Responses, and in Anthropic's. The text is searched for the key, and only the
 * value after it is parsed, so that a long answer costs no more than a short one. Whatever the text
 * is, the work is linear in its length: few values are tried, each of a bounded length. The events
 * of streams are read in `streams/`.
 */
import { ByteTail } from './byte-tail.ts';
import { latinText } from './latin-text.ts';

const KEY = '"usage"';
const OBJECT = /"usage"\s*:\s*\{/;

/** The reported counts; a stream may report the two separately. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

/** Usage is at the end of an answer; only this many last bytes are kept. */
const TAIL_BYTES = 16_384;
/** Longest object that is read as usage. */
const MAX_USAGE_CHARS = 8_192;
/** Longest blank between the key and its value. */
const MAX_GAP_CHARS = 64;
/** Values of the key that are tried, from the last one back; answers have one or two. */
const MAX_TRIED = 8;

/** Reads the usage of a plain JSON answer from its tail. */
export class PlainUsage {
  readonly #tail = new ByteTail(TAIL_BYTES);

  push(bytes: Uint8Array): void {
    this.#tail.push(bytes);
  }

  get usage(): Usage | undefined {
    return usageIn(latinText(this.#tail.bytes));
  }
}

/**
 * The usage that the events of a stream report: the last one that does counts. Some endpoints report
 * it in each event, so it is read only when it is asked for.
 */
export class StreamUsage {
  #last: string | undefined;
  #before: string | undefined;

  /** Takes the data of an event, which is short. */
  push(data: string): void {
    if (!data.includes(KEY) || !OBJECT.test(data)) return;
    this.#before = this.#last;
    this.#last = data;
  }

  get usage(): Usage | undefined {
    return this.#of(this.#last) ?? this.#of(this.#before);
  }

  #of(data: string | undefined): Usage | undefined {
    return data === undefined ? undefined : usageIn(data);
  }
}

/**
 * The last usage in JSON text. Within a JSON string the quotes of the key would be escaped, so text
 * that a model writes is never mistaken for it.
 */
export function usageIn(json: string): Usage | undefined {
  return findUsage(json).usage;
}

/** The same, with the number of characters examined after the key: at most 8 times the text's. */
export function findUsage(json: string): { usage: Usage | undefined; examined: number } {
  let examined = 0;
  let at = json.lastIndexOf(KEY);
  for (let tried = 0; at >= 0 && tried < MAX_TRIED; tried += 1) {
    const value = objectAfter(json, at + KEY.length);
    examined += value.examined;
    const usage = usageOf(value.text);
    if (usage) return { usage, examined };
    at = at === 0 ? -1 : json.lastIndexOf(KEY, at - 1);
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

function usageOf(json: string | undefined): Usage | undefined {
  if (json === undefined) return undefined;
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(json);
  } catch {
    return undefined;
  }
  const input = count(parsed.prompt_tokens) ?? count(parsed.input_tokens);
  // Anthropic counts tokens written to and read from its cache separately; they took time as well.
  const cached = [parsed.cache_creation_input_tokens, parsed.cache_read_input_tokens].map(count);
  const inputTokens = input === undefined ? undefined : input + (cached[0] ?? 0) + (cached[1] ?? 0);
  const outputTokens = count(parsed.completion_tokens) ?? count(parsed.output_tokens);
  if (inputTokens === undefined && outputTokens === undefined) {
    // A rerank answer reports only the sum, which is all input.
    const total = count(parsed.total_tokens);
    return total === undefined ? undefined : { inputTokens: total, outputTokens: 0 };
  }
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    // An embedding has no output and reports none.
    ...(outputTokens === undefined
      ? parsed.prompt_tokens === undefined
        ? {}
        : { outputTokens: 0 }
      : { outputTokens }),
  };
}

/** More than any call can use; a larger count is ignored. */
const MOST_TOKENS = 1e9;

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MOST_TOKENS
    ? value
    : undefined;
}
