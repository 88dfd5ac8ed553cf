/** Streams as real systems write them, and how each counts. */
import type { UpstreamAnswer } from './judged-answer.ts';

const json = (value: unknown) => JSON.stringify(value);
const data = (value: unknown) => `data: ${typeof value === 'string' ? value : json(value)}\n\n`;
const named = (name: string, value: unknown) => `event: ${name}\n${data(value)}`;
const DONE = data('[DONE]');

const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const chunk = (delta: unknown, finish_reason: unknown = null, more: object = {}) =>
  data({ ...envelope, choices: [{ index: 0, delta, finish_reason }], ...more });
const role = chunk({ role: 'assistant', content: '' });
const hello = role + chunk({ content: 'Hel' }) + chunk({ content: 'lo.' });
const usage = { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 };

function stream(
  who: string,
  body: string,
  is: UpstreamAnswer['is'],
  more: Partial<UpstreamAnswer> = {},
): UpstreamAnswer {
  const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
  return { who, body, is, streams: true, headers, ...more };
}

const CHAT: readonly UpstreamAnswer[] = [
  stream(
    'OpenAI',
    hello + chunk({}, 'stop') + data({ ...envelope, choices: [], usage }) + DONE,
    'ok',
    {
      same: true,
      usage: { inputTokens: 20, outputTokens: 5 },
    },
  ),
  stream(
    'vLLM: reasoning first',
    role +
      chunk({ reasoning_content: 'Hm.' }) +
      chunk({ reasoning: 'Hm.' }) +
      chunk({ content: 'Hi' }) +
      chunk({ content: '' }, 'stop') +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'OpenAI: a refusal',
    role + chunk({ refusal: "I can't" }) + chunk({}, 'stop') + DONE,
    'ok',
    { same: true },
  ),
  stream(
    'Azure: filters first, then the answer',
    data({
      choices: [],
      created: 0,
      id: '',
      model: '',
      object: '',
      prompt_filter_results: [
        {
          prompt_index: 0,
          content_filter_results: { hate: { filtered: false, severity: 'safe' } },
        },
      ],
    }) +
      hello +
      chunk({}, 'content_filter', { content_filter_offsets: {} }) +
      DONE,
    'ok',
    { same: true, stripUsage: true },
  ),
  stream(
    'Groq: usage in its own object',
    hello +
      chunk({}, 'stop', {
        x_groq: {
          id: 'req_1',
          usage: {
            queue_time: 0.1,
            prompt_tokens: 20,
            prompt_time: 0.2,
            completion_tokens: 5,
            completion_time: 0.5,
            total_tokens: 25,
          },
        },
      }) +
      DONE,
    'ok',
    { same: true, usage: { inputTokens: 20, outputTokens: 5, prefillMs: 200, decodeMs: 500 } },
  ),
  stream(
    'llama.cpp: timings in the last chunk',
    hello +
      chunk({}, 'stop', {
        timings: { cache_n: 10, prompt_n: 10, prompt_ms: 12.5, predicted_n: 5, predicted_ms: 40 },
      }) +
      DONE,
    'ok',
    { usage: { inputTokens: 20, cachedTokens: 10, outputTokens: 5, prefillMs: 12.5 } },
  ),
  stream(
    'Perplexity: usage in each chunk, citations, no end',
    chunk({ content: 'a' }, null, {
      usage: { ...usage, completion_tokens: 1, total_tokens: 21 },
      citations: ['https://a.test'],
    }) + chunk({ content: 'b' }, 'stop', { usage, citations: ['https://a.test'] }),
    'ok',
    { same: true, stripUsage: true, usage: { outputTokens: 5 } },
  ),
  stream(
    'vLLM: usage that was not asked for',
    hello + chunk({}, 'stop') + data({ ...envelope, choices: [], usage }) + DONE,
    'ok',
    { stripUsage: true, hides: '"usage"', usage: { outputTokens: 5 } },
  ),
  stream(
    'Gemini: no index, and a call of a tool in one piece',
    chunk(
      {
        role: 'assistant',
        tool_calls: [
          {
            function: { arguments: '{"a":1}', name: 'f' },
            id: 'function-call-1',
            type: 'function',
          },
        ],
      },
      'tool_calls',
      {},
    ) + DONE,
    'ok',
    { same: true },
  ),
  stream(
    'Gemini: a reason to finish in each chunk',
    chunk({ content: 'Hel' }, 'stop') +
      chunk({ content: 'lo' }, 'stop') +
      chunk({ content: '.' }, 'stop') +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'Vertex by a proxy: a reason too early, and then a break',
    chunk({ content: 'Hel' }, 'stop') + chunk({ content: 'lo' }),
    'broken',
    { ends: 'reset' },
  ),
  stream(
    'OpenRouter: comments while it waits',
    ': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n' +
      hello +
      chunk({}, 'stop', { native_finish_reason: 'end_turn' }) +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'a proxy in Go: an empty reason on each chunk',
    chunk({ content: 'Hi' }, '') + chunk({ content: '.' }, '') + chunk({}, 'stop') + DONE,
    'ok',
    { same: true },
  ),
  stream('the same, cut off', chunk({ content: 'Hi' }, '') + chunk({ content: '.' }, ''), 'broken'),
  stream(
    'TGI: no blank behind the colon, no end',
    `data:${json({ ...envelope, choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: null }] })}\n\ndata:${json({ ...envelope, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'eos_token' }] })}\n\n`,
    'ok',
    { same: true },
  ),
  stream(
    'lines that end with CR alone',
    (hello + chunk({}, 'stop') + DONE).replaceAll('\n', '\r'),
    'ok',
    { same: true },
  ),
  stream(
    'lines that end with CRLF, behind a byte order mark',
    `\ufeff${(hello + chunk({}, 'stop') + DONE).replaceAll('\n', '\r\n')}`,
    'ok',
  ),
  stream('no empty line at the end', `${hello + chunk({}, 'stop')}data: [DONE]`, 'ok', {
    same: true,
  }),
  stream(
    'an end in small letters, and quoted',
    hello + chunk({}, 'stop') + data('"[done]"'),
    'ok',
    { same: true },
  ),
  stream('the connection stays open behind the end', hello + chunk({}, 'stop') + DONE, 'ok', {
    same: true,
    ends: 'never',
  }),
  stream('the connection breaks behind the end', hello + chunk({}, 'stop') + DONE, 'ok', {
    same: true,
    ends: 'reset',
  }),
  stream('the connection breaks behind the reason to finish', hello + chunk({}, 'stop'), 'ok', {
    same: true,
    ends: 'reset',
  }),
  stream(
    'OpenAI: audio',
    role +
      chunk({ audio: { id: 'audio_1', transcript: 'Hi' } }) +
      chunk({ audio: { data: 'AAAA'.repeat(30_000) } }) +
      chunk({}, 'stop') +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'Gemini by OpenRouter: an image in one long chunk with the reason to finish, and no end',
    chunk(
      {
        role: 'assistant',
        content: '',
        images: [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } },
        ],
      },
      'stop',
    ),
    'ok',
    { same: true },
  ),
  stream(
    'text completions, several prompts',
    ['a', 'b']
      .map((text, index) =>
        data({
          ...envelope,
          object: 'text_completion',
          choices: [{ index, text, logprobs: null, finish_reason: 'stop' }],
        }),
      )
      .join('') + DONE,
    'ok',
    { same: true, choices: 2 },
  ),
  stream(
    'logprobs that quote the words of faults',
    role +
      data({
        ...envelope,
        choices: [
          {
            index: 0,
            delta: { content: '"error":{"message":"x"}' },
            logprobs: {
              content: [{ token: '"error"', logprob: -0.1, bytes: [34], top_logprobs: [] }],
            },
            finish_reason: null,
          },
        ],
      }) +
      chunk({}, 'stop') +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'one-api: an error in which nothing is said on each chunk',
    chunk({ content: 'Hi' }, null, { error: { message: '', type: '', param: '', code: null } }) +
      chunk({}, 'stop', { error: { message: '', type: '', param: '', code: null } }) +
      DONE,
    'ok',
    { same: true },
  ),
  stream(
    'an event that nobody knows',
    `event: heartbeat\n${data({ type: 'heartbeat' })}${hello}${chunk({}, 'stop')}${DONE}`,
    'ok',
    { same: true },
  ),
  stream(
    'vllm-ascend, custom gateways: a stream under the type of JSON',
    hello + chunk({}, 'stop') + data({ ...envelope, choices: [], usage }) + DONE,
    'ok',
    {
      headers: { 'content-type': 'application/json' },
      stripUsage: true,
      hides: '"usage"',
      usage: { inputTokens: 20, outputTokens: 5 },
    },
  ),
  stream('the same, cut off', hello, 'broken', { headers: { 'content-type': 'application/json' } }),
  stream('a proxy that keeps no type', hello + chunk({}, 'stop') + DONE, 'ok', {
    headers: {},
    same: true,
  }),
  stream(
    'one-api: the whole answer as JSON under the type of a stream',
    json({
      ...envelope,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
      usage,
    }),
    'ok',
    { same: true, usage: { inputTokens: 20, outputTokens: 5 } },
  ),

  stream(
    'two answers, one after the other',
    data({
      ...envelope,
      choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }],
    }) +
      data({
        ...envelope,
        choices: [{ index: 1, delta: { content: 'Hi' }, finish_reason: null }],
      }) +
      data({ ...envelope, choices: [{ index: 1, delta: {}, finish_reason: 'stop' }] }),
    'ok',
    { same: true, choices: 2, ends: 'reset' },
  ),
  stream(
    'the second of two answers is missing when it breaks',
    data({
      ...envelope,
      choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }],
    }) +
      data({ ...envelope, choices: [{ index: 1, delta: { content: 'Hi' }, finish_reason: null }] }),
    'broken',
    { choices: 2, ends: 'reset' },
  ),
  stream(
    'Gemini by proxies: a reason in each chunk, and no end',
    chunk({ content: 'Hel' }, 'stop') + chunk({ content: 'lo' }, 'stop'),
    'ok',
    { same: true },
  ),

  // Faults before content: another attempt, or the client's own error with its status.
  stream(
    'vLLM: the request is wrong',
    data({
      error: {
        message: "This model's maximum context length is 4096 tokens.",
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
    }) + DONE,
    'theirs',
    { told: 400, tells: 'maximum context length' },
  ),
  stream(
    'a fault that is only words: the prompt is too long',
    data({ error: "This model's maximum context length is 4096 tokens." }),
    'theirs',
    { told: 400 },
  ),
  stream(
    'llama.cpp: as the field error',
    'error: {"code":500,"message":"slot failed","type":"server_error"}\n\n',
    'broken',
    { tells: 'slot failed' },
  ),
  stream(
    'TGI: overloaded',
    data({ error: 'Model is overloaded', error_type: 'overloaded' }),
    'busy',
  ),
  stream(
    'LM Studio: as a named event',
    named('error', {
      error: { message: 'Model was unloaded while the request was still in queue' },
    }),
    'broken',
    { tells: 'Model was unloaded' },
  ),
  stream(
    'a bare text under the name error',
    'event: error\ndata: upstream connect error\n\n',
    'broken',
    { tells: 'upstream connect error' },
  ),
  stream(
    'one-api: the fault as JSON under the type of a stream',
    json({
      error: {
        message: 'context too long',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    }),
    'theirs',
    { told: 400, tells: 'context_length_exceeded' },
  ),
  stream(
    'the same, with an empty line behind it',
    `${json({ error: { message: 'Rate limit reached', code: 429 } })}\n\n`,
    'busy',
  ),
  stream(
    'OpenRouter: no choices, and a fault of what stands behind it',
    data({
      ...envelope,
      choices: [],
      error: { message: 'Worker local total request limit reached (33/32)', code: 502 },
    }),
    'broken',
  ),
  stream(
    'OpenRouter: a rate limit',
    ': OPENROUTER PROCESSING\n\n' +
      data({
        ...envelope,
        error: { code: 429, message: 'Rate limited' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      }),
    'busy',
  ),
  stream(
    'Cerebras: its queue is full',
    data({
      message: "We're experiencing high traffic right now! Please try again soon.",
      type: 'too_many_requests_error',
      param: 'queue',
      code: 'queue_exceeded',
    }),
    'busy',
  ),
  stream(
    'Mistral: its tier has no capacity',
    data({
      object: 'error',
      message: 'Service tier capacity exceeded for this model.',
      type: 'service_tier_capacity_exceeded',
      param: null,
      code: '3505',
    }),
    'busy',
  ),
  stream(
    'DashScope: the prompt is flagged',
    data({
      error: {
        code: 'data_inspection_failed',
        param: null,
        message: 'Input data may contain inappropriate content.',
        type: 'data_inspection_failed',
      },
    }),
    'theirs',
    { told: 400 },
  ),
  stream(
    'OpenAI: overloaded, by its words',
    data({
      error: {
        message: 'The server is currently overloaded with other requests. Sorry about that!',
        type: 'server_error',
        param: null,
        code: null,
      },
    }),
    'busy',
  ),
  stream(
    'Groq: a call of a tool that it cannot read',
    named('error', {
      error: {
        message: 'Failed to call a function.',
        type: 'invalid_request_error',
        code: 'tool_use_failed',
        failed_generation: '<x>',
        status_code: 400,
      },
    }),
    'theirs',
    { told: 400, tells: 'failed_generation' },
  ),
  stream(
    'xAI: its words for a limit',
    data({
      code: 'Some resource has been exhausted',
      error: 'Your team has reached its rate limit.',
    }),
    'busy',
  ),
  stream('nothing but comments', ': ping\n\n: ping\n\n', 'broken'),
  stream('nothing but a role', role, 'broken'),
  stream('an end and nothing before it', DONE, 'ok'),

  // Faults behind content: told once.
  stream(
    'vLLM: its engine dies, and the end follows',
    hello +
      data({
        error: {
          message: 'EngineCore encountered an issue.',
          type: 'InternalServerError',
          param: null,
          code: 500,
        },
      }) +
      DONE,
    'broken',
    { tells: 'EngineCore encountered an issue.', hides: '[DONE]' },
  ),
  stream(
    'Gemini: overloaded',
    hello +
      data({
        error: {
          code: 503,
          message: 'The model is overloaded. Please try again later.',
          status: 'UNAVAILABLE',
        },
      }),
    'busy',
    { tells: 'The model is overloaded' },
  ),
  stream(
    'Azure: its filter refuses what came',
    hello + data({ error: { code: 'content_filter', message: 'filtered', status: 400 } }),
    'theirs',
  ),
  stream('vLLM: it aborts', hello + chunk({}, 'abort') + DONE, 'broken'),
  stream(
    'SGLang: it aborts, as an object',
    hello + chunk({}, { type: 'abort', message: 'Abort in waiting queue', status_code: 503 }),
    'broken',
  ),
  stream(
    'DeepSeek: it runs out of resources',
    hello + chunk({ content: '' }, 'insufficient_system_resource') + DONE,
    'broken',
  ),
  stream(
    'OpenRouter: a fault in the last chunk',
    hello +
      data({
        ...envelope,
        error: { code: 'server_error', message: 'Provider disconnected' },
        choices: [
          { index: 0, delta: { content: '' }, finish_reason: 'error', native_finish_reason: null },
        ],
      }),
    'broken',
    { tells: 'Provider disconnected' },
  ),
  stream('cut in order', hello, 'broken'),
  stream('reset', hello, 'broken', { ends: 'reset' }),
  stream('cut within an event', `${hello}data: {"id":"chatcm`, 'broken', {
    ends: 'reset',
    hides: '"chatcm\n',
  }),
];

const MESSAGE_START = named('message_start', {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 20,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 100,
      output_tokens: 1,
    },
  },
});
const block = (index: number, content_block: unknown, ...deltas: unknown[]) =>
  named('content_block_start', { type: 'content_block_start', index, content_block }) +
  deltas
    .map((delta) => named('content_block_delta', { type: 'content_block_delta', index, delta }))
    .join('') +
  named('content_block_stop', { type: 'content_block_stop', index });
const said = block(0, { type: 'text', text: '' }, { type: 'text_delta', text: 'Hello.' });
const messageEnd = (stop_reason: string) =>
  named('message_delta', {
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 5 },
  }) + named('message_stop', { type: 'message_stop' });
const anthropicError = (type: string, message: string) =>
  named('error', { type: 'error', error: { details: null, type, message }, request_id: 'req_1' });
const messages = (
  who: string,
  body: string,
  is: UpstreamAnswer['is'],
  more: Partial<UpstreamAnswer> = {},
) => stream(who, body, is, { format: 'messages', ...more });

const MESSAGES: readonly UpstreamAnswer[] = [
  messages(
    'Anthropic',
    MESSAGE_START + named('ping', { type: 'ping' }) + said + messageEnd('end_turn'),
    'ok',
    { same: true, usage: { inputTokens: 120, cachedTokens: 100, outputTokens: 5 } },
  ),
  messages(
    'Anthropic: thinking, with signatures and what is redacted',
    MESSAGE_START +
      block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: 'Hm' },
        { type: 'signature_delta', signature: 'abc' },
      ) +
      block(1, { type: 'redacted_thinking', data: 'x' }) +
      block(2, { type: 'text', text: '' }, { type: 'text_delta', text: 'Hi' }) +
      messageEnd('end_turn'),
    'ok',
    { same: true },
  ),
  messages(
    "Anthropic: a search that failed is the model's matter",
    MESSAGE_START +
      block(
        0,
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
        { type: 'input_json_delta', partial_json: '{"query":"x"}' },
      ) +
      block(1, {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: { type: 'web_search_tool_result_error', error_code: 'unavailable' },
      }) +
      block(
        2,
        { type: 'text', text: '' },
        {
          type: 'citations_delta',
          citation: { type: 'web_search_result_location', url: 'https://a.test' },
        },
      ) +
      messageEnd('pause_turn'),
    'ok',
    { same: true },
  ),
  messages(
    'Anthropic: compaction, a refusal, events to come',
    MESSAGE_START +
      block(
        0,
        { type: 'compaction', content: '' },
        { type: 'compaction_delta', content: 'Short.' },
      ) +
      named('future_event', { type: 'future_event', error: null }) +
      messageEnd('refusal'),
    'ok',
    { same: true },
  ),
  messages(
    'a proxy that names no events, with [DONE] behind the end',
    (MESSAGE_START + said + messageEnd('end_turn')).replaceAll(/^event: .*\n/gm, '') + DONE,
    'ok',
    { hides: '[DONE]', usage: { outputTokens: 5 } },
  ),
  messages(
    'a framework that names each event "message"',
    (MESSAGE_START + said + messageEnd('end_turn')).replaceAll(/^event: .*$/gm, 'event: message'),
    'ok',
    { same: true },
  ),
  messages(
    'Bedrock by a proxy: figures in the end',
    MESSAGE_START +
      said +
      named('message_delta', {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 5 },
      }) +
      named('message_stop', {
        type: 'message_stop',
        'amazon-bedrock-invocationMetrics': { inputTokenCount: 8, outputTokenCount: 20 },
      }),
    'ok',
    { same: true, usage: { inputTokens: 120, outputTokens: 5 } },
  ),
  messages(
    'overloaded before content',
    MESSAGE_START + anthropicError('overloaded_error', 'Overloaded'),
    'busy',
  ),
  messages(
    'overloaded behind content',
    MESSAGE_START + said + anthropicError('overloaded_error', 'Overloaded'),
    'busy',
    { tells: 'Overloaded' },
  ),
  messages(
    'it failed behind content',
    MESSAGE_START + said + anthropicError('api_error', 'Internal server error'),
    'broken',
    { tells: 'Internal server error' },
  ),
  messages(
    'the request is wrong',
    anthropicError('invalid_request_error', 'prompt is too long: 250000 tokens > 200000 maximum'),
    'theirs',
    { told: 400, tells: 'prompt is too long' },
  ),
  messages(
    "LiteLLM: OpenAI's form of an error",
    data({
      error: {
        message: 'litellm.RateLimitError: RateLimitError',
        type: 'throttling_error',
        param: null,
        code: '429',
      },
    }),
    'busy',
  ),
  messages(
    'a proxy: the fault as JSON under the type of a stream',
    json({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'max_tokens: Field required' },
    }),
    'theirs',
    { told: 400, tells: 'max_tokens: Field required' },
  ),
  messages('a bare text under the name error', 'event: error\ndata: Overloaded\n\n', 'busy'),
  messages('cut in order', MESSAGE_START + said, 'broken'),
  messages(
    'cut behind the reason to stop',
    MESSAGE_START +
      said +
      named('message_delta', {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 5 },
      }),
    'ok',
    { same: true, ends: 'reset' },
  ),
];

let sequence = 0;
const event = (type: string, fields: object = {}) => {
  sequence += 1;
  return named(type, { type, sequence_number: sequence, ...fields });
};
const response = { id: 'resp_1', object: 'response', model: 'm', output: [], error: null };
const created = event('response.created', { response: { ...response, status: 'in_progress' } });
const text =
  event('response.output_item.added', {
    output_index: 0,
    item: { type: 'message', id: 'msg_1', content: [] },
  }) + event('response.output_text.delta', { item_id: 'msg_1', delta: 'Hello.' });
const responseUsage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 10 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 25,
};
const completed = event('response.completed', {
  response: { ...response, status: 'completed', usage: responseUsage },
});
const overloaded = {
  type: 'service_unavailable_error',
  code: 'server_is_overloaded',
  message: 'Our servers are currently overloaded. Please try again later.',
  param: null,
};
const responses = (
  who: string,
  body: string,
  is: UpstreamAnswer['is'],
  more: Partial<UpstreamAnswer> = {},
) => stream(who, body, is, { format: 'responses', ...more });

const RESPONSES: readonly UpstreamAnswer[] = [
  responses('OpenAI', created + text + completed, 'ok', {
    same: true,
    usage: { inputTokens: 20, cachedTokens: 10, outputTokens: 5 },
  }),
  responses(
    'OpenAI: events of tools, and keep-alives',
    created +
      named('keepalive', { type: 'keepalive', sequence_number: 3 }) +
      event('response.web_search_call.searching', { item_id: 'ws_1' }) +
      event('response.mcp_call.failed', { item_id: 'mcp_1' }) +
      named('codex.rate_limits', { type: 'codex.rate_limits', plan_type: 'plus' }) +
      text +
      completed,
    'ok',
    { same: true },
  ),
  responses('vLLM: [DONE] behind the end', created + text + completed + DONE, 'ok', {
    hides: '[DONE]',
  }),
  responses(
    'a long response in its last event, its type last',
    created +
      text +
      data({
        response: {
          ...response,
          status: 'completed',
          instructions: 'x'.repeat(120_000),
          usage: responseUsage,
        },
        sequence_number: 9,
        type: 'response.completed',
      }),
    'ok',
    { same: true, usage: { outputTokens: 5 } },
  ),
  responses(
    'cut off by its limit',
    created +
      text +
      event('response.incomplete', {
        response: {
          ...response,
          status: 'incomplete',
          incomplete_details: { reason: 'content_filter' },
          usage: responseUsage,
        },
      }),
    'ok',
    { same: true },
  ),
  responses(
    'overloaded, by its code, before content',
    created + named('error', { type: 'error', sequence_number: 2, error: overloaded }),
    'busy',
  ),
  responses(
    'overloaded, in the response',
    created +
      event('response.failed', { response: { ...response, status: 'failed', error: overloaded } }),
    'busy',
  ),
  responses(
    'a limit in the response',
    created +
      event('response.failed', {
        response: {
          ...response,
          status: 'failed',
          error: {
            code: 'rate_limit_exceeded',
            message: 'Rate limit reached. Please try again in 1.2s.',
          },
        },
      }),
    'busy',
    { retryAfterMs: 1_200 },
  ),
  responses(
    'slow down',
    created +
      event('response.failed', {
        response: {
          ...response,
          status: 'failed',
          error: { code: 'slow_down', message: 'Slow down.' },
        },
      }),
    'busy',
  ),
  responses(
    'too long a context',
    created +
      event('response.failed', {
        response: {
          ...response,
          status: 'failed',
          error: {
            code: 'context_length_exceeded',
            message: 'Your input exceeds the context window.',
          },
        },
      }),
    'theirs',
    { told: 400, tells: 'context_length_exceeded' },
  ),
  responses(
    'an error without a name, flat',
    data({
      type: 'error',
      code: 'server_error',
      message: 'It failed.',
      param: null,
      sequence_number: 1,
    }),
    'broken',
    { tells: 'It failed.' },
  ),
  responses(
    'it fails behind content',
    created +
      text +
      event('response.failed', {
        response: {
          ...response,
          status: 'failed',
          error: { code: 'server_error', message: 'The model failed.' },
        },
      }),
    'broken',
    { tells: 'The model failed.' },
  ),
  responses('cut in order', created + text, 'broken'),
];

export const STREAMS: readonly UpstreamAnswer[] = [...CHAT, ...MESSAGES, ...RESPONSES];
