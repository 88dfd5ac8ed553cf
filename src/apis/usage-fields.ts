/**
 * The fields in which endpoints report what a call took, as engines and gateways spell them. A new
 * spelling is a new line of a table. Where the fields are found in an answer is in usage.ts.
 */
import { given } from '../http/given.ts';

/** What endpoints report of a call; each is absent where nothing was said of it. */
export interface Usage {
  /** All input tokens, those that were read from a cache included. */
  readonly inputTokens?: number;
  /** Input tokens whose prefill a cache saved; at most `inputTokens`. */
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
  /** Time that the engine itself spent on prefill and on decoding, ms. */
  readonly prefillMs?: number;
  readonly decodeMs?: number;
}

/**
 * What a field counts. `input`: input tokens, cached ones included. `input-or-rest`: the same, or
 * only those that are in no `apart` field. `apart`: input tokens beside those of `input-or-rest`.
 * `total`: input and output. `reasoning`: a part of the output, or beside it where only that adds up to
 * the total. `s`, `ms`: time.
 */
type Meaning =
  | 'input'
  | 'input-or-rest'
  | 'cached'
  | 'cached-apart'
  | 'written-apart'
  | 'output'
  | 'reasoning'
  | 'total'
  | 'prefill-ms'
  | 'prefill-s'
  | 'decode-ms'
  | 'decode-s';

export interface UsageField {
  /** Names from the object inwards. */
  readonly path: readonly string[];
  readonly means: Meaning;
}

/** Fields of the object `usage`. Where several are told that mean the same, the largest counts. Above each: who writes it. */
export const USAGE_FIELDS: readonly UsageField[] = [
  // OpenAI chat, completions, embeddings; vLLM, SGLang, llama.cpp
  field('prompt_tokens', 'input'),
  // OpenAI Responses: all; Anthropic Messages: the rest
  field('input_tokens', 'input-or-rest'),
  // OpenAI chat and completions
  field('completion_tokens', 'output'),
  // OpenAI Responses; Anthropic Messages
  field('output_tokens', 'output'),
  // OpenAI; rerankers of vLLM, Jina and TEI report nothing else
  field('total_tokens', 'total'),
  // OpenAI: a part of the output; xAI, and proxies of Gemini: beside it
  field('completion_tokens_details.reasoning_tokens', 'reasoning'),
  // OpenAI Responses: a part of the output; proxies of Gemini: beside it
  field('output_tokens_details.reasoning_tokens', 'reasoning'),
  // OpenAI; vLLM --enable-prompt-tokens-details; SGLang --enable-cache-report; llama.cpp; xAI
  field('prompt_tokens_details.cached_tokens', 'cached'),
  // OpenAI Responses; xAI
  field('input_tokens_details.cached_tokens', 'cached'),
  // DeepSeek
  field('prompt_cache_hit_tokens', 'cached'),
  // Moonshot
  field('cached_tokens', 'cached'),
  // Anthropic; vLLM; LiteLLM repeats it
  field('cache_read_input_tokens', 'cached-apart'),
  // Anthropic; vLLM; LiteLLM repeats it
  field('cache_creation_input_tokens', 'written-apart'),
  // Groq
  field('prompt_time', 'prefill-s'),
  // Groq
  field('completion_time', 'decode-s'),
];

/** Fields of the object `timings`, all of one sequence. */
export const TIMING_FIELDS: readonly UsageField[] = [
  // llama.cpp
  field('cache_n', 'cached-apart'),
  // llama.cpp: only what was evaluated
  field('prompt_n', 'input-or-rest'),
  // llama.cpp
  field('predicted_n', 'output'),
  // llama.cpp
  field('prompt_ms', 'prefill-ms'),
  // llama.cpp
  field('predicted_ms', 'decode-ms'),
];

/** More tokens or time than any call can take; a larger number is ignored. */
const MOST = 1e9;
const MS_PER_S = 1_000;

/** Reads an object by a table; undefined where it tells nothing. */
export function readUsage(
  from: Readonly<Record<string, unknown>>,
  fields: readonly UsageField[],
): Usage | undefined {
  const told = new Map<Meaning, number>();
  for (const { path, means } of fields) {
    const number = numberAt(from, path);
    if (number !== undefined) told.set(means, Math.max(number, told.get(means) ?? 0));
  }
  const input = inputOf(told);
  const output = outputOf(told, input);
  // No prompt is empty: such a server counts nothing, or has not counted yet (LocalAI, ov-genai).
  const isUncounted = input.inputTokens === 0;
  const usage: Usage = {
    ...(isUncounted ? {} : input),
    ...(isUncounted && output.outputTokens === 0 ? {} : output),
    ...timesOf(told),
  };
  return Object.keys(usage).length === 0 ? undefined : usage;
}

/**
 * What all answers of a call took. An engine that tells its times tells those of one sequence, and
 * its usage is that sequence's as well (llama.cpp); others count all answers.
 */
export function ofAllAnswers(usage: Usage, answers: number): Usage {
  const { outputTokens, decodeMs } = usage;
  if (answers <= 1 || outputTokens === undefined || decodeMs === undefined) return usage;
  return { ...usage, outputTokens: outputTokens * answers };
}

function inputOf(told: ReadonlyMap<Meaning, number>): Usage {
  const read = told.get('cached-apart');
  const apart = (read ?? 0) + (told.get('written-apart') ?? 0);
  const cached = max(told.get('cached'), read);
  const all = told.get('input');
  const rest = told.get('input-or-rest');
  let input: number | undefined;
  // A part that is larger than the whole was counted beside it.
  if (all !== undefined) input = all < apart ? all + apart : all;
  else if (rest !== undefined) input = told.has('cached') && rest >= apart ? rest : rest + apart;
  // A ranking reports only the sum, which is all input.
  else if (!told.has('output')) input = told.get('total');
  if (input === undefined) return {};
  return {
    inputTokens: input,
    ...(cached === undefined ? {} : { cachedTokens: Math.min(cached, input) }),
  };
}

function outputOf(told: ReadonlyMap<Meaning, number>, { inputTokens = 0 }: Usage): Usage {
  const output = told.get('output');
  if (output !== undefined) {
    return { outputTokens: output + reasoningBeside(told, inputTokens, output) };
  }
  // An embedding and a ranking have no output and report none.
  const isWhole = told.has('input') || (told.has('total') && !told.has('input-or-rest'));
  return isWhole ? { outputTokens: 0 } : {};
}

/**
 * Tokens of reasoning that the output does not include, by the total that does: those that are told, or
 * all that it has beyond input and output (Gemini tells no more of its thinking than this).
 */
function reasoningBeside(
  told: ReadonlyMap<Meaning, number>,
  input: number,
  output: number,
): number {
  const beyond = (told.get('total') ?? 0) - input - output;
  const reasoning = told.get('reasoning');
  if (reasoning !== undefined) return reasoning === beyond ? reasoning : 0;
  const isPlain = told.has('input') && !told.has('cached-apart') && !told.has('written-apart');
  return isPlain ? Math.max(0, beyond) : 0;
}

function timesOf(told: ReadonlyMap<Meaning, number>): Usage {
  const prefillMs = max(told.get('prefill-ms'), scaled(told.get('prefill-s'), MS_PER_S));
  const decodeMs = max(told.get('decode-ms'), scaled(told.get('decode-s'), MS_PER_S));
  return {
    ...given({ prefillMs, decodeMs }),
  };
}

function numberAt(
  from: Readonly<Record<string, unknown>>,
  path: readonly string[],
): number | undefined {
  let value: unknown = from;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'number' && value >= 0 && value <= MOST ? value : undefined;
}

function max(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value * by;
}

function field(path: string, means: Meaning): UsageField {
  return { path: path.split('.'), means };
}
