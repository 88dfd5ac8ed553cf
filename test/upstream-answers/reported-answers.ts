/** Answers in one piece that users report under a status of success, each with its thread. */
import type { UpstreamAnswer } from './judged-answer.ts';
import { reported } from './reported.ts';

const choice = { index: 0, message: { role: 'assistant', content: 'Hello.' } };
const choices = [{ ...choice, finish_reason: 'stop' }];
const completion = { id: 'cmpl-1', object: 'chat.completion', created: 1, model: 'm', choices };
const ZEROS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const TENSORRT = 'NVIDIA/TensorRT-LLM/blob/main/tensorrt_llm/executor/result.py';
const LMDEPLOY = 'InternLM/lmdeploy/blob/main/lmdeploy/serve/proxy/utils.py';

/** A fault in place of the answer. */
const FAULTS: readonly UpstreamAnswer[] = [
  reported(
    "LMDeploy's proxy: a node does not answer",
    LMDEPLOY,
    'broken',
    { error_code: 10_402, text: 'Failed to get response after a period of time' },
    { tells: 'after a period of time' },
  ),
  reported(
    'vLLM on RunPod: null for the choices',
    'langchain-ai/langchain/issues/32252',
    'broken',
    { id: null, choices: null, created: null, model: null, object: null, usage: null },
    { isUntold: true },
  ),
  reported(
    'OpenRouter: null for the choices, and why',
    'openai/openai-agents-python/pull/2850',
    'busy',
    { id: null, choices: null, error: { message: 'Rate limit exceeded', code: 429 } },
  ),
  ...['timeout', 'cancelled'].map((finish_reason) =>
    reported(`TensorRT-LLM: ${finish_reason}`, TENSORRT, 'broken', {
      object: 'chat.completion',
      choices: [{ index: 0, message: { content: '' }, finish_reason }],
    }),
  ),
];

const FINE: readonly UpstreamAnswer[] = [
  reported(
    'Gemini by LiteLLM: a filter has left no choice',
    'BerriAI/litellm/issues/40276',
    'ok',
    { ...completion, choices: [], usage: { prompt_tokens: 20, completion_tokens: 0 } },
    { same: true, usage: { inputTokens: 20, outputTokens: 0 } },
  ),
  reported(
    'vLLM: null for the details of its usage',
    'langchain-ai/langchain/issues/32252',
    'ok',
    {
      ...completion,
      kv_transfer_params: null,
      prompt_logprobs: null,
      usage: { completion_tokens: 129, prompt_tokens: 2_037, prompt_tokens_details: null },
    },
    { same: true, usage: { inputTokens: 2_037, outputTokens: 129 } },
  ),
  reported(
    'OpenRouter by a proxy: the comments of a stream before JSON',
    'router-for-me/CLIProxyAPI/issues/417',
    'ok',
    `: OPENROUTER PROCESSING\n\n${JSON.stringify(completion)}`,
    { same: true },
  ),
  reported(
    'a reason that begins like a fault',
    TENSORRT,
    'ok',
    { ...completion, choices: [{ ...choice, finish_reason: 'tool_calls' }] },
    { same: true },
  ),
  reported(
    'FastChat: a number that says it is fine',
    'lm-sys/FastChat/blob/main/fastchat/serve/model_worker.py',
    'ok',
    { text: 'Hello.', error_code: 0 },
    { same: true },
  ),
];

/** Token counts that are none. */
const UNCOUNTED: readonly UpstreamAnswer[] = [
  reported(
    'Triton: null for the usage',
    'triton-inference-server/server/issues/8194',
    'ok',
    { ...completion, usage: null },
    { same: true, isUncounted: true },
  ),
  reported(
    'OpenVINO: zeros for the usage',
    'labscommunity/cascadia/issues/55',
    'ok',
    { ...completion, usage: ZEROS },
    { same: true, isUncounted: true },
  ),
  reported(
    'LocalAI: the same in another order',
    'mudler/LocalAI/issues/1920',
    'ok',
    { usage: { completion_tokens: 0, prompt_tokens: 0, total_tokens: 0 }, ...completion },
    { same: true, isUncounted: true },
  ),
  reported(
    'vLLM: zeros for the usage of a response',
    'vllm-project/vllm/issues/23007',
    'ok',
    {
      object: 'response',
      status: 'completed',
      error: null,
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello.' }] }],
      usage: {
        input_tokens: 0,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 0,
      },
    },
    { format: 'responses', same: true, isUncounted: true },
  ),
];

export const REPORTED_ANSWERS = [...FAULTS, ...FINE, ...UNCOUNTED];
