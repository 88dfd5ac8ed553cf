/**
 * Reads errors that others write: engines, their frameworks, proxies and platforms, each in a form of
 * its own. What the words and numbers in them mean is in `error-words.ts` and `error-status.ts`, the errors of
 * Talaria in `errors.ts`.
 */
import { httpStatus, statusIn, statusOfOwnText } from './error-status.ts';
import { given } from './given.ts';

/** What an error says of itself; fields that it does not have are absent. */
export interface ForeignError {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string | number;
  readonly param?: string;
  /** The HTTP status that it stands for, by its own numbers or words. */
  readonly status?: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Most characters of a message that are passed on. */
const MAX_MESSAGE_CHARS = 8_192;
/** Most messages of a list that are put together. */
const MAX_LISTED = 10;

/**
 * The error in a parsed answer or event that was sent as a success: under `error` at the top or in a
 * choice, or the object itself. Undefined where there is none: `null`, `""`, `false`, `{}` and `[]`
 * under the key say that nothing went wrong.
 */
export function errorIn(value: unknown): ForeignError | undefined {
  const named = namedErrorIn(value);
  if (named !== undefined || !isObject(value)) return named;
  if (isOddStatus(value) || faultText(value) !== undefined) return errorFrom(value);
  // RunPod's queue reports a job that failed so, with or without a text; others have a flag alone.
  return isFailedJob(value) && value.choices === undefined ? errorFrom(value) : undefined;
}

/** The error that is called one, or that is the reason to finish of a choice. */
export function namedErrorIn(value: unknown): ForeignError | undefined {
  if (!isObject(value)) return undefined;
  if (isSaid(value.error) || isAlone(value)) return errorFrom(value);
  if (value.object === 'error' || value.type === 'error') return errorFrom(value);
  // Groq's, of a stream that it stops early.
  if (isObject(value.x_groq) && isSaid(value.x_groq.error)) return errorFrom(value.x_groq);
  if (!Array.isArray(value.choices)) return undefined;
  for (const choice of value.choices) {
    // OpenRouter's, in the chunk that ends the stream; vLLM's has the reason alone.
    if (isObject(choice) && isSaid(choice.error)) return errorFrom(choice);
    if (isObject(choice) && isFaultReason(choice.finish_reason)) return errorOfReason(choice);
  }
  return undefined;
}

/** The error in the body of an answer without success, whatever it is: JSON, a page of HTML, text. */
export function errorInText(text: string): ForeignError {
  const value = parsed(text);
  if (value !== undefined) {
    const error = Array.isArray(value) ? value[0] : value;
    return errorIn(error) ?? errorFrom(error);
  }
  const trimmed = text.trim();
  if (trimmed === 'null') return {};
  return withMessage(trimmed.startsWith('<') ? titleOf(trimmed) : trimmed);
}

/** The error in a value of which it is known that it is one. */
export function errorFrom(value: unknown): ForeignError {
  if (typeof value === 'string') return withMessage(value);
  if (!isObject(value)) return {};
  // The event `response.failed` has its error within the response.
  const within = isObject(value.response) ? value.response.error : undefined;
  const found = [value.error, within].find(isSaid);
  const inner = (Array.isArray(found) ? found[0] : found) ?? value.base_resp;
  // The numbers beside the error count where it has none itself.
  const sources: Fields[] = isObject(inner) ? [inner, value] : [value];
  const own = sources[0] as Fields;
  const message = typeof inner === 'string' ? inner : (messageOf(own) ?? faultText(own));
  const type = textOf(own.type) ?? textOf(own.error_type);
  const code = codeOf(own.code) ?? codeOf(own.error_code);
  const param = textOf(own.param);
  const status = statusIn(sources) ?? statusOfOwnText(own);
  return {
    ...(message === undefined ? {} : withMessage(message)),
    ...given({ type, code, param, status }),
  };
}

/** Parsed JSON; undefined where the text is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An empty error that is all there is. */
function isAlone(value: Fields): boolean {
  return isObject(value.error) && Object.keys(value).length === 1;
}

function isFailedJob({ status, success }: Fields): boolean {
  return success === false || (typeof status === 'string' && FAILED_JOBS.has(status));
}

/** States of a job on RunPod in which there is no result; in lower case they are other APIs' words. */
export const FAILED_JOBS: ReadonlySet<string> = new Set(['FAILED', 'TIMED_OUT', 'CANCELLED']);

/** Reasons to finish that are no end of an answer: the engine has broken it off. */
export const FAULT_REASONS: readonly string[] = [
  'error', // vLLM, OpenRouter, Mistral
  'abort', // vLLM and SGLang that shut down, pause or run out of memory
  'network_error', // Z.ai
  'insufficient_system_resource', // DeepSeek
  'timeout', // TensorRT-LLM
  'cancelled', // TensorRT-LLM
];

/** SGLang writes an object with the reason as its type. */
function isFaultReason(reason: unknown): boolean {
  const word = isObject(reason) ? reason.type : reason;
  return typeof word === 'string' && FAULT_REASONS.includes(word.trim().toLowerCase());
}

/** SGLang's object says more: that the request is at fault, where it is. */
function errorOfReason(choice: Fields): ForeignError {
  const { finish_reason: reason } = choice;
  if (!isObject(reason)) return errorFrom(choice);
  const { message, status } = errorFrom(reason);
  return given({ message, status: status !== undefined && status < 500 ? status : undefined });
}

/**
 * Fields by which gateways report a fault under a status of success, beside or in place of an answer;
 * another value than `fine` is the fault's number or word.
 */
export const STATUS_FIELDS: ReadonlyArray<{
  /** Names from the object inwards. */
  readonly path: readonly string[];
  readonly fine: ReadonlyArray<string | number>;
}> = [
  { path: ['base_resp', 'status_code'], fine: [0] }, // MiniMax
  { path: ['error_code'], fine: [0, ''] }, // Baidu
  { path: ['code'], fine: [0, 200, 20_000, '', '0', '200', 'ok', 'success'] }, // one-api, Z.ai
];

/** The word or number of a fault in one of these fields, where there is no answer beside it. */
function isOddStatus(value: Fields): boolean {
  if (hasAnswer(value)) return false;
  return STATUS_FIELDS.some(({ path, fine }) => {
    const [outer, inner] = path;
    const holder = inner === undefined ? value : value[outer ?? ''];
    const status = isObject(holder) ? holder[inner ?? outer ?? ''] : undefined;
    const plain = typeof status === 'string' ? status.toLowerCase() : status;
    const isStatus = typeof plain === 'string' || typeof plain === 'number';
    // A code alone may be anything: a fault says what it is.
    return isStatus && !fine.includes(plain) && messageOf(holder as Fields) !== undefined;
  });
}

/** FastChat and LMDeploy's proxy write the words of a fault where an answer would have its text. */
function faultText(value: Fields): string | undefined {
  const { error_code, text } = value;
  const isFault = typeof error_code === 'number' && error_code > 0 && typeof text === 'string';
  // Beside a message it is an answer's.
  return isFault && messageOf(value) === undefined ? text : undefined;
}

/** What an answer of any API has; null and an empty list are none. */
const ANSWERS = [
  ...['choices', 'content', 'output', 'results', 'embedding', 'embeddings', 'text', 'response'],
  ...['data', 'images', 'usage', 'delta', 'item', 'part', 'message_start'],
];

function hasAnswer(value: Fields): boolean {
  return ANSWERS.some((name) => {
    const found = value[name];
    return Array.isArray(found) ? found.length > 0 : isSaid(found) || typeof found === 'number';
  });
}

/** True for what says that something went wrong: a text, an object, a status, or a flag. */
function isSaid(error: unknown): boolean {
  if (typeof error === 'string') return error.trim() !== '';
  if (Array.isArray(error)) return error.length > 0;
  if (typeof error !== 'object') return error === true || httpStatus(error) !== undefined;
  // one-api writes an error with empty texts beside an answer.
  return isObject(error) && Object.values(error).some(isFilled);
}

function isFilled(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== null && value !== undefined && value !== false && value !== 0;
}

/**
 * OpenAI's and Anthropic's `message`; FastAPI's `detail`, a text or a list of `msg`; problem+json's
 * `detail` and `title`; Cloudflare's `errors`; Google's and AWS's `message`; Mistral's `detail` within it.
 */
function messageOf(fields: Fields): string | undefined {
  for (const name of MESSAGE_NAMES) {
    const said = saidIn(fields[name]);
    if (said !== undefined) return said;
  }
  return saidIn(fields.errors);
}

const MESSAGE_NAMES = [
  ...['message', 'detail', 'msg', 'error_message', 'error_msg', 'status_msg', 'reason', 'title'],
];

function saidIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (Array.isArray(value)) {
    const said = value.slice(0, MAX_LISTED).map(saidIn);
    const all = said.filter((text) => text !== undefined);
    return all.length > 0 ? all.join('; ') : undefined;
  }
  if (!isObject(value)) return undefined;
  const place = Array.isArray(value.loc) ? `${value.loc.slice(0, MAX_LISTED).join('.')}: ` : '';
  const said = saidIn(value.message) ?? saidIn(value.msg) ?? saidIn(value.detail);
  return said === undefined ? undefined : place + said;
}

function titleOf(html: string): string {
  const title = /<title[^>]{0,200}>([^<]{1,500})/i.exec(html)?.[1];
  const heading = /<h1[^>]{0,200}>([^<]{1,500})/i.exec(html)?.[1];
  return (title ?? heading ?? '').trim();
}

function withMessage(text: string): ForeignError {
  return text === '' ? {} : { message: text.slice(0, MAX_MESSAGE_CHARS) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function codeOf(value: unknown): string | number | undefined {
  return typeof value === 'number' ? value : textOf(value);
}
