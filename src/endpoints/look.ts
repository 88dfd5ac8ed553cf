/**
 * A look: the call that proves an endpoint warm, and what its answer says. An open port is no warm
 * model, and platforms answer anything while they load, 200 included; so only a real answer counts.
 * When to look again is in `wake.ts`, what an adapter reads differently in the adapter.
 */
import {
  type EndpointAdapter,
  type EndpointTarget,
  type LookKind,
  onHost,
  type PlatformAnswer,
  type PlatformRequest,
} from './adapter.ts';
import { refusalText } from './refusal-text.ts';
import { statusOfError, verdictOf } from './verdict.ts';

/** A way to ask an endpoint, and what a real answer to it is. */
export interface LookForm {
  request(target: EndpointTarget): PlatformRequest;
  isReal(answer: PlatformAnswer, target: EndpointTarget): boolean;
  /** True where the answer shows that the server runs, not that it serves. */
  readonly isHint?: boolean;
}

const CHAT: LookForm = {
  request: (target) =>
    post(target, '/chat/completions', {
      model: target.model,
      messages: [{ role: 'user', content: '.' }],
      max_tokens: 1,
    }),
  isReal: ({ body, isWhole }) => {
    const answer = objectIn(body);
    if (answer) return Array.isArray(answer.choices);
    // A server that streams whatever it is asked for, or an answer that is cut off.
    return (!isWhole || body.startsWith('data:')) && /"choices"\s*:\s*\[/.test(body);
  },
};

/** For base models without a chat template. */
const TEXT: LookForm = {
  request: (target) =>
    post(target, '/completions', { model: target.model, prompt: '.', max_tokens: 1 }),
  isReal: ({ body }) => {
    const answer = objectIn(body);
    return Array.isArray(answer?.choices) && typeof answer.choices[0]?.text === 'string';
  },
};

const EMBEDDING: LookForm = {
  request: (target) => post(target, '/embeddings', { model: target.model, input: '.' }),
  // The body may be cut off in the middle of the vector.
  isReal: ({ body }) => /"embedding"\s*:\s*(\[\s*-?\d|")/.test(body),
};

/** For engines of speech, images and ranking, which have none of the calls above. */
const MODELS: LookForm = {
  request: ({ url }) => ({ method: 'GET', url: `${withoutSlash(url)}/models` }),
  isReal: ({ body }, { model }) => {
    const listed = objectIn(body)?.data;
    return Array.isArray(listed) && listed.some((entry) => entry?.id === model);
  },
  isHint: true,
};

const READY_PATH: LookForm = {
  request: (target) => ({ method: 'GET', url: onHost(target, target.readyPath ?? '/') }),
  isReal: () => true,
};

const TOOL: LookForm = {
  request: ({ url }) => ({ method: 'GET', url }),
  isReal: () => true,
};

/** The ways to ask an endpoint, in order; the next one is for an endpoint that cannot do the last. */
export function lookForms(target: EndpointTarget): readonly [LookForm, ...LookForm[]] {
  if (target.readyPath !== undefined) return [READY_PATH];
  return target.model === undefined ? [TOOL] : [CHAT, TEXT, EMBEDDING, MODELS];
}

/** What the answer to a look says. */
export function readLook(
  adapter: EndpointAdapter,
  form: LookForm,
  answer: PlatformAnswer,
  target: EndpointTarget,
): LookKind {
  const isTool = target.model === undefined;
  const own = adapter.readLook?.(answer, isTool);
  if (own !== undefined) return own;
  const { body } = answer;
  const isSuccess = answer.status >= 200 && answer.status < 300;
  const failed = isSuccess && !isTool ? statusOfError(body) : undefined;
  if (isSuccess && failed === undefined) return form.isReal(answer, target) ? 'warm' : 'waiting';
  const status = failed ?? answer.status;
  return readRefusal(adapter, status, body, isTool);
}

function readRefusal(
  adapter: EndpointAdapter,
  status: number,
  body: string,
  isTool: boolean,
): LookKind {
  const text = refusalText(status, body, isTool);
  const { kind } = verdictOf(adapter, { status, text: body }, isTool, 0);
  if (text === 'stopped' && status < 500) return 'stopped';
  if (kind === 'denied' && text !== 'not-ready') return 'denied';
  if (text === 'not-ready' || status >= 500 || status < 400) {
    return status === 501 && !isTool ? 'other-form' : 'waiting';
  }
  // A tool may answer a GET without arguments in any way: it is the tool that does.
  if (isTool) return kind === 'rejected' ? 'warm' : 'waiting';
  if (status === 403) return 'denied';
  return text === 'no-model' || status === 429 || status === 408 ? 'waiting' : 'other-form';
}

function post(target: EndpointTarget, path: string, body: object): PlatformRequest {
  return {
    method: 'POST',
    url: withoutSlash(target.url) + path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

// biome-ignore lint/suspicious/noExplicitAny: the text of an endpoint, of which anything is possible.
function objectIn(body: string): Record<string, any> | undefined {
  try {
    const value = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
