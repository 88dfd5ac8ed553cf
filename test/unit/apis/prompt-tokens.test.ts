/**
 * Every kind of text that a request of the APIs carries counts among its input tokens, once, and
 * nothing else does: a key's limit holds before an endpoint has told the usage.
 */
import { describe, expect, it } from 'vitest';
import { MODEL_APIS } from '../../../src/apis/model-apis.ts';
import { parseModelRequest } from '../../../src/apis/model-request.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';

type Api = keyof typeof MODEL_APIS;

/** 400 characters: 100 tokens. */
const TEXT = 'four'.repeat(100);
const TOKENS = 100;
/** As much that no model reads as text. */
const BASE64 = 'AAAA'.repeat(100);

function tokensOf(api: Api, fields: object): number {
  const body = JSON.stringify({ model: 'm', max_tokens: 1, ...fields });
  const bytes = Uint8Array.from(new TextEncoder().encode(body));
  const read = parseModelRequest(bytes, MODEL_APIS[api], USUAL_BOUNDS, () => 'seed');
  if (!read.ok) throw new Error(read.error.message);
  return read.request.inputTokens;
}

const user = { role: 'user', content: '' };
const messages = (...all: readonly object[]) => ({ messages: [...all, user] });
const blocks = (...content: readonly object[]) => messages({ role: 'assistant', content });
const items = (...input: readonly object[]) => ({ input });
const call = { id: 'c', type: 'function' };
const use = { type: 'tool_use', id: 't', name: 'f' };
const result = { type: 'tool_result', tool_use_id: 't' };
const document = { type: 'document', title: '' };

describe.each<[Api, readonly [string, object][]]>([
  [
    'chat',
    [
      ['content', messages({ role: 'user', content: TEXT })],
      ['a part', messages({ role: 'user', content: [{ type: 'text', text: TEXT }] })],
      ['a system prompt', messages({ role: 'system', content: TEXT })],
      ['a result of a tool', messages({ role: 'tool', tool_call_id: 'c', content: TEXT })],
      [
        'arguments of a call',
        messages({
          role: 'assistant',
          content: null,
          tool_calls: [{ ...call, function: { name: 'f', arguments: TEXT } }],
        }),
      ],
      [
        'arguments as an object, as Ollama has them',
        messages({ role: 'assistant', tool_calls: [{ function: { arguments: { a: TEXT } } }] }),
      ],
      [
        'input of a custom tool',
        messages({ role: 'assistant', tool_calls: [{ custom: { name: 'f', input: TEXT } }] }),
      ],
      [
        'the one call of old',
        messages({ role: 'assistant', function_call: { name: 'f', arguments: TEXT } }),
      ],
      ['thoughts', messages({ role: 'assistant', content: '', reasoning_content: TEXT })],
      [
        'thoughts under two names',
        messages({ role: 'assistant', reasoning: TEXT, reasoning_content: TEXT }),
      ],
      ['a refusal', messages({ role: 'assistant', content: null, refusal: TEXT })],
      [
        'a refusal as a part',
        messages({ role: 'assistant', content: [{ type: 'refusal', refusal: TEXT }] }),
      ],
      ['tools', { ...messages(), tools: [{ type: 'function', function: { description: TEXT } }] }],
      ['functions', { ...messages(), functions: [{ name: 'f', description: TEXT }] }],
      ['documents', { ...messages(), documents: [{ title: 't', text: TEXT }] }],
    ],
  ],
  [
    'completion',
    [
      ['a prompt', { prompt: TEXT }],
      ['prompts', { prompt: [TEXT, ''] }],
      ['a suffix', { prompt: '', suffix: TEXT }],
    ],
  ],
  [
    'responses',
    [
      ['input', { input: TEXT }],
      ['instructions', { input: '', instructions: TEXT }],
      ['a message', items({ role: 'user', content: [{ type: 'input_text', text: TEXT }] })],
      ['a call', items({ type: 'function_call', call_id: 'c', name: 'f', arguments: TEXT })],
      ['its output', items({ type: 'function_call_output', call_id: 'c', output: TEXT })],
      [
        'its output in parts',
        items({ type: 'function_call_output', output: [{ type: 'input_text', text: TEXT }] }),
      ],
      ['a custom call', items({ type: 'custom_tool_call', name: 'f', input: TEXT })],
      ['its output', items({ type: 'custom_tool_call_output', output: TEXT })],
      ['an MCP call', items({ type: 'mcp_call', name: 'f', arguments: '{}', output: TEXT })],
      ['tools of MCP', items({ type: 'mcp_list_tools', tools: [{ description: TEXT }] })],
      ['code', items({ type: 'code_interpreter_call', code: TEXT, outputs: [] })],
      ['its logs', items({ type: 'code_interpreter_call', outputs: [{ logs: TEXT }] })],
      ['a shell command', items({ type: 'local_shell_call', action: { command: [TEXT] } })],
      ['its output', items({ type: 'shell_call_output', output: [{ stdout: '', stderr: TEXT }] })],
      ['a patch', items({ type: 'apply_patch_call', operation: { diff: TEXT } })],
      ['a search', items({ type: 'file_search_call', queries: [TEXT], results: null })],
      ['what it found', items({ type: 'file_search_call', results: [{ text: TEXT }] })],
      ['a summary', items({ type: 'reasoning', summary: [{ type: 'summary_text', text: TEXT }] })],
      [
        'thoughts, and not their summary too',
        items({ type: 'reasoning', summary: [{ text: TEXT }], content: [{ text: TEXT }] }),
      ],
    ],
  ],
  [
    'messages',
    [
      ['a system prompt', { ...messages(), system: TEXT }],
      ['its blocks', { ...messages(), system: [{ type: 'text', text: TEXT }] }],
      ['a text', blocks({ type: 'text', text: TEXT })],
      ['input of a tool', blocks({ ...use, input: { path: TEXT } })],
      ['input of a hosted tool', blocks({ ...use, type: 'server_tool_use', input: { q: TEXT } })],
      ['a result', blocks({ ...result, content: TEXT })],
      ['its blocks', blocks({ ...result, content: [{ type: 'text', text: TEXT }] })],
      [
        'a plain document',
        blocks({ ...document, source: { type: 'text', media_type: 'text/plain', data: TEXT } }),
      ],
      [
        'the same, its type behind its text',
        blocks({ ...document, source: { data: TEXT, media_type: 'text/plain', type: 'text' } }),
      ],
      ['a document of a text', blocks({ ...document, source: { type: 'content', content: TEXT } })],
      [
        'a document of blocks, within a result',
        blocks({
          ...result,
          content: [
            { ...document, source: { type: 'content', content: [{ type: 'text', text: TEXT }] } },
          ],
        }),
      ],
      ['what is said of a document', blocks({ ...document, context: TEXT })],
      [
        'a result of a search',
        blocks({ type: 'search_result', source: '', content: [{ text: TEXT }] }),
      ],
      [
        'output of code',
        blocks({ type: 'bash_code_execution_tool_result', content: { stdout: TEXT, content: [] } }),
      ],
      ['thoughts', blocks({ type: 'thinking', thinking: TEXT, signature: BASE64 })],
      ['tools', { ...messages(), tools: [{ name: 'f', description: TEXT, input_schema: {} }] }],
    ],
  ],
  [
    'embedding',
    [
      ['input', { input: TEXT }],
      ['inputs', { input: [TEXT, ''] }],
      ['messages', { messages: [{ role: 'user', content: TEXT }] }],
    ],
  ],
  ['rerank', [['documents', { query: '', documents: [{ text: TEXT }] }]]],
])('%s', (api, cases) => {
  it.each(cases)('counts %s', (_what, fields) => {
    const tokens = tokensOf(api, fields);
    expect(tokens).toBeGreaterThanOrEqual(TOKENS);
    // The names and braces around it.
    expect(tokens).toBeLessThan(TOKENS + 25);
  });
});

describe('nothing is counted of', () => {
  it.each<[string, Api, object]>([
    ['a picture', 'messages', blocks({ type: 'image', source: { type: 'base64', data: BASE64 } })],
    [
      'a PDF',
      'messages',
      blocks({
        ...document,
        source: { type: 'base64', media_type: 'application/pdf', data: BASE64 },
      }),
    ],
    [
      'data that are no text',
      'messages',
      blocks({ ...document, source: { type: 'text', data: [1] } }),
    ],
    ['thoughts that are hidden', 'messages', blocks({ type: 'redacted_thinking', data: BASE64 })],
    [
      'a picture of a chat',
      'chat',
      messages({ role: 'user', content: [{ type: 'image_url', image_url: { url: BASE64 } }] }),
    ],
    [
      'sound',
      'chat',
      messages({ role: 'user', content: [{ type: 'input_audio', input_audio: { data: BASE64 } }] }),
    ],
    ['a file', 'chat', messages({ role: 'user', content: [{ file: { file_data: BASE64 } }] })],
    [
      'a screenshot',
      'responses',
      items({ output: { type: 'computer_screenshot', image_url: BASE64 } }),
    ],
    ['what is encrypted', 'responses', items({ type: 'reasoning', encrypted_content: BASE64 })],
    [
      'null',
      'chat',
      messages({ role: 'assistant', content: null, tool_calls: null, refusal: null }),
    ],
    ['null as a JSON', 'messages', blocks({ type: 'tool_use', input: null })],
  ])('%s', (_what, api, fields) => {
    expect(tokensOf(api, fields)).toBe(0);
  });
});
