/**
 * Texts of errors whose fault is another's than their status says: a wrong request under a 5xx, an
 * engine that failed under a 4xx. A new spelling is a new line, with who writes it above it. The words
 * in `type` and `code` are in `error-words.ts`.
 */

/** Most characters of a message that are searched. */
const SEARCHED_CHARS = 4_096;

/**
 * Texts of a 5xx that find fault with the request, which no endpoint of the kind would serve: engines
 * throw them while they read it. Above each: who writes it.
 */
const WRONG_REQUESTS: readonly RegExp[] = [
  // llama.cpp; Mesh-LLM with 502
  /\bfailed to parse (?:tools?|tool_choice|messages?|input|prompt|response_format|json_schema|grammar)\b/i,
  // llama.cpp
  /^(?:unsupported param|invalid tool_choice)\b/i,
  // llama.cpp without --jinja, llamafile
  /^tools param requires\b/i,
  // llama.cpp
  /^cannot use (?:both|tools|custom grammar)\b/i,
  // llama.cpp before December 2025
  /^json schema conversion failed\b/i,
  // llama.cpp
  /\bjinja exception\b|^unable to generate parser for this template\b/i,
  // Ollama and proxies
  /\b(?:does|do) not support (?:tools|tool use|images?|thinking)\b/i,
  // Ollama with embeddings; Xinference and proxies of vLLM with 500
  /\b(?:maximum|exceeds?|exceeded)\b.{0,40}\bcontext (?:length|size|window)\b/i,
  // Ollama, LiteLLM
  /\bunsupported response_format\b|\binvalid json schema\b/i,
];

/** True for the message of an error with which an engine finds fault with the request. */
export function blamesRequest(message: string): boolean {
  const beginning = message.trimStart().slice(0, SEARCHED_CHARS);
  return WRONG_REQUESTS.some((text) => text.test(beginning));
}

/**
 * Texts of a 4xx by which an engine says that it failed itself, by how they begin: a caller can have a
 * text of its own quoted further on. Above each: who writes it.
 */
const ENGINE_FAILURES: readonly RegExp[] = [
  // LM Studio, with 400
  /^The model has crashed\b/i,
  // mlx_lm.server, with 404
  /^\[metal(?:::\w+)?\]/i,
  // SGLang, with 400, to a caller that is there
  /^Request is disconnected from the client side\b/i,
];

/** True for the message of a refusal by which the engine failed, whatever its status says. */
export function blamesEngine(message: string): boolean {
  const beginning = message.trimStart().slice(0, SEARCHED_CHARS);
  return ENGINE_FAILURES.some((text) => text.test(beginning));
}
