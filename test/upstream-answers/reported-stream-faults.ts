/** Faults in streams that users report, each with its thread, and how they count. */
import type { UpstreamAnswer } from './judged-answer.ts';
import { data, named, reportedStream } from './reported.ts';

const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const chunk = (delta: object, more: object = {}) =>
  data({ ...envelope, choices: [{ index: 0, delta, finish_reason: null }], ...more });
const role = chunk({ role: 'assistant', content: '' });
const hello = role + chunk({ content: 'Hello.' });
const DONE = data('[DONE]');
const TOO_LONG = 'request (19185 tokens) exceeds the available context size (16384 tokens)';
const FASTCHAT = 'lm-sys/FastChat/blob/main/fastchat/serve/openai_api_server.py';
const LMDEPLOY = 'InternLM/lmdeploy/blob/main/lmdeploy/serve/proxy/utils.py';
const traffic = { text: '**NETWORK ERROR DUE TO HIGH TRAFFIC.**\n\n(boom)', error_code: 50_002 };
const late = { error_code: 10_402, text: 'Failed to get response after a period of time' };
const progress = (processed: number) =>
  chunk({ role: 'assistant', content: null }, { prompt_progress: { total: 9, processed } });

/** Before content: another attempt, or the client's own error. */
const EARLY: readonly UpstreamAnswer[] = [
  reportedStream(
    'llama.cpp: the prompt is too long, under 200',
    'ggml-org/llama.cpp/issues/14566',
    'theirs',
    `error: {"code":400,"message":"${TOO_LONG}","type":"exceed_context_size_error"}\n\n`,
    { told: 400, tells: 'exceeds the available context size' },
  ),
  reportedStream(
    "Lemonade: llama.cpp's error without the form of an event",
    'lemonade-sdk/lemonade/issues/2826',
    'theirs',
    `{"error":{"code":400,"message":"${TOO_LONG}","type":"exceed_context_size_error"}}`,
    { told: 400, tells: 'exceeds the available context size' },
  ),
  reportedStream(
    'llama.cpp: it fails while it tells its progress',
    'ggml-org/llama.cpp/pull/15827',
    'broken',
    progress(0) + progress(4) + data({ error: { code: 500, message: 'Compute error.' } }),
    { isUntold: true, tells: 'Compute error.' },
  ),
  reportedStream(
    'Dynamo: an event without data',
    'ai-dynamo/dynamo/pull/8674',
    'broken',
    'event: error\n: unspecified error\n\n',
    { isUntold: true },
  ),
  reportedStream('FastChat: a number and a text', FASTCHAT, 'broken', data(traffic) + DONE, {
    isUntold: true,
    tells: 'HIGH TRAFFIC',
  }),
  reportedStream(
    "LMDeploy's proxy: a line of JSON",
    LMDEPLOY,
    'broken',
    `${JSON.stringify(late)}\n`,
    { isUntold: true, tells: 'after a period of time' },
  ),
];

/** Behind content. */
const LATE: readonly UpstreamAnswer[] = [
  reportedStream(
    'llama.cpp: progress, and then the answer',
    'ggml-org/llama.cpp/pull/15827',
    'ok',
    progress(0) + progress(9) + chunk({ content: 'Hi' }) + DONE,
    { same: true },
  ),
  reportedStream(
    'Dynamo: an event without data',
    'ai-dynamo/dynamo/pull/8430',
    'broken',
    `${hello}event: error\n: unspecified error\n\n`,
  ),
  reportedStream(
    'FastChat: a number and a text',
    FASTCHAT,
    'broken',
    hello + data(traffic) + DONE,
    {
      tells: 'HIGH TRAFFIC',
      hides: '[DONE]',
    },
  ),
  reportedStream(
    'a sibling: a fault without the word',
    FASTCHAT,
    'broken',
    hello + data({ message: 'It died.', type: 'InternalServerError', code: 500 }) + DONE,
    { tells: 'It died.', hides: '[DONE]' },
  ),
  reportedStream(
    "LMDeploy's proxy: a line of JSON",
    LMDEPLOY,
    'broken',
    `${hello}${JSON.stringify(late)}\n`,
  ),
  reportedStream(
    'mlx-vlm: a bare text',
    'Blaizzy/nativ/pull/195',
    'broken',
    hello + data({ error: 'thinking_budget is not supported with speculative decoding.' }) + DONE,
    { tells: 'thinking_budget', hides: '[DONE]' },
  ),
  reportedStream(
    'vLLM: its grammar fails behind the reasoning',
    'yoloyash/overtchat/issues/40',
    'broken',
    role +
      chunk({ reasoning: 'Hm.' }) +
      data({ error: { message: 'FSM', type: 'InternalServerError', param: null, code: 500 } }) +
      DONE,
    { tells: 'FSM', hides: '[DONE]' },
  ),
];

const START = named('message_start', {
  type: 'message_start',
  message: { id: 'msg_1', content: [], usage: { input_tokens: 20, output_tokens: 0 } },
});
const SAID = named('content_block_delta', {
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: 'Hello.' },
});

/** Of the APIs whose events have names. */
const NAMED: readonly UpstreamAnswer[] = [
  reportedStream(
    'vLLM: no stop_sequence',
    'vllm-project/vllm/issues/55324',
    'ok',
    START +
      SAID +
      named('message_delta', {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { input_tokens: 20, output_tokens: 5 },
      }) +
      named('message_stop', { type: 'message_stop' }) +
      DONE,
    { format: 'messages', hides: '[DONE]', usage: { inputTokens: 20, outputTokens: 5 } },
  ),
  reportedStream(
    'Bedrock by LiteLLM: no message_stop',
    'BerriAI/litellm/pull/32159',
    'broken',
    START + SAID,
    { format: 'messages' },
  ),
  reportedStream(
    'Anthropic: an error with blanks behind it',
    'BerriAI/litellm/issues/4562',
    'broken',
    `${START}${SAID}event: error\ndata: {"type":"error","error":{"details":null,"type":"api_error","message":"Internal server error"}      }\n\n`,
    { format: 'messages', tells: 'Internal server error' },
  ),
  reportedStream(
    'Dynamo: a failed response without a reason',
    'ai-dynamo/dynamo/pull/12442',
    'broken',
    named('response.created', { type: 'response.created', response: { status: 'in_progress' } }) +
      named('response.failed', {
        type: 'response.failed',
        response: { status: 'failed', error: null },
      }),
    { format: 'responses', isUntold: true },
  ),
];

export const REPORTED_STREAM_FAULTS = [...EARLY, ...LATE, ...NAMED];
