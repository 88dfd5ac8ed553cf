/** Anything that speaks the OpenAI API, or plain HTTP for tools: vLLM, SGLang, TGI, llama.cpp. */
import { type AnswerKind, type EndpointAdapter, onHost } from './adapter.ts';

export const openaiGeneric: EndpointAdapter = {
  kind: 'openai-generic',

  classify: classifyGeneric,
};

/** With a path for it, a POST wakes the endpoint. */
export const openaiWithWakePath: EndpointAdapter = {
  ...openaiGeneric,
  wake: (target) => ({ method: 'POST', url: onHost(target, target.wakePath ?? '/') }),
};

/**
 * A full queue is told as 503 by SGLang and as `overloaded` by TGI; any other 503 is a model that
 * loads (llama.cpp) or a platform that starts it.
 */
export function classifyGeneric(status: number, body: string, isTool: boolean): AnswerKind {
  if (status < 300) return 'ok';
  if (status === 429) return 'busy';
  if (status === 503) return /overloaded|queue|busy|too many/i.test(body) ? 'busy' : 'cold';
  // What a tool says of the one who asks is its answer; of a model it means that the key is wrong.
  if (status === 401 || status === 403) return isTool ? 'rejected' : 'broken';
  if (status >= 500 || status < 400) return 'broken';
  return 'rejected';
}
