/**
 * The table of words by which others' errors say what they are: in `type`, in `code`, or in their
 * text. A new spelling is a new line. Spellings are compared without case, blanks, dashes and
 * underscores. How an error is found in an answer is in `foreign-error.ts`.
 */

interface ErrorWord {
  readonly word: string;
  /** The HTTP status that the word stands for. */
  readonly status: number;
  /** Who writes it. */
  readonly from: string;
}

const CLIENTS_OWN: readonly ErrorWord[] = [
  { word: 'invalid_request_error', status: 400, from: 'OpenAI, Anthropic, llama.cpp' },
  { word: 'invalid_request', status: 400, from: 'Cohere, Mistral' },
  { word: 'BadRequestError', status: 400, from: 'vLLM, SGLang, LiteLLM' },
  { word: 'BadRequest', status: 400, from: 'SGLang, Azure' },
  { word: 'INVALID_ARGUMENT', status: 400, from: 'Google' },
  { word: 'context_length_exceeded', status: 400, from: 'OpenAI' },
  { word: 'ContextWindowExceededError', status: 400, from: 'LiteLLM' },
  { word: 'exceed_context_size_error', status: 400, from: 'llama.cpp' },
  { word: 'validation', status: 422, from: 'TGI' },
  { word: 'validation_error', status: 422, from: 'FastAPI wrappers' },
  { word: 'UnprocessableEntityError', status: 422, from: 'LiteLLM' },
  { word: 'content_filter', status: 400, from: 'Azure' },
  { word: 'content_policy_violation', status: 400, from: 'OpenAI' },
  { word: 'ContentPolicyViolationError', status: 400, from: 'LiteLLM' },
  { word: 'invalid_prompt', status: 400, from: 'OpenAI, Responses' },
  { word: 'not_found_error', status: 404, from: 'Anthropic, llama.cpp, vLLM, LiteLLM' },
  { word: 'model_not_found', status: 404, from: 'OpenAI' },
  { word: 'request_too_large', status: 413, from: 'Anthropic' },
  { word: 'not_supported_error', status: 501, from: 'llama.cpp' },
  { word: 'DeploymentNotFound', status: 404, from: 'Azure' },
  { word: 'NotImplementedError', status: 501, from: 'vLLM' },
  { word: 'ValidationException', status: 400, from: 'Bedrock' },
  { word: 'unsupported_parameter', status: 400, from: 'OpenAI' },
  { word: 'unsupported_value', status: 400, from: 'OpenAI' },
  { word: 'invalid_value', status: 400, from: 'OpenAI' },
  { word: 'missing_required_parameter', status: 400, from: 'OpenAI' },
  { word: 'string_above_max_length', status: 400, from: 'OpenAI' },
];

const OF_THE_KEY: readonly ErrorWord[] = [
  { word: 'authentication_error', status: 401, from: 'Anthropic, llama.cpp, OpenAI, LiteLLM' },
  { word: 'invalid_api_key', status: 401, from: 'OpenAI' },
  { word: 'UNAUTHENTICATED', status: 401, from: 'Google' },
  { word: 'permission_error', status: 403, from: 'Anthropic, llama.cpp' },
  { word: 'PERMISSION_DENIED', status: 403, from: 'Google' },
  { word: 'PermissionDeniedError', status: 403, from: 'LiteLLM' },
  { word: 'AccessDeniedException', status: 403, from: 'Bedrock' },
  { word: 'billing_error', status: 402, from: 'Anthropic' },
  { word: 'insufficient_balance', status: 402, from: 'DeepSeek, Moonshot' },
  { word: 'insufficient_user_quota', status: 402, from: 'one-api' },
];

const BUSY: readonly ErrorWord[] = [
  { word: 'rate_limit_error', status: 429, from: 'Anthropic, OpenAI, LiteLLM' },
  { word: 'rate_limit_exceeded', status: 429, from: 'OpenAI, Responses' },
  { word: 'too_many_requests', status: 429, from: 'OpenAI-like proxies' },
  { word: 'RESOURCE_EXHAUSTED', status: 429, from: 'Google' },
  { word: 'throttling_error', status: 429, from: 'LiteLLM' },
  { word: 'ThrottlingException', status: 429, from: 'Bedrock' },
  { word: 'insufficient_quota', status: 429, from: 'OpenAI' },
  { word: 'overloaded_error', status: 529, from: 'Anthropic' },
  { word: 'engine_overloaded_error', status: 529, from: 'Moonshot' },
  { word: 'server_overloaded', status: 529, from: 'OpenAI-like hosts' },
  { word: 'overloaded', status: 529, from: 'TGI' },
  { word: 'engine_overloaded', status: 529, from: 'OpenAI-like hosts' },
];

const FAULTS: readonly ErrorWord[] = [
  { word: 'api_error', status: 500, from: 'Anthropic' },
  { word: 'server_error', status: 500, from: 'OpenAI, llama.cpp' },
  { word: 'internal_error', status: 500, from: 'Mistral' },
  { word: 'InternalServerError', status: 500, from: 'vLLM, LiteLLM' },
  { word: 'INTERNAL', status: 500, from: 'Google' },
  { word: 'generation', status: 500, from: 'TGI' },
  { word: 'incomplete_generation', status: 500, from: 'TGI' },
  { word: 'FAILED', status: 500, from: "RunPod's queue" },
  { word: 'CANCELLED', status: 500, from: "RunPod's queue" },
  { word: 'TIMED_OUT', status: 504, from: "RunPod's queue" },
  { word: 'APIConnectionError', status: 502, from: 'LiteLLM' },
  { word: 'unavailable_error', status: 503, from: 'llama.cpp' },
  { word: 'ServiceUnavailableError', status: 503, from: 'LiteLLM, vLLM' },
  { word: 'UNAVAILABLE', status: 503, from: 'Google' },
  { word: 'timeout_error', status: 504, from: 'Anthropic' },
  { word: 'Timeout', status: 504, from: 'LiteLLM' },
  { word: 'InternalServerException', status: 500, from: 'Bedrock' },
  { word: 'ModelStreamErrorException', status: 500, from: 'Bedrock' },
  { word: 'ServiceUnavailableException', status: 503, from: 'Bedrock' },
  { word: 'upstream_error', status: 502, from: 'OpenRouter, one-api' },
  { word: 'DEADLINE_EXCEEDED', status: 504, from: 'Google' },
];

export const ERROR_WORDS: readonly ErrorWord[] = [
  ...CLIENTS_OWN,
  ...OF_THE_KEY,
  ...BUSY,
  ...FAULTS,
];

const STATUSES = new Map(ERROR_WORDS.map(({ word, status }) => [plain(word), status]));

/** The HTTP status that a word of an error stands for; undefined for an unknown one. */
export function statusOfWord(word: string): number | undefined {
  return word.length > 100 ? undefined : STATUSES.get(plain(word));
}

/**
 * Words in the text of a 403 that refuse one prompt: OpenRouter ("your input was flagged"), Azure
 * (`ResponsibleAIPolicyViolation`), OpenAI (`content_policy_violation`), guardrails of proxies.
 */
const FLAGGED =
  /\bflagged\b|\bmoderation\b|content[ _-]?(?:filter|policy|management)|responsible_?ai|guardrail|safety[ _-](?:system|filter|policy|settings)|\bpolicy violation\b|prohibited[ _-]content/i;

interface RefusedPart {
  readonly text: RegExp;
  /** Who writes it. */
  readonly from: string;
}

/**
 * Texts of a 5xx that find fault with the request, which no endpoint of the kind would serve: engines
 * throw them while they read it.
 */
export const WRONG_REQUESTS: readonly RefusedPart[] = [
  {
    text: /\bfailed to parse (?:tools?|tool_choice|messages?|input|prompt|response_format|json_schema|grammar)\b/i,
    from: 'llama.cpp; Mesh-LLM with 502',
  },
  { text: /^(?:unsupported param|invalid tool_choice)\b/i, from: 'llama.cpp' },
  { text: /^tools param requires\b/i, from: 'llama.cpp without --jinja, llamafile' },
  { text: /^cannot use (?:both|tools|custom grammar)\b/i, from: 'llama.cpp' },
  { text: /^json schema conversion failed\b/i, from: 'llama.cpp before December 2025' },
  {
    text: /\bjinja exception\b|^unable to generate parser for this template\b/i,
    from: 'llama.cpp',
  },
  {
    text: /\b(?:does|do) not support (?:tools|tool use|images?|thinking)\b/i,
    from: 'Ollama and proxies',
  },
  {
    text: /\b(?:maximum|exceeds?|exceeded)\b.{0,40}\bcontext (?:length|size|window)\b/i,
    from: 'Ollama with embeddings; Xinference and proxies of vLLM with 500',
  },
  { text: /\bunsupported response_format\b|\binvalid json schema\b/i, from: 'Ollama, LiteLLM' },
];

/** True for the message of an error with which an engine finds fault with the request. */
export function blamesRequest(message: string): boolean {
  const beginning = message.trimStart().slice(0, SEARCHED_CHARS);
  return WRONG_REQUESTS.some(({ text }) => text.test(beginning));
}

/** Most characters of an answer that are searched. */
const SEARCHED_CHARS = 4_096;

/** True for a refusal of what the caller wrote, which says nothing about the endpoint. */
export function isFlagged(text: string): boolean {
  return FLAGGED.test(text.slice(0, SEARCHED_CHARS));
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[\s_-]/g, '');
}
