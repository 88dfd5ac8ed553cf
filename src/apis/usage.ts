/**
 * Reads the token counts that endpoints report: in OpenAI's form (chat, completions, embeddings,
 * rerank), in that of Responses, and in Anthropic's. The text is searched for the key, and only the
 * value after it is parsed, so that a long answer costs no more than a short one. The events of
 * streams are read in `streams/`.
 */

/** The reported counts; a stream may report the two separately. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

/** Usage is at the end of an answer; only this many last characters are kept. */
const TAIL_CHARS = 16_384;
/** Longest object that is read as usage. */
const MAX_USAGE_CHARS = 8_192;

/** Reads the usage of a plain JSON answer from its tail. */
export class PlainUsage {
  readonly #decoder = new TextDecoder();
  #tail = '';

  push(bytes: Uint8Array): void {
    this.#tail = (this.#tail + this.#decoder.decode(bytes, { stream: true })).slice(-TAIL_CHARS);
  }

  get usage(): Usage | undefined {
    return usageIn(this.#tail);
  }
}

/**
 * The last usage in JSON text. Within a JSON string the quotes of the key would be escaped, so text
 * that a model writes is never mistaken for it.
 */
export function usageIn(json: string): Usage | undefined {
  for (let at = json.lastIndexOf('"usage"'); at >= 0; at = json.lastIndexOf('"usage"', at - 1)) {
    const usage = usageOf(objectAfter(json, at + '"usage"'.length));
    if (usage) return usage;
    if (at === 0) break;
  }
  return undefined;
}

/** True for OpenAI's extra chunk that carries only usage. */
export function isUsageChunk(data: string): boolean {
  if (!data.includes('"usage"') || !/"choices"\s*:\s*\[\s*\]/.test(data)) return false;
  try {
    const { choices, usage } = JSON.parse(data);
    return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && !!usage;
  } catch {
    return false;
  }
}

/** The text of the object that is the value of the key before `at`. */
function objectAfter(json: string, at: number): string | undefined {
  const open = /^\s*:\s*\{/.exec(json.slice(at, at + 64))?.[0].length;
  if (open === undefined) return undefined;
  const start = at + open - 1;
  let depth = 0;
  for (let i = start; i < json.length && i - start < MAX_USAGE_CHARS; i += 1) {
    if (json[i] === '{') depth += 1;
    if (json[i] === '}') depth -= 1;
    if (depth === 0) return json.slice(start, i + 1);
  }
  return undefined;
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
