/** What an answer hands out: ids of tool calls, in streams and plain answers of each API. */
import { describe, expect, it } from 'vitest';
import { AnswerText } from '../../../src/apis/answer-text.ts';
import { latinJson, latinText } from '../../../src/apis/latin-text.ts';
import { AnswerStream } from '../../../src/apis/streams/answer-stream.ts';
import { textPrint } from '../../../src/apis/text-print.ts';
import { ToolCalls } from '../../../src/apis/tool-calls.ts';

const TEXT = 'Grüße: a text that is long enough to be told from others, wherever it comes back.';

function streamed(format: 'openai' | 'messages' | 'responses', events: unknown[]): AnswerStream {
  const stream = new AnswerStream({ format, stripUsage: false });
  const bytes = new TextEncoder().encode(
    events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join(''),
  );
  for (let at = 0; at < bytes.length; at += 37) stream.push(bytes.slice(at, at + 37));
  return stream;
}

function plain(format: string, answer: unknown): readonly string[] {
  const calls = new ToolCalls(format);
  calls.push(JSON.stringify(answer));
  return calls.ids;
}

describe('the tool calls of an answer', () => {
  const call = (id: string) => ({
    id,
    type: 'function',
    function: { name: 'f', arguments: '{"id":"no"}' },
  });

  it('are read from a stream of chat completions', () => {
    const chunk = (delta: object) => ({ choices: [{ index: 0, delta }], id: 'chatcmpl-1' });
    const { toolCalls } = streamed('openai', [
      chunk({ content: 'I say "tool_calls": [{"id":"fake"}]' }),
      chunk({ tool_calls: [{ index: 0, ...call('call_a') }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"id":"x"}' } }] }),
      chunk({ tool_calls: [{ index: 1, ...call('chatcmpl-tool-b') }] }),
    ]);
    expect(toolCalls.ids).toEqual(['call_a', 'chatcmpl-tool-b']);
  });

  it('are read from a stream of messages', () => {
    const { toolCalls } = streamed('messages', [
      { type: 'message_start', message: { id: 'msg_1' } },
      {
        type: 'content_block_start',
        content_block: { type: 'tool_use', id: 'toolu_a', input: {} },
      },
      { type: 'content_block_delta', delta: { partial_json: '{"type":"tool_use","id":"no"}' } },
      {
        type: 'content_block_start',
        content_block: { id: 'toolu_b', name: 'f', type: 'tool_use' },
      },
    ]);
    expect(toolCalls.ids).toEqual(['toolu_a', 'toolu_b']);
  });

  it('are read from a stream of responses, with the id of the response', () => {
    const { toolCalls } = streamed('responses', [
      { type: 'response.created', response: { id: 'resp_1' } },
      {
        type: 'response.output_item.done',
        item: { id: 'fc_1', type: 'function_call', call_id: 'call_a' },
      },
      { type: 'response.completed', response: { id: 'resp_1', output: [{ call_id: 'call_a' }] } },
    ]);
    expect(toolCalls.ids).toEqual(['call_a']);
    expect(toolCalls.responseId).toBe('resp_1');
  });

  it('are read from plain answers', () => {
    expect(
      plain('openai', {
        id: 'chatcmpl-1',
        choices: [{ message: { tool_calls: [call('call_a')] } }],
      }),
    ).toEqual(['call_a']);
    const content = [{ type: 'tool_use', id: 'toolu_a', name: 'f', input: { id: 'no' } }];
    expect(plain('messages', { id: 'msg_1', content })).toEqual(['toolu_a']);
    expect(
      plain('openai', { id: 'chatcmpl-1', choices: [{ message: { tool_calls: [] } }] }),
    ).toEqual([]);
    expect(plain('opaque', { tool_calls: [call('call_a')] })).toEqual([]);
  });

  it.each([16_384, 1_000, 7])('are read from a long plain answer in pieces of %i bytes', (size) => {
    const long = JSON.stringify({ id: 'no', text: '"tool_calls":[{"id":"no"}]'.repeat(2_000) });
    const written = (id: string) => ({ ...call(id), function: { name: 'f', arguments: long } });
    const answers = {
      openai: {
        choices: [
          { message: { content: long, tool_calls: [written('call_a'), written('call_b')] } },
        ],
        id: 'chatcmpl-1',
      },
      messages: {
        content: ['call_a', 'call_b'].map((id) => ({
          ...{ type: 'tool_use', id, name: 'f' },
          input: { id: 'no', long },
        })),
      },
      responses: {
        output: ['call_a', 'call_b'].map((call_id) => ({ arguments: long, call_id, name: 'f' })),
      },
    };
    for (const [format, answer] of Object.entries(answers)) {
      const calls = new ToolCalls(format);
      const bytes = new TextEncoder().encode(JSON.stringify(answer));
      for (let at = 0; at < bytes.length; at += size)
        calls.piece(latinText(bytes.subarray(at, at + size)));
      expect(calls.ids, format).toEqual(['call_a', 'call_b']);
    }
  });

  it('are few and short, whatever the endpoint invents', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => call(`${'x'.repeat(300)}${i}`));
    const ids = plain('openai', {
      choices: [{ message: { tool_calls: [...many, call('call_a')] } }],
    });
    expect(ids.length).toBeLessThanOrEqual(16);
    expect(Math.max(...ids.map((id) => id.length))).toBeLessThanOrEqual(64);
  });
});

describe('the text of an answer', () => {
  const halves = [TEXT.slice(0, 30), TEXT.slice(30)];

  it('has the same fingerprint in every form', () => {
    const print = textPrint(`  ${TEXT}\n`);
    expect(print).toMatch(/^[0-9a-f]{16}$/);
    const streams = [
      streamed(
        'openai',
        halves.map((content) => ({ choices: [{ delta: { content } }] })),
      ),
      streamed(
        'messages',
        halves.map((text) => ({ type: 'content_block_delta', delta: { text } })),
      ),
      streamed(
        'responses',
        halves.map((delta) => ({ type: 'response.output_text.delta', delta })),
      ),
    ];
    for (const { text } of streams) expect(text.print).toBe(print);
    const answers = [
      { choices: [{ message: { content: TEXT } }] },
      { content: [{ type: 'text', text: TEXT }] },
      { output: [{ content: [{ type: 'output_text', text: TEXT }] }] },
    ];
    for (const answer of answers) {
      const said = new AnswerText();
      said.plain(latinJson(latinText(new TextEncoder().encode(JSON.stringify(answer)))));
      expect(said.print).toBe(print);
    }
  });

  it('has none where it says too little, or is no text', () => {
    expect(textPrint('The answer is 42.')).toBeUndefined();
    const said = new AnswerText();
    for (const odd of [undefined, 'text', [], { choices: 7 }, null]) said.plain(odd);
    expect(said.print).toBeUndefined();
  });
});
