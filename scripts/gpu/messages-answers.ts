/** The emulated endpoint's answers in the forms of Anthropic's Messages API. */
import { contentOf, type Generation, piecesOf } from './generation.ts';
import type { StreamForm } from './openai-answers.ts';

export function messageAnswer(id: string, g: Generation): object {
  return {
    ...messageOf(id, g),
    content: [blockOf(id, g, contentOf(g), g.tool ? JSON.parse(g.tool.args) : {})],
    stop_reason: stopReason(g),
    usage: usageOf(g, g.outputTokens),
  };
}

export function messageStream(id: string, g: Generation): StreamForm {
  const event = (type: string, told: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...told })}\n\n`;
  const delta = (text: string) =>
    event('content_block_delta', {
      index: 0,
      delta: g.tool
        ? { type: 'input_json_delta', partial_json: text }
        : { type: 'text_delta', text },
    });
  return {
    begin: () =>
      event('message_start', { message: messageOf(id, g) }) +
      event('content_block_start', { index: 0, content_block: blockOf(id, g, '', {}) }) +
      event('ping', {}),
    word: delta,
    whole: () =>
      piecesOf(g.tool?.args ?? g.json ?? '')
        .map(delta)
        .join(''),
    end: () =>
      event('content_block_stop', { index: 0 }) +
      event('message_delta', {
        delta: { stop_reason: stopReason(g), stop_sequence: null },
        usage: { output_tokens: g.outputTokens },
      }) +
      event('message_stop', {}),
  };
}

export function anthropicError(message: string, type: string): object {
  return { type: 'error', error: { type, message } };
}

function messageOf(id: string, g: Generation): object {
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model: g.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: usageOf(g, 1),
  };
}

/** Anthropic counts what was read from the cache beside the input, not in it. */
function usageOf({ inputTokens, cachedTokens }: Generation, outputTokens: number): object {
  return {
    input_tokens: inputTokens - (cachedTokens ?? 0),
    ...(cachedTokens === undefined ? {} : { cache_read_input_tokens: cachedTokens }),
    output_tokens: outputTokens,
  };
}

function blockOf(id: string, g: Generation, text: string, input: unknown): object {
  if (!g.tool) return { type: 'text', text };
  return { type: 'tool_use', id: `toolu_${id}`, name: g.tool.name, input };
}

function stopReason(g: Generation): string {
  if (g.tool) return 'tool_use';
  return g.limited && g.json === undefined ? 'max_tokens' : 'end_turn';
}
