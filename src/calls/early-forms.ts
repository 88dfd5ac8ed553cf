/**
 * The two forms of an answer that begins before its result is known: a stream with comments, and
 * plain JSON after empty lines. When an answer begins early is decided in `early-answer.ts`.
 */
import { toAnthropicError } from '../apis/anthropic-error.ts';
import { type AnswerFormat, faultEvent } from '../apis/streams/answer-format.ts';
import {
  type ApiError,
  anthropicErrorBody,
  type ErrorCode,
  errorBody,
  isErrorCode,
} from '../http/errors.ts';
import { readBeginning } from '../http/read-answer.ts';

/** Most bytes that are read of an answer that cannot follow what was begun. */
const MAX_ERROR_BYTES = 262_144;

export interface EarlyForm {
  readonly contentType: string;
  /** What is written while the client waits; `status` looks up the state of its call. */
  keepAlive(status: () => Promise<string>): Promise<string>;
  /** True where the answer's body can follow what was written. */
  canFollow(answer: Response): boolean;
  /** What follows instead of an answer whose body cannot. */
  failure(answer: Response): Promise<string>;
}

/** A stream: comments tell the state of the call, and an error is the last event. */
export function streamForm(format: AnswerFormat): EarlyForm {
  return {
    contentType: 'text/event-stream',
    keepAlive: async (status) => `: ${await status()}\n\n`,
    canFollow: (answer) => hasBody(answer) && typeOf(answer).startsWith('text/event-stream'),
    failure: async (answer) =>
      faultEvent(format, await errorOf(answer, 'The endpoint answered without a stream.')),
  };
}

/** Plain JSON: JSON may begin with blanks, and an error is what it contains. */
export function jsonForm(format: AnswerFormat, requestId: string): EarlyForm {
  return {
    contentType: 'application/json',
    keepAlive: async () => '\n',
    // An answer without a type is taken for what was asked for.
    canFollow: (answer) => hasBody(answer) && /^$|\bjson\b/.test(typeOf(answer)),
    failure: async (answer) => {
      const text = await errorText(answer);
      const isWhole = text !== undefined && errorIn(text) !== undefined;
      if (format !== 'messages') {
        if (isWhole) return text;
        return JSON.stringify(errorBody(errorFrom(text, 'The endpoint answered without JSON.')));
      }
      if (isWhole) return toAnthropicError(text, answer.status, requestId);
      return JSON.stringify(
        anthropicErrorBody(errorFrom(text, 'The endpoint answered without JSON.')),
      );
    },
  };
}

function typeOf(answer: Response): string {
  return answer.headers.get('content-type') ?? '';
}

/** True for a success with a body that is written as it is: headers can no longer be sent. */
function hasBody(answer: Response): boolean {
  const encoding = answer.headers.get('content-encoding') ?? 'identity';
  return answer.ok && answer.body !== null && encoding === 'identity';
}

async function errorOf(answer: Response, instead: string): Promise<ApiError> {
  return errorFrom(await errorText(answer), instead);
}

/** The text of a refusal; undefined where the answer is too long, or breaks off. */
async function errorText(answer: Response): Promise<string | undefined> {
  try {
    // An endpoint may answer with a body of any length.
    const { text, isWhole } = await readBeginning(answer, MAX_ERROR_BYTES);
    return isWhole ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The error in a text; `instead`: the message where it has none. */
function errorFrom(text: string | undefined, instead: string): ApiError {
  const error = text === undefined ? undefined : errorIn(text);
  const code = String(error?.code ?? '');
  // An endpoint's own refusal has codes of its own; its message is passed on.
  const known: ErrorCode = isErrorCode(code) ? code : 'upstream_error';
  return { code: known, message: String(error?.message ?? instead) };
}

function errorIn(text: string): { code?: unknown; message?: unknown } | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'object' && error !== null ? error : undefined;
  } catch {
    return undefined;
  }
}
