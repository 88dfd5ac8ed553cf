/** Answers without success that users report, each with its thread, and how they count. */
import type { UpstreamAnswer } from './judged-answer.ts';
import { reported } from './reported.ts';

const FASTCHAT = 'lm-sys/FastChat/blob/main/fastchat/constants.py';

/** The engine failed, and says so with the status of a wrong request. */
const UNDER_4XX: readonly UpstreamAnswer[] = [
  reported(
    'LM Studio: the model crashed',
    'lmstudio-ai/lmstudio-bug-tracker/issues/1050',
    'broken',
    { error: 'The model has crashed without additional information. (Exit code: null)' },
    { status: 400, tells: 'The model has crashed' },
  ),
  reported(
    'mlx_lm.server: no memory',
    'ml-explore/mlx-lm/pull/1034',
    'broken',
    { error: '[METAL] Command buffer execution failed: Insufficient Memory (00000008)' },
    { status: 404 },
  ),
  reported(
    'mlx_lm.server: the same of another call',
    'ml-explore/mlx-lm/issues/1672',
    'broken',
    { error: '[metal::malloc] Resource limit (499000) exceeded.' },
    { status: 404 },
  ),
  reported(
    'SGLang: it has lost a caller that is there',
    'sgl-project/sglang/issues/17031',
    'broken',
    {
      object: 'error',
      message: "Request is disconnected from the client side (type 1). Abort request obj.rid='ea'",
      type: 'BadRequestError',
      code: 400,
    },
    { status: 400 },
  ),
  reported(
    'FastChat: out of memory',
    'microsoft/autogen/issues/815',
    'broken',
    {
      object: 'error',
      message: '**NETWORK ERROR DUE TO HIGH TRAFFIC. PLEASE REGENERATE.**\n\n(CUDA out of memory.)',
      code: 50_002,
    },
    { status: 400, tells: 'CUDA out of memory' },
  ),
  reported(
    'FastChat: its engine is overloaded',
    FASTCHAT,
    'busy',
    { object: 'error', message: 'The engine has too much to do.', code: 42_903 },
    { status: 400 },
  ),
  reported(
    'FastChat: the prompt is too long',
    FASTCHAT,
    'theirs',
    { object: 'error', message: 'The maximum context length is 2048 tokens.', code: 40_303 },
    { status: 400, told: 400, same: true },
  ),
  reported(
    'a caller that quotes a crash is not believed',
    'lmstudio-ai/lmstudio-bug-tracker/issues/1050',
    'theirs',
    { error: { message: 'Invalid value: "The model has crashed"', code: 'invalid_value' } },
    { status: 400, told: 400, same: true },
  ),
  reported(
    'LM Studio: the prompt is too long, "Try to load the model"',
    'Gitlawb/openclaude/issues/353',
    'theirs',
    {
      error:
        'The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input.',
    },
    { status: 400, told: 400, same: true },
  ),
  reported(
    'LM Studio: the same in other words',
    'lmstudio-ai/lmstudio-bug-tracker/issues/546',
    'theirs',
    {
      error:
        'Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context length of only 32768 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input',
    },
    { status: 400, told: 400, same: true },
  ),
  reported('llama-swap: a 400 without a word', 'mostlygeek/llama-swap/issues/635', 'theirs', '', {
    status: 400,
    told: 400,
  }),
  reported(
    'LiteLLM: "None" for what it does not know',
    'BerriAI/litellm/pull/39536',
    'theirs',
    { error: { message: 'Invalid model name: x.', type: 'None', param: 'None', code: '400' } },
    { status: 400, told: 400, same: true },
  ),
];

const UNDER_5XX: readonly UpstreamAnswer[] = [
  reported(
    'FastChat: nothing but a number',
    'lm-sys/FastChat/issues/1475',
    'broken',
    { object: 'error', message: '', code: 50_001 },
    { status: 500 },
  ),
  reported(
    'Ollama: the model does not fit',
    'continuedev/continue/issues/12795',
    'broken',
    {
      error: {
        message: 'model requires more system memory (7.5 GiB) than is available (5.2 GiB)',
        type: 'api_error',
      },
    },
    { status: 500, tells: 'more system memory' },
  ),
  reported(
    'Ollama: its runner stopped',
    'continuedev/continue/issues/11241',
    'broken',
    {
      error: {
        message:
          'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details',
        type: 'api_error',
      },
    },
    { status: 500 },
  ),
  reported(
    'llama-swap: llama-server dumped its core',
    'mostlygeek/llama-swap/pull/155',
    'broken',
    'unable to start process: upstream command exited prematurely',
    { status: 502 },
  ),
  reported(
    'llm-d: a kept connection that vLLM has closed',
    'llm-d/llm-d-benchmark/pull/1675',
    'broken',
    '',
    { status: 502 },
  ),
  reported(
    'KoboldCpp: it serves another call',
    'TavernAI/TavernAI-v1/issues/137',
    'busy',
    { detail: { msg: 'Server is busy; please try again later.', type: 'service_unavailable' } },
    { status: 503 },
  ),
  reported(
    'Llama Stack: a redirect with an empty answer',
    'ogx-ai/ogx/issues/2496',
    'broken',
    { id: '', model: '', choices: [], created: 0, object: '' },
    { status: 307 },
  ),
];

/** It is not up, or not yet. */
const NOT_UP: readonly UpstreamAnswer[] = [
  reported(
    'LM Studio: it cannot load the model',
    'continuedev/continue/issues/10150',
    'unready',
    { error: 'Failed to load model "gpt-oss-20b". Error: Error loading model.' },
    { status: 400, tells: 'Failed to load model' },
  ),
  reported(
    'LM Studio: another call has ended the load',
    'charmbracelet/crush/issues/2546',
    'unready',
    { error: { message: 'Failed to load model "qwen3-coder-30b". Error: Operation canceled.' } },
    { status: 400 },
  ),
  reported(
    'Ray Serve: it has no routes yet',
    'ray-project/ray/tree/master/python/ray/serve/_private',
    'unready',
    "Path '/v1/chat/completions' not found. Ping http://.../-/routes for available routes.",
    { status: 404 },
  ),
  reported(
    'llm-d: nothing listens behind the launcher',
    'llm-d-incubation/llm-d-fast-model-actuation/issues/629',
    'cold',
    'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
    { status: 503 },
  ),
  reported(
    'KServe: uvicorn has closed a kept connection',
    'kserve/kserve/issues/5446',
    'cold',
    'upstream connect error or disconnect/reset before headers. reset reason: connection termination',
    { status: 503 },
  ),
];

export const REPORTED_FAULTS = [...UNDER_4XX, ...UNDER_5XX, ...NOT_UP];
