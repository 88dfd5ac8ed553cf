/**
 * Adapter for any server with the OpenAI API (vLLM, SGLang, TGI, llama.cpp), or with plain HTTP for
 * tools. vLLM with sleep mode has its own adapter in `vllm.ts`.
 */

import { blamesEngine, blamesRequest } from '../http/blame-words.ts';
import { statusOfOwnRefusal } from '../http/error-status.ts';
import { blamesKey, isFlagged, tellsFull, tellsOverload } from '../http/error-words.ts';
import { errorInText, isObject, parsed } from '../http/foreign-error.ts';
import { type AnswerKind, type EndpointAdapter, onHost } from './adapter.ts';
import { refusalText } from './refusal-text.ts';

export const openaiGeneric: EndpointAdapter = {
  kind: 'openai-generic',
  tellsLoad: true,

  classify: classifyGeneric,
};

/** The same adapter for endpoints with a configured path that a POST wakes them by. */
export const openaiWithWakePath: EndpointAdapter = {
  ...openaiGeneric,
  wake: (target) => ({ method: 'POST', url: onHost(target, target.wakePath ?? '/') }),
};

/** Cloudflare's own: nothing was sent to the endpoint, which refuses connections or has no address. */
const NOT_CONNECTED: ReadonlySet<number> = new Set([521, 523, 530]);

/**
 * Classifies an answer. SGLang reports a full queue by 503 and TGI by `overloaded`; any other 503
 * means that the model is loading (llama.cpp) or that the platform is starting it.
 */
export function classifyGeneric(status: number, body: string, isTool: boolean): AnswerKind {
  if (status < 300) return 'ok';
  if (!isTool && status >= 400 && isDenied(status, body)) return 'denied';
  // 529 is what Anthropic's API answers while it is overloaded.
  if (status === 429 || status === 529) return 'busy';
  if (status >= 500 || status < 400) return faultKind(status, body, isTool);
  const text = refusalText(status, body, isTool);
  // A tool may refuse its caller as its own answer, and its resources may be missing without it.
  if (isTool) return text === 'not-ready' ? 'unready' : 'rejected';
  if (status === 403) return isFlagged(body) ? 'flagged' : 'forbidden';
  if (text !== undefined) return 'unready';
  return refusalKind(status, body);
}

/** A refusal that some write for a fault, or for a limit, which its words tell. */
function refusalKind(status: number, body: string): AnswerKind {
  // HAProxy and nginx write 408 to a connection that they give up, Google 499 to a call.
  if (status === 408 || status === 499) return 'broken';
  const own = status === 400 ? ownStatus(body) : undefined;
  const { status: meant = 0, message = '' } = errorInText(body);
  // Groq's flex tier.
  if (own === 429 || (status === 498 && meant === 429)) return 'busy';
  // TGI and Azure ML.
  const isTold = own === 500 || (status === 424 && meant >= 500);
  return isTold || blamesEngine(message) ? 'broken' : 'rejected';
}

/** FastChat writes a 400 to all of them, with a number of its own. */
function ownStatus(body: string): number | undefined {
  const error = parsed(body);
  return isObject(error) ? statusOfOwnRefusal(error) : undefined;
}

/** From a model: the endpoint's key is wrong, or its account is empty. */
function isDenied(status: number, body: string): boolean {
  return status === 401 || status === 402 || blamesKey(status, errorInText(body));
}

function faultKind(status: number, body: string, isTool: boolean): AnswerKind {
  if (status === 503) return tellsFull(body) ? 'busy' : 'cold';
  if (NOT_CONNECTED.has(status)) return 'cold';
  // What the engine cannot do for anybody: llama.cpp and vLLM, to embeddings on a chat model.
  if (status === 501) return 'rejected';
  if (isOverload(body)) return 'busy';
  if (isTool || status < 500 || status > 502) return 'broken';
  const { message = '' } = errorInText(body);
  if (blamesRequest(message)) return 'rejected';
  return tellsOverload(message) ? 'busy' : 'broken';
}

/** A proxy reports the overload of what stands behind it with 500, and the right word in the body. */
function isOverload(body: string): boolean {
  if (!/overload|rate.?limit|too.?many|exhausted/i.test(body)) return false;
  const { status } = errorInText(body);
  return status === 429 || status === 529;
}
