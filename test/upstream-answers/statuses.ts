/** Answers without success as engines, platforms and proxies write them, and how each counts. */
import type { UpstreamAnswer } from './judged-answer.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const HTML_TYPE = { 'content-type': 'text/html; charset=UTF-8' };

/** A page as nginx and its descendants write it. */
const page = (title: string, by = 'nginx') =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>${by}</center>\r\n</body>\r\n</html>\r\n`;

const json = (value: unknown) => JSON.stringify(value);
const error = (value: unknown) => json({ error: value });

export const STATUSES: readonly UpstreamAnswer[] = [
  // The request is wrong: the client's own, as it came.
  {
    who: 'vLLM: a prompt that is too long',
    status: 400,
    headers: JSON_TYPE,
    body: error({
      message:
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    }),
    is: 'theirs',
    told: 400,
    same: true,
  },
  {
    who: 'vLLM before 0.10: the same, without a key around it',
    status: 400,
    headers: JSON_TYPE,
    body: json({
      object: 'error',
      message: "This model's maximum context length is 4096 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    }),
    is: 'theirs',
    same: true,
  },
  {
    who: 'SGLang: the same',
    status: 400,
    headers: JSON_TYPE,
    body: json({
      object: 'error',
      message: "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
      type: 'BadRequestError',
      param: null,
      code: 400,
    }),
    is: 'theirs',
  },
  {
    who: 'TGI: a validation error',
    status: 422,
    headers: JSON_TYPE,
    body: json({
      error: 'Input validation error: `inputs` must have less than 1024 tokens. Given: 5000',
      error_type: 'validation',
    }),
    is: 'theirs',
    told: 422,
    same: true,
  },
  {
    who: 'Mistral: a validation error whose message is an object',
    status: 422,
    headers: JSON_TYPE,
    body: json({
      object: 'error',
      message: {
        detail: [{ type: 'missing', loc: ['body', 'messages'], msg: 'Field required', input: {} }],
      },
      type: 'invalid_request_error',
      param: null,
      code: null,
      raw_status_code: 422,
    }),
    is: 'theirs',
    same: true,
  },
  {
    who: 'Mistral, called by /v1/messages: its words stay',
    status: 422,
    headers: JSON_TYPE,
    format: 'messages',
    body: json({
      object: 'error',
      message: {
        detail: [{ type: 'missing', loc: ['body', 'messages'], msg: 'Field required', input: {} }],
      },
      type: 'invalid_request_error',
    }),
    is: 'theirs',
    told: 422,
    tells: 'Field required',
  },
  {
    who: 'nginx: the body is too large',
    status: 413,
    headers: HTML_TYPE,
    body: page('413 Request Entity Too Large'),
    is: 'theirs',
    same: true,
  },
  {
    who: 'Groq: more tokens than the account may send in a minute',
    status: 413,
    headers: JSON_TYPE,
    body: error({
      message:
        'Request too large for model `llama-3.3-70b-versatile` on tokens per minute (TPM): Limit 6000, Requested 9000.',
      type: 'tokens',
      code: 'rate_limit_exceeded',
    }),
    is: 'theirs',
    told: 413,
  },
  {
    who: 'Portkey: a guardrail refuses the prompt',
    status: 446,
    headers: JSON_TYPE,
    body: error({
      message: 'The guardrail checks defined in the config failed.',
      type: 'hooks_failed',
      param: null,
      code: null,
    }),
    is: 'theirs',
    same: true,
  },
  {
    who: 'Azure: its filter refuses the prompt',
    status: 400,
    headers: JSON_TYPE,
    body: error({
      message:
        "The response was filtered due to the prompt triggering Azure OpenAI's content policy.",
      type: null,
      param: 'prompt',
      code: 'content_filter',
      status: 400,
      innererror: { code: 'ResponsibleAIPolicyViolation' },
    }),
    is: 'theirs',
  },
  {
    who: 'OpenRouter: moderation',
    status: 403,
    headers: JSON_TYPE,
    body: error({
      message: 'openai/gpt-4o requires moderation. Your input was flagged for "violence".',
      code: 403,
      metadata: { reasons: ['violence'], flagged_input: 'x' },
    }),
    is: 'theirs',
  },
  {
    who: 'llama.cpp: what no endpoint can do',
    status: 501,
    headers: JSON_TYPE,
    body: error({
      code: 501,
      message: 'This server does not support embeddings. Start it with `--embeddings`',
      type: 'not_supported_error',
    }),
    is: 'theirs',
    told: 501,
  },
  {
    who: 'llama.cpp: a schema that it cannot read, thrown as a 500',
    status: 500,
    headers: JSON_TYPE,
    body: error({ code: 500, message: 'failed to parse grammar', type: 'server_error' }),
    is: 'theirs',
    told: 400,
  },
  {
    who: 'OpenAI: a conflict',
    status: 409,
    headers: JSON_TYPE,
    body: error({ message: 'The resource was updated by another request.', type: 'conflict' }),
    is: 'theirs',
    told: 409,
  },

  // The endpoint's own key, or its account.
  {
    who: 'OpenAI: a wrong key',
    status: 401,
    headers: JSON_TYPE,
    body: error({
      message: 'Incorrect API key provided: sk-abc.',
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_api_key',
    }),
    is: 'broken',
  },
  {
    who: 'Gemini: a wrong key, with 400',
    status: 400,
    headers: JSON_TYPE,
    body: json([
      {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
          ],
        },
      },
    ]),
    is: 'broken',
  },
  {
    who: 'Gemini: an expired key, with 400',
    status: 400,
    headers: JSON_TYPE,
    body: error({
      code: 400,
      message: 'API key expired. Please renew the API key.',
      status: 'INVALID_ARGUMENT',
    }),
    is: 'broken',
  },
  {
    who: 'xAI: a wrong key, with 400',
    status: 400,
    headers: JSON_TYPE,
    body: json({
      code: 'Client specified an invalid argument',
      error:
        'Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.',
    }),
    is: 'broken',
  },
  {
    who: 'Anthropic: an empty account, with 400',
    status: 400,
    headers: JSON_TYPE,
    format: 'messages',
    body: json({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.',
      },
    }),
    is: 'broken',
  },
  {
    who: 'LiteLLM: the budget of its key is spent, with 400',
    status: 400,
    headers: JSON_TYPE,
    body: error({
      message: 'Budget has been exceeded! Current cost: 0.1, Max budget: 0.05',
      type: 'budget_exceeded',
      param: null,
      code: '400',
    }),
    is: 'broken',
  },
  {
    who: 'xAI: a wrong argument, in the same form',
    status: 400,
    headers: JSON_TYPE,
    body: json({
      code: 'Client specified an invalid argument',
      error: 'Argument not supported on this model: presencePenalty',
    }),
    is: 'theirs',
  },
  {
    who: 'a client that quotes such words is not believed',
    status: 400,
    headers: JSON_TYPE,
    body: error({
      message: 'Invalid value for "user": "API key not valid. Please pass a valid API key."',
      type: 'invalid_request_error',
    }),
    is: 'theirs',
  },
  {
    who: 'DeepSeek: an empty account',
    status: 402,
    headers: JSON_TYPE,
    body: error({
      message: 'Insufficient Balance',
      type: 'unknown_error',
      code: 'invalid_request_error',
    }),
    is: 'broken',
  },
  {
    who: 'Cloudflare: its firewall refuses the caller',
    status: 403,
    headers: HTML_TYPE,
    body: '<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>',
    is: 'forbidden',
  },

  // Busy.
  {
    who: 'OpenAI: a rate limit, with a pause in seconds and in ms',
    status: 429,
    headers: { ...JSON_TYPE, 'retry-after': '2', 'retry-after-ms': '1500' },
    body: error({ message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' }),
    is: 'busy',
    retryAfterMs: 1_500,
  },
  {
    who: 'a pause as a date, by the clock of its server',
    status: 429,
    headers: {
      ...JSON_TYPE,
      date: 'Fri, 27 Nov 2015 00:00:00 GMT',
      'retry-after': 'Fri, 27 Nov 2015 00:00:07 GMT',
    },
    body: '{}',
    is: 'busy',
    retryAfterMs: 7_000,
  },
  {
    who: 'a pause with a fraction',
    status: 429,
    headers: { 'retry-after': '0.25' },
    body: '',
    is: 'busy',
    retryAfterMs: 250,
  },
  {
    who: 'GitHub Models: the pause in words',
    status: 429,
    headers: JSON_TYPE,
    body: error({
      code: 'RateLimitReached',
      message:
        'Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 38 seconds before retrying.',
    }),
    is: 'busy',
    retryAfterMs: 38_000,
  },
  {
    who: 'Gemini: a quota, with a RetryInfo',
    status: 429,
    headers: JSON_TYPE,
    body: json([
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota. Please retry in 34.074824224s.',
          status: 'RESOURCE_EXHAUSTED',
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }],
        },
      },
    ]),
    is: 'busy',
    retryAfterMs: 34_000,
  },
  {
    who: 'Anthropic: overloaded',
    status: 529,
    headers: JSON_TYPE,
    body: json({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    format: 'messages',
    is: 'busy',
  },
  {
    who: 'SGLang: its queue is full',
    status: 503,
    headers: JSON_TYPE,
    body: json({
      object: 'error',
      message: 'The request queue is full.',
      type: '503',
      code: 503,
    }),
    is: 'busy',
  },
  {
    who: 'Ollama: its queue is full',
    status: 503,
    headers: JSON_TYPE,
    body: error({ message: 'server busy, please try again.  maximum pending requests exceeded' }),
    is: 'busy',
  },
  {
    who: 'Triton: its queue is full',
    status: 503,
    headers: JSON_TYPE,
    body: json({ error: 'Exceeds maximum queue size' }),
    is: 'busy',
  },
  {
    who: 'Ray Serve: back pressure',
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: 'Request dropped due to backpressure (num_queued_requests=10, max_queued_requests=10).',
    is: 'busy',
  },
  {
    who: 'Gemini: high demand',
    status: 503,
    headers: JSON_TYPE,
    body: json([
      {
        error: {
          code: 503,
          message:
            'This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.',
          status: 'UNAVAILABLE',
        },
      },
    ]),
    is: 'busy',
  },
  {
    who: 'xAI: at capacity',
    status: 503,
    headers: JSON_TYPE,
    body: json({
      code: 'The service is currently unavailable',
      error:
        'Service temporarily unavailable. The model is at capacity and currently cannot serve this request. Please try again later.',
    }),
    is: 'busy',
  },
  {
    who: 'OpenAI: slow down',
    status: 503,
    headers: JSON_TYPE,
    body: error({ message: 'Slow down', type: 'server_error', code: 'slow_down' }),
    is: 'busy',
  },
  {
    who: 'OpenAI: its servers are overloaded, by the code',
    status: 503,
    headers: JSON_TYPE,
    body: error({
      type: 'service_unavailable_error',
      code: 'server_is_overloaded',
      message: 'Our servers are currently overloaded. Please try again later.',
      param: null,
    }),
    is: 'busy',
  },
  {
    who: 'Envoy: its circuit breaker is full',
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: 'upstream connect error or disconnect/reset before headers. reset reason: overflow',
    is: 'busy',
  },
  {
    who: 'OpenAI: overloaded, with 500',
    status: 500,
    headers: JSON_TYPE,
    body: error({
      message:
        'That model is currently overloaded with other requests. You can retry your request, or contact us.',
      type: 'server_error',
      param: null,
      code: null,
    }),
    is: 'busy',
  },
  {
    who: 'LiteLLM: overload of what stands behind it, with 500',
    status: 500,
    headers: JSON_TYPE,
    body: error({
      message:
        'litellm.InternalServerError: AnthropicException - {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}. Received Model Group=claude',
      type: null,
      param: null,
      code: '500',
    }),
    is: 'busy',
  },
  {
    who: 'OpenRouter: what stands behind it is limited, with 502',
    status: 502,
    headers: JSON_TYPE,
    body: error({
      message: 'Provider returned error',
      code: 502,
      metadata: {
        raw: 'Worker local total request limit reached (33/32)',
        provider_name: 'Nvidia',
      },
    }),
    is: 'broken',
  },
  {
    who: 'SiliconFlow: too busy, with its own numbers',
    status: 503,
    headers: JSON_TYPE,
    body: json({
      code: 50_505,
      message: 'Model service overloaded. Please try again later.',
      data: null,
    }),
    is: 'busy',
  },

  // Not up.
  {
    who: 'llama.cpp: loading',
    status: 503,
    headers: JSON_TYPE,
    body: error({ message: 'Loading model', type: 'unavailable_error', code: 503 }),
    is: 'cold',
  },
  {
    who: 'Envoy: no host is healthy',
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: 'no healthy upstream',
    is: 'cold',
  },
  {
    who: 'Envoy: nothing listens',
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused',
    is: 'cold',
  },
  {
    who: 'Fireworks: it scales up',
    status: 503,
    headers: JSON_TYPE,
    body: error({
      message:
        'Deployment is currently scaled to zero and is scaling up. Please retry in a few minutes.',
      code: 'DEPLOYMENT_SCALING_UP',
      type: 'error',
    }),
    is: 'cold',
  },
  {
    who: 'Cloudflare: the origin takes no connections',
    status: 521,
    headers: HTML_TYPE,
    body: '<!DOCTYPE html><title>example.com | 521: Web server is down</title>',
    is: 'cold',
  },
  {
    who: 'Cloudflare: the tunnel is not connected',
    status: 530,
    headers: HTML_TYPE,
    body: '<!doctype html><title>Cloudflare Tunnel error | example.com | Cloudflare</title>',
    is: 'cold',
  },
  {
    who: 'ngrok: the machine behind it is off',
    status: 404,
    headers: { ...HTML_TYPE, 'ngrok-error-code': 'ERR_NGROK_3200' },
    body: 'The endpoint abcd-1-2-3.ngrok-free.app is offline.\r\n\r\nERR_NGROK_3200\r\n',
    is: 'unready',
  },
  {
    who: 'LM Studio: nothing is loaded',
    status: 404,
    headers: JSON_TYPE,
    body: error({
      message:
        "No models loaded. Please load a model in the developer page or use the 'lms load' command.",
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    }),
    is: 'unready',
  },
  {
    who: 'LM Studio, older: the same as a text',
    status: 400,
    headers: JSON_TYPE,
    body: json({
      error:
        'No models loaded. Please load a model in the developer page or use the `lms load` command.',
    }),
    is: 'unready',
  },
  {
    who: 'tabbyAPI: nothing is loaded',
    status: 400,
    headers: JSON_TYPE,
    body: json({ detail: 'No models are currently loaded.' }),
    is: 'unready',
  },
  {
    who: 'Ollama: a model that it does not have',
    status: 404,
    headers: JSON_TYPE,
    body: error({ message: 'model "x" not found, try pulling it first', type: 'not_found_error' }),
    is: 'unready',
    tells: 'try pulling it first',
  },
  {
    who: 'ingress-nginx: no route yet',
    status: 404,
    headers: { 'content-type': 'text/plain' },
    body: 'default backend - 404',
    is: 'unready',
  },
  {
    who: 'Azure Container Apps: it is stopped',
    status: 404,
    headers: HTML_TYPE,
    body: '<html><head><title>Error 404 - This Container App is stopped or does not exist.</title></head></html>',
    is: 'unready',
  },
  {
    who: 'Hugging Face: paused',
    status: 400,
    headers: JSON_TYPE,
    kind: 'hf',
    body: json({ error: 'Bad Request: The endpoint is paused, ask a maintainer to restart it' }),
    is: 'unready',
  },
  {
    who: 'Modal: the call goes on elsewhere, and the place is another one',
    status: 303,
    headers: { location: 'https://elsewhere.test/x' },
    body: '',
    kind: 'modal',
    is: 'cold',
  },

  // It failed.
  {
    who: 'vLLM: its engine died',
    status: 500,
    headers: JSON_TYPE,
    body: error({
      message: 'EngineCore encountered an issue. See stack trace (above) for the root cause.',
      type: 'InternalServerError',
      param: null,
      code: 500,
    }),
    is: 'broken',
  },
  {
    who: 'TGI: the generation failed',
    status: 424,
    headers: JSON_TYPE,
    body: json({
      error:
        'Request failed during generation: Server error: CUDA out of memory. Tried to allocate 2 GiB',
      error_type: 'generation',
    }),
    is: 'broken',
  },
  {
    who: 'Azure ML: the container answered 500',
    status: 424,
    headers: { ...JSON_TYPE, 'ms-azureml-model-error-statuscode': '500' },
    body: error({
      message: 'EngineCore encountered an issue.',
      type: 'InternalServerError',
      code: 500,
    }),
    is: 'broken',
  },
  {
    who: 'Azure ML: the container answered 400',
    status: 424,
    headers: { ...JSON_TYPE, 'ms-azureml-model-error-statuscode': '400' },
    body: error({ message: 'max_tokens must be at least 1', type: 'BadRequestError', code: 400 }),
    is: 'theirs',
  },
  {
    who: 'Gemini: it gave the call up by itself',
    status: 499,
    headers: JSON_TYPE,
    body: json([
      { error: { code: 499, message: 'The operation was cancelled.', status: 'CANCELLED' } },
    ]),
    is: 'broken',
  },
  {
    who: 'HAProxy: it gives up the connection',
    status: 408,
    headers: HTML_TYPE,
    body: "<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>",
    is: 'broken',
  },
  {
    who: 'nginx: nothing answers behind it',
    status: 502,
    headers: HTML_TYPE,
    body: page('502 Bad Gateway'),
    is: 'broken',
    tells: '502 Bad Gateway',
  },
  {
    who: 'nginx: it waits no longer',
    status: 504,
    headers: HTML_TYPE,
    body: page('504 Gateway Time-out'),
    is: 'broken',
  },
  {
    who: 'nginx in front of /v1/messages',
    status: 502,
    headers: HTML_TYPE,
    format: 'messages',
    body: page('502 Bad Gateway'),
    is: 'broken',
    tells: '502 Bad Gateway',
  },
  ...[520, 522, 524, 525, 526].map(
    (status): UpstreamAnswer => ({
      who: `Cloudflare: ${status}`,
      status,
      headers: HTML_TYPE,
      body: `<!DOCTYPE html><title>example.com | ${status}: it failed</title>`,
      is: 'broken',
    }),
  ),
  {
    who: 'a proxy that sends clients to https',
    status: 308,
    headers: { location: 'https://endpoint.test/v1/x' },
    body: '',
    is: 'broken',
  },
  {
    who: 'Ollama: its runner died',
    status: 500,
    headers: JSON_TYPE,
    body: error({
      message: 'llama runner process has terminated: exit status 2',
      type: 'api_error',
    }),
    is: 'broken',
  },
  {
    who: 'a tool that refuses its caller',
    status: 404,
    isTool: true,
    headers: JSON_TYPE,
    body: json({ error: 'no such document' }),
    is: 'theirs',
    same: true,
  },
];
