/**
 * The table of words by which others' errors say what they are: in `type`, in `code`, or in their
 * text. A new spelling is a new line, with who writes it behind it. Spellings are compared without
 * case, blanks, dashes and underscores. How an error is found in an answer is in `foreign-error.ts`,
 * whose fault it is against its status in `blame-words.ts`.
 */

/** The HTTP status that each word stands for. */
export const ERROR_WORDS: Readonly<Record<string, number>> = {
  // The request is wrong.
  invalid_request_error: 400, // OpenAI, Anthropic, llama.cpp
  invalid_request: 400, // Cohere, Mistral
  BadRequestError: 400, // vLLM, SGLang, LiteLLM
  BadRequest: 400, // SGLang, Azure
  INVALID_ARGUMENT: 400, // Google
  context_length_exceeded: 400, // OpenAI
  ContextWindowExceededError: 400, // LiteLLM
  exceed_context_size_error: 400, // llama.cpp
  validation: 422, // TGI
  validation_error: 422, // FastAPI wrappers
  UnprocessableEntityError: 422, // LiteLLM
  content_filter: 400, // Azure
  content_policy_violation: 400, // OpenAI
  ContentPolicyViolationError: 400, // LiteLLM
  invalid_prompt: 400, // OpenAI, Responses
  data_inspection_failed: 400, // DashScope: its filter
  not_found_error: 404, // Anthropic, llama.cpp, vLLM, LiteLLM
  model_not_found: 404, // OpenAI
  request_too_large: 413, // Anthropic
  not_supported_error: 501, // llama.cpp
  DeploymentNotFound: 404, // Azure
  NotImplementedError: 501, // vLLM
  ValidationException: 400, // Bedrock
  unsupported_parameter: 400, // OpenAI
  unsupported_value: 400, // OpenAI
  invalid_value: 400, // OpenAI
  missing_required_parameter: 400, // OpenAI
  string_above_max_length: 400, // OpenAI
  // The key is.
  authentication_error: 401, // Anthropic, llama.cpp, OpenAI, LiteLLM
  invalid_api_key: 401, // OpenAI
  UNAUTHENTICATED: 401, // Google
  permission_error: 403, // Anthropic, llama.cpp
  PERMISSION_DENIED: 403, // Google
  PermissionDeniedError: 403, // LiteLLM
  AccessDeniedException: 403, // Bedrock
  billing_error: 402, // Anthropic
  insufficient_balance: 402, // DeepSeek, Moonshot
  insufficient_user_quota: 402, // one-api
  insufficient_quota: 402, // OpenAI, with 429
  billing_hard_limit_reached: 402, // OpenAI, with 400
  billing_not_active: 402, // OpenAI, with 429
  exceeded_current_quota_error: 402, // Moonshot, with 429
  Arrearage: 402, // DashScope, with 400
  AccountOverdueError: 402, // Volcengine, with 403
  budget_exceeded: 402, // LiteLLM, with 400 and 429
  // The endpoint is busy.
  rate_limit_error: 429, // Anthropic, OpenAI, LiteLLM
  rate_limit_exceeded: 429, // OpenAI, Responses
  too_many_requests: 429, // OpenAI-like proxies
  capacity_exceeded: 429, // Groq: its flex tier
  limit_requests: 429, // DashScope
  rate_limit_reached_error: 429, // Moonshot
  RESOURCE_EXHAUSTED: 429, // Google
  throttling_error: 429, // LiteLLM
  ThrottlingException: 429, // Bedrock
  overloaded_error: 529, // Anthropic
  engine_overloaded_error: 529, // Moonshot
  server_overloaded: 529, // OpenAI-like hosts
  overloaded: 529, // TGI
  engine_overloaded: 529, // OpenAI-like hosts
  server_is_overloaded: 529, // OpenAI, Responses
  slow_down: 529, // OpenAI, Responses
  // It failed.
  api_error: 500, // Anthropic
  server_error: 500, // OpenAI, llama.cpp
  internal_error: 500, // Mistral
  InternalServerError: 500, // vLLM, LiteLLM
  INTERNAL: 500, // Google
  generation: 500, // TGI
  incomplete_generation: 500, // TGI
  FAILED: 500, // RunPod's queue
  CANCELLED: 500, // RunPod's queue
  TIMED_OUT: 504, // RunPod's queue
  APIConnectionError: 502, // LiteLLM
  unavailable_error: 503, // llama.cpp
  ServiceUnavailableError: 503, // LiteLLM, vLLM, OpenAI
  UNAVAILABLE: 503, // Google
  timeout_error: 504, // Anthropic
  Timeout: 504, // LiteLLM
  InternalServerException: 500, // Bedrock
  ModelStreamErrorException: 500, // Bedrock
  ServiceUnavailableException: 503, // Bedrock
  upstream_error: 502, // OpenRouter, one-api
  DEADLINE_EXCEEDED: 504, // Google
};

const STATUSES = new Map(
  Object.entries(ERROR_WORDS).map(([word, status]) => [plain(word), status] as const),
);

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

/**
 * Texts of a fault by which an endpoint says that it has too much to do. Above each: who writes it.
 */
const OVERLOADS: readonly RegExp[] = [
  // OpenAI with 500, Anthropic by LiteLLM with 500, SiliconFlow, Envoy
  /\boverloaded(?:_error)?\b/i,
  // SiliconFlow, Ollama
  /\b(?:server|service|system|engine|model)\b.{0,20}\bbusy\b/i,
  // xAI, Mistral, Groq, Cloudflare's Workers AI
  /\b(?:at|over) capacity\b|\bcapacity[ _](?:temporarily )?exceeded\b/i,
  // Gemini, Cerebras
  /\bhigh (?:demand|traffic)\b/i,
  // OpenAI
  /\bslow[ _]?down\b/i,
  // MiniMax, proxies
  /\brate.?limit(?:s|ed|ing|s? (?:is|was|has been))?\b|\btoo many (?:concurrent )?requests\b/i,
];

/** What FastChat writes to every error: it tells nothing of traffic. */
const NO_OVERLOAD = /^\**NETWORK ERROR DUE TO HIGH TRAFFIC\b/i;

/** The same of a 503, which otherwise says that the endpoint is not up. The last is Envoy's. */
const FULL_503 =
  /overload|queue|busy|too many|pressure|capacity|high (?:demand|traffic)|slow[ _]?down|rate.?limit|reason: overflow/i;

/** True for the message of a fault by which an endpoint has too much to do. */
export function tellsOverload(message: string): boolean {
  const beginning = message.slice(0, SEARCHED_CHARS);
  return !NO_OVERLOAD.test(beginning) && OVERLOADS.some((text) => text.test(beginning));
}

/** True for the body of a 503 by which the endpoint is up, and has too much to do. */
export function tellsFull(body: string): boolean {
  return FULL_503.test(body.slice(0, SEARCHED_CHARS));
}

/**
 * How the message of an error begins that finds fault with the key, as a 401 does, or with its account,
 * as a 402. A caller can have a text of its own quoted further on. Above each: who writes it.
 */
const WRONG_KEYS: readonly RegExp[] = [
  // Gemini
  /^API key (?:not valid|expired)\b/i,
  // xAI
  /^Incorrect API key provided\b/i,
  // xAI, with 429 and 403
  /^Your (?:newly created )?team\b.{0,60}(?:have any credits|used all available credits)/i,
  // Anthropic
  /^Your credit balance is too low\b/i,
  // Anthropic, until its month is over
  /^You have reached your specified (?:\w+ )?API usage limits\b/i,
  // LiteLLM
  /^(?:Budget has been exceeded|ExceededBudget)\b/i,
  // OpenRouter, with 403
  /^Key limit exceeded\b/i,
  // Z.ai, with 429
  /^Your account is in arrears\b/i,
  // Modal, with 429
  /^modal-http:.{0,60}\bspend limit reached\b/i,
];
/** Statuses with which these are written. */
const OF_WRONG_KEYS: ReadonlySet<number> = new Set([400, 403, 429]);

/** What an account's own words are taken for, unless its message tells a limit that passes. */
const OF_ACCOUNTS: ReadonlySet<number | undefined> = new Set([401, 402]);

/** DashScope writes `insufficient_quota` to a caller that sends too much at a time. */
const PASSES = /^Allocated quota exceeded\b/i;

/**
 * True for an error about the endpoint's key, or its account: no wait cures it. Vendors write it with
 * the statuses of wrong requests and of rate limits, so the words decide.
 */
export function blamesKey(
  status: number,
  { message = '', type, code }: { message?: string; type?: string; code?: string | number },
): boolean {
  if (OF_WRONG_KEYS.has(status) && WRONG_KEYS.some((text) => text.test(message))) return true;
  const words = [type, code].map((word) => (typeof word === 'string' ? statusOfWord(word) : 0));
  return words.some((word) => OF_ACCOUNTS.has(word)) && !PASSES.test(message);
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
