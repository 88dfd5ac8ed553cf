/** The bodies that the emulated endpoint answers with, in OpenAI's forms. */
import { estimateTokens } from './service-model.ts';

export interface Generation {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly chat: boolean;
  /** Ended because of the client's limit. */
  readonly limited: boolean;
  readonly toolName?: string;
  readonly json: boolean;
}

const WORDS = ['the', 'quick', 'brown', 'fox', 'jumps', 'over', 'a', 'lazy', 'dog', 'and', 'runs'];

/** The i-th output token. */
export function wordAt(i: number): string {
  return `${i === 0 ? '' : ' '}${WORDS[i % WORDS.length] ?? ''}`;
}

export function usageOf(g: Generation) {
  const { inputTokens, outputTokens } = g;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

export function finishReason(g: Generation): string {
  return g.toolName === undefined ? (g.limited ? 'length' : 'stop') : 'tool_calls';
}

export function plainAnswer(id: string, g: Generation): object {
  const text = contentOf(g);
  const head = { id, created: 0, model: g.model, usage: usageOf(g) };
  if (!g.chat) {
    const choice = { index: 0, text, logprobs: null, finish_reason: finishReason(g) };
    return { ...head, object: 'text_completion', choices: [choice] };
  }
  const message =
    g.toolName === undefined
      ? { role: 'assistant', content: text }
      : { role: 'assistant', content: null, tool_calls: [{ ...toolCall(g.toolName) }] };
  const choice = { index: 0, message, logprobs: null, finish_reason: finishReason(g) };
  return { ...head, object: 'chat.completion', choices: [choice] };
}

/** One chunk of a stream; `delta` of a chat, `text` of a completion. */
export function chunk(id: string, g: Generation, part: object, finish: string | null): object {
  const choice = g.chat
    ? { index: 0, delta: part, finish_reason: finish }
    : { index: 0, ...part, finish_reason: finish };
  const object = g.chat ? 'chat.completion.chunk' : 'text_completion';
  return { id, object, created: 0, model: g.model, choices: [choice] };
}

export function usageChunk(id: string, g: Generation): object {
  const object = g.chat ? 'chat.completion.chunk' : 'text_completion';
  return { id, object, created: 0, model: g.model, choices: [], usage: usageOf(g) };
}

export function toolCall(name: string) {
  return { index: 0, id: 'call_0', type: 'function', function: { name, arguments: '{}' } };
}

export function embeddings(model: string, inputs: readonly string[], base64: boolean): object {
  const tokens = inputs.reduce((n, text) => n + estimateTokens(text), 0);
  return {
    object: 'list',
    model,
    data: inputs.map((text, index) => ({
      object: 'embedding',
      index,
      embedding: base64 ? toBase64(vectorOf(text)) : vectorOf(text),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

export function errorBody(message: string, type: string, code: string | number): object {
  return { error: { message, type, param: null, code } };
}

function contentOf(g: Generation): string {
  if (g.json) return '{"ok":true}';
  return Array.from({ length: g.outputTokens }, (_, i) => wordAt(i)).join('');
}

/** Eight numbers that depend on the text only. */
function vectorOf(text: string): number[] {
  const vector = new Array<number>(8).fill(0);
  for (let i = 0; i < text.length; i += 1) {
    vector[i % 8] = ((vector[i % 8] ?? 0) + text.charCodeAt(i) / 1_000) % 1;
  }
  return vector;
}

function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
