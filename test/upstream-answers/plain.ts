/** Plain answers under a status of success as real systems write them, and how each counts. */
import type { UpstreamAnswer } from './judged-answer.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown) => JSON.stringify(value);

const message = { role: 'assistant', content: 'Hello.' };
const choice = { index: 0, message, logprobs: null, finish_reason: 'stop' };
const usage = { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 };
const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [choice],
  usage,
};
/** A vector as engines write it: longer than what is kept of an answer's end. */
const vector = Array.from({ length: 2_048 }, (_, i) => (i - 1_000) / 7_919);

export const PLAIN: readonly UpstreamAnswer[] = [
  // Answers.
  {
    who: 'OpenAI',
    headers: JSON_TYPE,
    body: json(completion),
    is: 'ok',
    same: true,
    usage: { inputTokens: 20, outputTokens: 5 },
  },
  {
    who: 'one-api: an error in which nothing is said beside the answer',
    headers: JSON_TYPE,
    body: json({ ...completion, error: { message: '', type: '', param: '', code: null } }),
    is: 'ok',
    same: true,
    usage: { outputTokens: 5 },
  },
  ...[null, '', {}, [], false].map(
    (error): UpstreamAnswer => ({
      who: `a proxy: "error":${json(error)} beside the answer`,
      headers: JSON_TYPE,
      body: json({ error, ...completion }),
      is: 'ok',
      same: true,
    }),
  ),
  {
    who: 'Gemini: thinking is in the sum only',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      usage: { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
    }),
    is: 'ok',
    usage: { inputTokens: 20, outputTokens: 603 },
  },
  {
    who: 'a proxy of Gemini: thinking beside the output, and in the sum',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      usage: {
        completion_tokens: 0,
        total_tokens: 81,
        prompt_tokens: 21,
        completion_tokens_details: { reasoning_tokens: 60 },
      },
    }),
    is: 'ok',
    usage: { inputTokens: 21, outputTokens: 60 },
  },
  {
    who: 'OpenAI: thinking is a part of the output',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      usage: { ...usage, completion_tokens_details: { reasoning_tokens: 4 } },
    }),
    is: 'ok',
    usage: { outputTokens: 5 },
  },
  {
    who: 'Bedrock by a proxy: the sum has what a cache wrote and read',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      usage: {
        prompt_tokens: 20,
        completion_tokens: 5,
        total_tokens: 1_125,
        cache_read_input_tokens: 1_000,
        cache_creation_input_tokens: 100,
      },
    }),
    is: 'ok',
    usage: { inputTokens: 1_120, cachedTokens: 1_000, outputTokens: 5 },
  },
  {
    who: 'Mistral: its content is a list with thinking in it',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      choices: [
        {
          ...choice,
          message: {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] },
              { type: 'text', text: 'Hello.' },
            ],
          },
        },
      ],
    }),
    is: 'ok',
    same: true,
  },
  {
    who: 'llama.cpp: usage stands before vectors',
    headers: JSON_TYPE,
    body: json({
      model: 'm',
      object: 'list',
      usage: { prompt_tokens: 4_090, total_tokens: 4_090 },
      data: [{ embedding: vector, index: 0, object: 'embedding' }],
    }),
    is: 'ok',
    same: true,
    usage: { inputTokens: 4_090, outputTokens: 0 },
  },
  {
    who: 'vLLM: usage stands after vectors',
    headers: JSON_TYPE,
    body: json({
      id: 'embd-1',
      object: 'list',
      created: 1,
      model: 'm',
      data: [{ index: 0, object: 'embedding', embedding: vector }],
      usage: { prompt_tokens: 4_090, total_tokens: 4_090, completion_tokens: 0 },
    }),
    is: 'ok',
    usage: { inputTokens: 4_090, outputTokens: 0 },
  },
  {
    who: 'llama.cpp: ranks, with usage before them',
    headers: JSON_TYPE,
    body: json({
      model: 'm',
      object: 'list',
      usage: { prompt_tokens: 900, total_tokens: 900 },
      results: Array.from({ length: 900 }, (_, index) => ({ index, relevance_score: index / 7 })),
    }),
    is: 'ok',
    usage: { inputTokens: 900 },
  },
  {
    who: 'a web server in Python: "utf-8" as a content coding',
    headers: { ...JSON_TYPE, 'content-encoding': 'utf-8' },
    body: json(completion),
    is: 'ok',
    usage: { inputTokens: 20, outputTokens: 5 },
  },
  {
    who: 'DeepSeek: empty lines while it thinks',
    headers: JSON_TYPE,
    body: `\n\n\n\n${json(completion)}`,
    is: 'ok',
    same: true,
    usage: { outputTokens: 5 },
  },
  {
    who: 'Portkey: its guardrail would have refused the answer',
    status: 246,
    headers: JSON_TYPE,
    body: json(completion),
    is: 'ok',
    told: 246,
    same: true,
  },
  {
    who: 'NVIDIA: accepted, to be asked for later',
    status: 202,
    headers: { 'nvcf-reqid': 'a-b', 'nvcf-status': 'pending-evaluation' },
    body: '',
    is: 'ok',
    told: 202,
  },
  {
    who: 'Ollama: lines of JSON',
    streams: true,
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":26,"eval_count":2}\n',
    is: 'ok',
    same: true,
  },
  {
    who: 'Gemini: a list in place of a stream',
    streams: true,
    headers: JSON_TYPE,
    body: '[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}\n,\n{"candidates":[{"finishReason":"STOP"}]}\n]',
    is: 'ok',
    same: true,
  },
  {
    who: 'a speech API: bytes that are no text',
    format: 'opaque',
    headers: { 'content-type': 'audio/mpeg' },
    body: Uint8Array.of(0xff, 0xfb, 0x90, 0x00, 0x3c, 0x68, 0x74, 0x6d, 0x6c),
    is: 'ok',
    same: true,
  },
  {
    who: 'a tool that answers with a page',
    isTool: true,
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><title>It works</title>',
    is: 'ok',
    same: true,
  },
  {
    who: 'an opaque API with nothing to say',
    format: 'opaque',
    headers: { 'content-length': '0' },
    body: '',
    is: 'ok',
  },
  {
    who: 'Responses: cut off by its limit',
    format: 'responses',
    headers: JSON_TYPE,
    body: json({
      id: 'resp_1',
      object: 'response',
      status: 'incomplete',
      error: null,
      incomplete_details: { reason: 'max_output_tokens' },
      output: [],
      usage: { input_tokens: 20, output_tokens: 5, total_tokens: 25 },
    }),
    is: 'ok',
    same: true,
    usage: { inputTokens: 20, outputTokens: 5 },
  },
  {
    who: 'Anthropic: a server tool and a pause',
    format: 'messages',
    headers: JSON_TYPE,
    body: json({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } },
        {
          type: 'web_search_tool_result',
          tool_use_id: 'srvtoolu_1',
          content: { type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' },
        },
      ],
      stop_reason: 'pause_turn',
      stop_sequence: null,
      usage: {
        input_tokens: 20,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 100,
        output_tokens: 5,
        server_tool_use: { web_search_requests: 1 },
      },
    }),
    is: 'ok',
    same: true,
    usage: { inputTokens: 120, cachedTokens: 100, outputTokens: 5 },
  },

  // Faults under a success.
  {
    who: 'OpenRouter: a limit of what stands behind it',
    headers: JSON_TYPE,
    body: json({
      error: { message: 'Rate limit exceeded', code: 429, metadata: {} },
      user_id: 'u',
    }),
    is: 'busy',
  },
  {
    who: 'OpenRouter: blanks first, then the fault',
    headers: JSON_TYPE,
    body: `\n         \n\n         \n${json({ error: { message: 'Provider returned error', code: 502 } })}`,
    is: 'broken',
    tells: 'Provider returned error',
  },
  {
    who: 'vLLM, older: the request is wrong',
    headers: JSON_TYPE,
    body: json({
      object: 'error',
      message: "This model's maximum context length is 4096 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    }),
    is: 'theirs',
    told: 400,
    tells: 'maximum context length',
  },
  {
    who: 'RunPod: the job failed',
    headers: JSON_TYPE,
    body: json({ id: 'a', status: 'FAILED', error: 'CUDA out of memory' }),
    is: 'broken',
  },
  {
    who: "Cloudflare's Workers AI: no capacity",
    headers: JSON_TYPE,
    body: json({
      result: null,
      success: false,
      errors: [{ code: 3040, message: 'Capacity temporarily exceeded, please try again.' }],
      messages: [],
    }),
    is: 'busy',
  },
  {
    who: 'MiniMax: a limit',
    headers: JSON_TYPE,
    body: json({ choices: null, base_resp: { status_code: 1002, status_msg: 'rate limit' } }),
    is: 'busy',
  },
  {
    who: 'SiliconFlow: too busy, with its own numbers',
    headers: JSON_TYPE,
    body: json({
      code: 50_603,
      message: 'System is really busy. Please try again later.',
      data: null,
    }),
    is: 'busy',
  },
  {
    who: 'vLLM: it aborts what it had begun',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      choices: [{ ...choice, message: { role: 'assistant', content: '' }, finish_reason: 'abort' }],
    }),
    is: 'broken',
  },
  {
    who: 'DeepSeek: it runs out of resources',
    headers: JSON_TYPE,
    body: json({
      ...completion,
      choices: [
        {
          ...choice,
          message: { role: 'assistant', content: '' },
          finish_reason: 'insufficient_system_resource',
        },
      ],
    }),
    is: 'broken',
  },
  {
    who: 'LiteLLM: null',
    headers: JSON_TYPE,
    body: 'null',
    is: 'broken',
  },
  {
    who: '9router: nothing at all',
    headers: JSON_TYPE,
    body: '',
    is: 'broken',
  },
  {
    who: 'a proxy: blanks and no more',
    headers: JSON_TYPE,
    body: '\n \n \n',
    is: 'broken',
  },
  {
    who: 'a proxy: no content',
    status: 204,
    body: '',
    is: 'broken',
  },
  {
    who: 'a portal that asks to sign in',
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!DOCTYPE html>\n<html><head><title>Sign in - Company</title></head><body></body></html>',
    is: 'broken',
    tells: 'Sign in - Company',
  },
  {
    who: 'the same, called by /v1/messages for a stream',
    format: 'messages',
    streams: true,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!DOCTYPE html>\n<html><head><title>Sign in - Company</title></head><body></body></html>',
    is: 'broken',
    tells: 'Sign in - Company',
  },
  {
    who: 'the same under the type of a stream',
    streams: true,
    headers: { 'content-type': 'text/event-stream' },
    body: '<html>\n<head><title>502 Bad Gateway</title></head>\n<body></body></html>\n',
    is: 'broken',
    tells: '502 Bad Gateway',
  },
  {
    who: 'Responses: it failed',
    format: 'responses',
    headers: JSON_TYPE,
    body: json({
      id: 'resp_1',
      object: 'response',
      status: 'failed',
      error: { code: 'server_error', message: 'The model failed.' },
      output: [],
    }),
    is: 'broken',
  },
  {
    who: 'an answer that is cut off',
    headers: JSON_TYPE,
    body: json(completion).slice(0, 120),
    ends: 'reset',
    is: 'broken',
  },
];
