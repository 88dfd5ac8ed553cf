/**
 * Token counts as endpoints tell them: in OpenAI's words (chat, completions, embeddings, rerank),
 * in those of Responses, and in Anthropic's. They are looked for by their key and only what stands
 * behind it is parsed, so that a long answer costs no more than a short one.
 */

/** What was told; of a stream the two may come apart. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

/** Usage stands at the end of an answer; of what comes before nothing is kept. */
const TAIL_CHARS = 16_384;
/** Longest object that is taken for one of usage. */
const MAX_USAGE_CHARS = 8_192;

/** Reads a plain JSON answer by its tail. */
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
 * The last usage in JSON text. Within a JSON string the quotes of the key would be escaped, so what
 * a model writes is never taken for it.
 */
export function usageIn(json: string): Usage | undefined {
  for (let at = json.lastIndexOf('"usage"'); at >= 0; at = json.lastIndexOf('"usage"', at - 1)) {
    const usage = usageOf(objectBehind(json, at + '"usage"'.length));
    if (usage) return usage;
    if (at === 0) break;
  }
  return undefined;
}

/** True for OpenAI's extra chunk that carries usage only. */
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
function objectBehind(json: string, at: number): string | undefined {
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
  let told: Record<string, unknown>;
  try {
    told = JSON.parse(json);
  } catch {
    return undefined;
  }
  const input = count(told.prompt_tokens) ?? count(told.input_tokens);
  // Anthropic tells apart what was read from its cache; to read it again took time all the same.
  const cached = [told.cache_creation_input_tokens, told.cache_read_input_tokens].map(count);
  const inputTokens = input === undefined ? undefined : input + (cached[0] ?? 0) + (cached[1] ?? 0);
  const outputTokens = count(told.completion_tokens) ?? count(told.output_tokens);
  if (inputTokens === undefined && outputTokens === undefined) {
    // Of a ranking only the sum is told, and it is all input.
    const total = count(told.total_tokens);
    return total === undefined ? undefined : { inputTokens: total, outputTokens: 0 };
  }
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    // An embedding has no output, and says nothing of it.
    ...(outputTokens === undefined
      ? told.prompt_tokens === undefined
        ? {}
        : { outputTokens: 0 }
      : { outputTokens }),
  };
}

/** More than any call can take; what says more is wrong. */
const MOST_TOKENS = 1e9;

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MOST_TOKENS
    ? value
    : undefined;
}
