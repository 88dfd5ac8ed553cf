/** Streams of OpenAI's API that users report, each with its thread, and how they count. */
import type { UpstreamAnswer } from './judged-answer.ts';
import { data, reportedStream } from './reported.ts';

const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const chunk = (delta: object, finish_reason: unknown = null, more: object = {}) =>
  data({ ...envelope, choices: [{ index: 0, delta, finish_reason }], ...more });
const role = chunk({ role: 'assistant', content: '' });
const hello = role + chunk({ content: 'Hel' }) + chunk({ content: 'lo.' });
const stop = chunk({}, 'stop');
const DONE = data('[DONE]');
const counted = (completion_tokens: number) => ({
  prompt_tokens: 20,
  completion_tokens,
  total_tokens: 20 + completion_tokens,
});
const ZEROS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const usage = counted(5);
const told = { usage: { inputTokens: 20, outputTokens: 5 } } as const;
const same = { same: true } as const;

/** What they are delimited by, and how they end. */
const FORMS: readonly UpstreamAnswer[] = [
  reportedStream(
    'llama-cpp-python: CRLF, and pings between events',
    'abetlen/llama-cpp-python/pull/1188',
    'ok',
    `: ping - 2024-02-14\n\n${hello}: ping - 2024-02-14\n\n${stop}${DONE}`.replaceAll('\n', '\r\n'),
    same,
  ),
  reportedStream(
    'an event over several lines',
    'SamSaffron/term-llm/pull/454',
    'ok',
    `data: {"choices": [\ndata: {"index": 0, "delta": {"content": "Hi"},\ndata: "finish_reason": "stop"}]}\n\n${DONE}`,
    same,
  ),
  reportedStream(
    'no blank behind the colon, of names and of the end',
    'dataelement/Clawith/pull/106',
    'ok',
    `event:message\n${hello}${stop}${DONE}`.replaceAll('data: ', 'data:'),
    same,
  ),
  reportedStream(
    'vLLM, old: an end for each of its answers',
    'vllm-project/vllm/pull/378',
    'ok',
    hello + stop + DONE + DONE,
    { tells: '[DONE]' },
  ),
  reportedStream(
    'an end that is a list',
    'BerriAI/litellm/pull/10053',
    'ok',
    `${hello}${stop}${data('["DONE"]')}: more\n\n`,
    { hides: ': more' },
  ),
  reportedStream(
    'vllm-mlx: an end, and no reason to finish',
    'waybarrios/vllm-mlx/issues/628',
    'ok',
    hello + DONE,
    same,
  ),
  reportedStream(
    'OllamaFlow: events without anything in them',
    'ollamaflow/ollamaflow/issues/7',
    'broken',
    'data: \n\ndata: \n\ndata: \n\n',
    { isUntold: true },
  ),
  reportedStream('vLLM: chunks that break off', 'vllm-project/vllm/issues/2694', 'broken', hello, {
    ends: 'reset',
  }),
];

/** Reasons to finish, where they should not be. */
const REASONS: readonly UpstreamAnswer[] = [
  reportedStream(
    'Dynamo: two reasons',
    'ai-dynamo/dynamo/pull/4154',
    'ok',
    hello + chunk({ content: null }, 'stop') + chunk({}, 'tool_calls') + DONE,
    same,
  ),
  reportedStream(
    'Open WebUI: a reason while it thinks',
    'open-webui/open-webui/issues/16377',
    'ok',
    chunk({ reasoning_content: 'Hm.' }, 'stop') + hello + stop + DONE,
    same,
  ),
  reportedStream(
    'the same, cut off',
    'open-webui/open-webui/issues/16377',
    'broken',
    chunk({ reasoning_content: 'Hm.' }, 'stop') + hello,
    { ends: 'reset' },
  ),
  reportedStream(
    'Ollama: "stop" behind the call of a tool',
    'BerriAI/litellm/issues/35663',
    'ok',
    chunk({ tool_calls: [{ index: 0, id: 'call_1', function: { name: 'f', arguments: '{}' } }] }) +
      stop +
      DONE,
    same,
  ),
  reportedStream(
    'vLLM: it aborts, and counts what it did',
    'vllm-project/vllm/issues/57082',
    'broken',
    hello + chunk({}, 'abort') + data({ ...envelope, choices: [], usage }) + DONE,
    { hides: '[DONE]' },
  ),
  ...['timeout', 'cancelled'].map((reason) =>
    reportedStream(
      `TensorRT-LLM: ${reason}`,
      'NVIDIA/TensorRT-LLM/blob/main/tensorrt_llm/executor/result.py',
      'broken',
      hello + chunk({}, reason) + DONE,
      { hides: '[DONE]' },
    ),
  ),
  reportedStream(
    'SGLang: the request is at fault, in the reason alone',
    'sgl-project/sglang/pull/2956',
    'theirs',
    role +
      chunk({}, { type: 'abort', message: 'Input is too long.', status_code: 400, err_type: 'x' }) +
      DONE,
    { told: 400, tells: 'Input is too long.' },
  ),
  reportedStream(
    'SGLang: an abort that no one is blamed for',
    'sgl-project/sglang/pull/22535',
    'broken',
    role + chunk({}, { type: 'abort', message: 'Aborted', status_code: null }) + DONE,
    { isUntold: true },
  ),
];

/** Usage in places of its own. */
const USAGE: readonly UpstreamAnswer[] = [
  reportedStream(
    'vLLM: usage on each chunk',
    'vllm-project/vllm/pull/6652',
    'ok',
    chunk({ content: 'a' }, null, { usage: counted(1) }) +
      chunk({ content: 'b' }, 'stop', { usage: counted(2) }) +
      data({ ...envelope, choices: [], usage }) +
      DONE,
    { ...told, stripUsage: true },
  ),
  reportedStream(
    'Kimi: zeros until the last chunk',
    'router-for-me/CLIProxyAPI/pull/3077',
    'ok',
    chunk({ content: 'a' }, null, { usage: ZEROS }) +
      chunk({ content: 'b' }, null, { usage: null }) +
      chunk({}, 'stop', { usage }) +
      DONE,
    { ...told, ...same },
  ),
  reportedStream(
    'a sibling: zeros behind the usage',
    'mudler/LocalAI/issues/1609',
    'ok',
    hello + chunk({}, 'stop', { usage }) + chunk({}, null, { usage: ZEROS }).repeat(3) + DONE,
    { ...told, ...same },
  ),
  reportedStream(
    'LocalAI: nothing but zeros',
    'mudler/LocalAI/issues/1609',
    'ok',
    chunk({ content: 'a' }, null, { usage: ZEROS }) + chunk({}, 'stop', { usage: ZEROS }) + DONE,
    { isUncounted: true, ...same },
  ),
  reportedStream(
    'mlx-dspark: an empty choice beside the usage',
    'ARahim3/mlx-dspark/issues/37',
    'ok',
    hello + stop + data({ ...envelope, choices: [{ index: 0, delta: {} }], usage }) + DONE,
    { ...told, stripUsage: true },
  ),
  reportedStream(
    'xAI by LiteLLM: usage, then a chunk of nothing',
    'BerriAI/litellm/issues/17136',
    'ok',
    hello +
      stop +
      data({ ...envelope, choices: [{ index: 0, delta: {} }], usage }) +
      data({ ...envelope, choices: [] }) +
      DONE,
    { ...told, ...same },
  ),
  reportedStream(
    'usage beside the role and the reason',
    'odysseus-dev/odysseus/pull/1703',
    'ok',
    hello + chunk({ role: 'assistant', content: null }, 'stop', { usage }) + DONE,
    { ...told, ...same, stripUsage: true },
  ),
];

export const REPORTED_STREAMS = [...FORMS, ...REASONS, ...USAGE];
