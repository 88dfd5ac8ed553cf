/**
 * The emulated endpoint's answers in the forms of OpenAI's older APIs: chat, completions,
 * embeddings.
 */
import { contentOf, type Generation, piecesOf } from './generation.ts';
import { estimateTokens } from './service-model.ts';

/** How an API writes a stream: the text of the events at each point of it. */
export interface StreamForm {
  begin(): string;
  word(text: string): string;
  /** The tool call or the JSON, in place of words. */
  whole(): string;
  end(): string;
}

export function usageOf(g: Generation) {
  const { inputTokens, outputTokens } = g;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(g.cachedTokens === undefined
      ? {}
      : { prompt_tokens_details: { cached_tokens: g.cachedTokens } }),
  };
}

export function chatAnswer(id: string, g: Generation): object {
  const message = g.tool
    ? { role: 'assistant', content: null, tool_calls: [toolCall(id, g.tool.name, g.tool.args)] }
    : { role: 'assistant', content: contentOf(g) };
  const choice = { index: 0, message, logprobs: null, finish_reason: finishReason(g) };
  return {
    id,
    object: 'chat.completion',
    created: 0,
    model: g.model,
    usage: usageOf(g),
    choices: [choice],
  };
}

export function completionAnswer(id: string, g: Generation): object {
  const choice = { index: 0, text: contentOf(g), logprobs: null, finish_reason: finishReason(g) };
  return {
    id,
    object: 'text_completion',
    created: 0,
    model: g.model,
    usage: usageOf(g),
    choices: [choice],
  };
}

export function chatStream(id: string, g: Generation, includeUsage: boolean): StreamForm {
  const chunk = (delta: object, finish: string | null = null) =>
    chunkOf(id, g, 'chat.completion.chunk', [{ index: 0, delta, finish_reason: finish }]);
  const called = (call: object) => chunk({ tool_calls: [call] });
  return {
    begin: () => chunk({ role: 'assistant', content: '' }),
    word: (content) => chunk({ content }),
    whole: () => {
      const { tool } = g;
      if (!tool) return piecesOf(g.json ?? '').reduce((s, content) => s + chunk({ content }), '');
      const pieces = piecesOf(tool.args).map((args) =>
        called({ index: 0, function: { arguments: args } }),
      );
      return [called({ index: 0, ...toolCall(id, tool.name, '') }), ...pieces].join('');
    },
    end: () => chunk({}, finishReason(g)) + lastOf(id, g, 'chat.completion.chunk', includeUsage),
  };
}

export function completionStream(id: string, g: Generation, includeUsage: boolean): StreamForm {
  const chunk = (text: string, finish: string | null = null) =>
    chunkOf(id, g, 'text_completion', [{ index: 0, text, finish_reason: finish }]);
  return {
    begin: () => '',
    word: (text) => chunk(text),
    whole: () => chunk(g.json ?? ''),
    end: () => chunk('', finishReason(g)) + lastOf(id, g, 'text_completion', includeUsage),
  };
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

/** `param`: the path of the field that is wrong. */
export function errorBody(
  message: string,
  type: string,
  code: string | number,
  param: string | null = null,
): object {
  return { error: { message, type, param, code } };
}

function finishReason(g: Generation): string {
  if (g.tool) return 'tool_calls';
  return g.limited && g.json === undefined ? 'length' : 'stop';
}

function toolCall(id: string, name: string, args: string) {
  return { id: `call_${id}`, type: 'function', function: { name, arguments: args } };
}

function chunkOf(id: string, g: Generation, object: string, choices: readonly object[]): string {
  return dataOf({ id, object, created: 0, model: g.model, choices });
}

function lastOf(id: string, g: Generation, object: string, includeUsage: boolean): string {
  const usage = { id, object, created: 0, model: g.model, choices: [], usage: usageOf(g) };
  return `${includeUsage ? dataOf(usage) : ''}data: [DONE]\n\n`;
}

function dataOf(event: object): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}

/** An embedding of eight numbers that depend on the text only. */
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
