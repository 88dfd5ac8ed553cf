/**
 * The content that the emulated model generates for a request of any of its APIs: words, a tool
 * call, or JSON. The APIs' answer forms are in the `*-answers.ts` files.
 */
import { ordinaryTokens } from './answer-length.ts';
import { type Body, textOf, turnsOf } from './request-body.ts';
import { sampleOf } from './schema-sample.ts';
import { estimateTokens } from './service-model.ts';
import { loopTool, requestedTool, type ToolCall } from './tool-loop.ts';

const USUAL_OUTPUT_TOKENS = 64;
const WORDS = ['the', 'quick', 'brown', 'fox', 'jumps', 'over', 'a', 'lazy', 'dog', 'and', 'runs'];

export interface Generation {
  readonly model: string;
  readonly inputTokens: number;
  /** The prompt's text, as far as it is cached. */
  readonly prompt: string;
  /** Input tokens that were in the prefix cache; absent where there is none, or before the service. */
  cachedTokens?: number;
  readonly outputTokens: number;
  /** True if the client's limit ended the output. */
  readonly limited: boolean;
  /** A tool call in place of words. */
  readonly tool?: ToolCall;
  readonly json?: string;
  /** Of the words; the texts of two seeds differ, as those of a model's answers do. */
  readonly seed?: number;
}

/** The i-th output token. Without a seed all answers are the same words in the same order. */
export function wordAt(i: number, seed?: number): string {
  const at = seed === undefined ? i : mixed(seed + i);
  return `${i === 0 ? '' : ' '}${WORDS[at % WORDS.length] ?? ''}`;
}

/** A number that looks random, from 0 to 2^32 - 1 (the mix of MurmurHash3). */
function mixed(value: number): number {
  const first = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return (second ^ (second >>> 16)) >>> 0;
}

/**
 * The output for a request. `ordinary`: of the length that a model usually writes, with a tool loop;
 * else as many tokens as the request allows, so that a measurement chooses the service time.
 */
export function generationOf(body: Body, ordinary = false): Generation {
  const limit = body.max_completion_tokens ?? body.max_output_tokens ?? body.max_tokens;
  const turns = turnsOf(body);
  const text = [
    textOf(body.system ?? body.instructions),
    textOf(body.prompt),
    typeof body.input === 'string' ? body.input : '',
    ...turns.map((turn) => textOf(turn)),
  ].join('');
  const last = turns.length > 0 ? textOf(turns.at(-1)) : text;
  const tool = ordinary ? loopTool(body, turns) : requestedTool(body, last);
  const json = tool ? undefined : jsonOf(body);
  const outputTokens = ordinary ? ordinaryTokens(text, limit) : (limit ?? USUAL_OUTPUT_TOKENS);
  return {
    model: body.model,
    inputTokens: estimateTokens(text),
    prompt: text,
    outputTokens,
    limited: limit != null && outputTokens >= limit,
    ...(tool ? { tool } : {}),
    ...(json === undefined ? {} : { json }),
  };
}

export function contentOf(g: Generation): string {
  return g.json ?? Array.from({ length: g.outputTokens }, (_, i) => wordAt(i, g.seed)).join('');
}

/** Splits text into the pieces of a stream: more than one, as a real stream has. */
export function piecesOf(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== '');
}

function jsonOf(body: Body): string | undefined {
  const format =
    body.response_format ?? body.text?.format ?? body.output_config?.format ?? body.output_format;
  if (!format || format.type === 'text') return undefined;
  const inner = format.json_schema as { schema?: unknown } | undefined;
  const schema = inner?.schema ?? format.schema;
  return schema === undefined ? '{"ok":true}' : JSON.stringify(sampleOf(schema));
}
