/**
 * A plain answer as the events of its API, for a client that reads a stream already: some servers
 * answer a request for a stream in one piece.
 */
import { isObject, parsed } from '../../http/foreign-error.ts';
import type { AnswerFormat } from './answer-format.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The events; undefined where the text is no answer of the API. */
export function answerEvents(format: AnswerFormat, text: string): string | undefined {
  const answer = parsed(text);
  if (!isObject(answer)) return undefined;
  switch (format) {
    case 'messages':
      return Array.isArray(answer.content) ? messageEvents(answer) : undefined;
    case 'responses':
      return answer.object === 'response' ? responseEvents(answer) : undefined;
    case 'openai':
      return Array.isArray(answer.choices) ? chunkEvents(answer, answer.choices) : undefined;
    default:
      return undefined;
  }
}

/** One chunk with everything in it: a chat's `message` is the `delta`. */
function chunkEvents(answer: Fields, choices: readonly unknown[]): string {
  const isText = answer.object === 'text_completion';
  const chunk = {
    ...answer,
    ...(isText ? {} : { object: 'chat.completion.chunk' }),
    choices: choices.map((choice) => {
      if (!isObject(choice) || !isObject(choice.message)) return choice;
      const { message, ...others } = choice;
      return { ...others, delta: deltaOf(message as Fields) };
    }),
  };
  return `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`;
}

/** In a delta each call of a tool has an index. */
function deltaOf(message: Fields): Fields {
  if (!Array.isArray(message.tool_calls)) return message;
  const calls = message.tool_calls.map((call, index) => ({ index, ...call }));
  return { ...message, tool_calls: calls };
}

function responseEvents(response: Fields): string {
  const isFailed = response.status === 'failed';
  const status = response.status === 'incomplete' ? 'incomplete' : 'completed';
  const type = `response.${isFailed ? 'failed' : status}`;
  const created = { ...response, status: 'in_progress', output: [] };
  return (
    event('response.created', { sequence_number: 0, response: created }) +
    event(type, { sequence_number: 1, response })
  );
}

function messageEvents(message: Fields): string {
  const { content, stop_reason, stop_sequence, usage, ...others } = message;
  const { output_tokens, ...input } = isObject(usage) ? usage : { output_tokens: 0 };
  const started = { ...others, content: [], stop_reason: null, stop_sequence: null };
  const start = { ...started, usage: { ...input, output_tokens: 0 } };
  const blocks = (content as readonly unknown[]).map((block, index) => blockEvents(block, index));
  const delta = { stop_reason, stop_sequence: stop_sequence ?? null };
  return [
    event('message_start', { message: start }),
    ...blocks,
    event('message_delta', { delta, usage: { output_tokens } }),
    event('message_stop', {}),
  ].join('');
}

function blockEvents(block: unknown, index: number): string {
  if (!isObject(block)) return '';
  const { empty, deltas } = piecesOf(block);
  return [
    event('content_block_start', { index, content_block: { ...block, ...empty } }),
    ...deltas.map((delta) => event('content_block_delta', { index, delta })),
    event('content_block_stop', { index }),
  ].join('');
}

/** What of a block is empty at its start, and the deltas that bring it; others come whole. */
function piecesOf({ type, text, thinking, signature, input }: Fields): {
  readonly empty: Fields;
  readonly deltas: readonly Fields[];
} {
  if (type === 'text') return { empty: { text: '' }, deltas: [{ type: 'text_delta', text }] };
  if (type === 'thinking') {
    const signed = signature === undefined ? [] : [{ type: 'signature_delta', signature }];
    const deltas = [{ type: 'thinking_delta', thinking }, ...signed];
    return { empty: { thinking: '', signature: '' }, deltas };
  }
  if (type !== 'tool_use') return { empty: {}, deltas: [] };
  const partial_json = JSON.stringify(input ?? {});
  return { empty: { input: {} }, deltas: [{ type: 'input_json_delta', partial_json }] };
}

function event(type: string, fields: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
