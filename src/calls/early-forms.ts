/**
 * The two forms of an answer that begins before its result is known: a stream with comments, and
 * plain JSON after empty lines. When an answer begins early is decided in `early-answer.ts`.
 */
import { anthropicErrorOf, toAnthropicError } from '../apis/anthropic-error.ts';
import { answerEvents } from '../apis/streams/answer-events.ts';
import { type AnswerFormat, errorEvent } from '../apis/streams/answer-format.ts';
import { errorInText, isObject, parsed } from '../http/foreign-error.ts';
import { isEventStream, isJson, isReadable, mediaType } from '../http/media-type.ts';
import { readBeginning } from '../http/read-answer.ts';
import { errorBodyOf } from './answer-error.ts';

/** Most bytes that are read of an answer that cannot follow what was begun. */
const MAX_ERROR_BYTES = 262_144;
/** The same of an answer that is turned into events. */
const MAX_ANSWER_BYTES = 4_194_304;

export interface EarlyForm {
  readonly contentType: string;
  /** What is written while the client waits; `status` looks up the state of its call. */
  keepAlive(status: () => Promise<string | undefined>): Promise<string>;
  /** True where the answer's body can follow what was written. */
  canFollow(answer: Response): boolean;
  /** What follows instead of an answer whose body cannot. */
  failure(answer: Response): Promise<EarlyEnd>;
}

/**
 * The end of an answer that has begun, under a status that cannot be changed any more. `breaks`: the
 * connection breaks behind it, which makes clients send the call again.
 */
export interface EarlyEnd {
  readonly text: string;
  readonly breaks: boolean;
}

/**
 * A stream: comments tell the state of the call. An error that concerns the call is the last event, in
 * the form of the API. Where another attempt may succeed, the connection breaks: an event ends the
 * sessions of most agents, a break makes all of them try again. `ownWait`: the client said how long it
 * waits, and is told that it has waited so long.
 */
export function streamForm(format: AnswerFormat, ownWait = false): EarlyForm {
  return {
    contentType: 'text/event-stream',
    keepAlive: async (status) => {
      const text = await status();
      return text === undefined ? ':\n\n' : `: ${text}\n\n`;
    },
    canFollow: (answer) => hasBody(answer) && isEventStream(answer.headers),
    failure: async (answer) => {
      if (!answer.ok) {
        const error = await textOf(answer);
        const told = errorOf(error, answer.status, format);
        if (isWorthRetrying(answer.status, error, ownWait)) {
          return { text: commentOf(errorInText(error ?? '').message), breaks: true };
        }
        return whole(errorEvent(format, told));
      }
      // The endpoint answered a request for a stream in one piece.
      const text = await textOf(answer, MAX_ANSWER_BYTES);
      const events = text === undefined ? undefined : answerEvents(format, text);
      const reason = 'The endpoint answered without a stream.';
      return whole(events ?? errorEvent(format, errorBodyOf({ message: reason }, 502, format)));
    },
  };
}

/**
 * Plain JSON: JSON may begin with blanks, and an error is what it contains. SDKs do not look for one
 * under a status of success: they hand out an answer without choices. So the connection breaks behind
 * an error that another attempt may avoid, which is an error to every client, and some try again.
 */
export function jsonForm(format: AnswerFormat, requestId: string, ownWait = false): EarlyForm {
  return {
    contentType: 'application/json',
    keepAlive: async () => '\n',
    // An answer without a type is taken for what was asked for.
    canFollow: (answer) => hasJson(answer.headers) && hasBody(answer),
    failure: async (answer) => {
      const { ok, status } = answer;
      const text = await textOf(answer);
      const noJson = JSON.stringify(errorBodyOf({ message: NO_JSON }, 502, format));
      if (ok) return { text: noJson, breaks: true };
      const told = text === undefined ? noJson : plainError(text, status, format, requestId);
      return { text: told, breaks: isWorthRetrying(status, text, ownWait) };
    },
  };
}

/** The error in the form of the API: as it came where that has it. */
function plainError(text: string, status: number, format: AnswerFormat, requestId: string): string {
  if (format === 'messages') return toAnthropicError(text, status, requestId);
  return isObject(errorField(text)) ? text : JSON.stringify(errorOf(text, status, format));
}

/** Most characters of an error that a comment tells. */
const MAX_COMMENT_CHARS = 500;

function whole(text: string): EarlyEnd {
  return { text, breaks: false };
}

function commentOf(message = 'the call failed'): string {
  return `: ${message.slice(0, MAX_COMMENT_CHARS).replaceAll(/[\r\n]+/g, ' ')}\n\n`;
}

/**
 * True for limits, overload and faults, which another attempt may avoid; false where the client itself
 * limited its wait.
 */
function isWorthRetrying(status: number, error: string | undefined, ownWait: boolean): boolean {
  if (ownWait && error !== undefined && errorInText(error).code === 'queue_timeout') return false;
  return status === 408 || status === 429 || status >= 500;
}

const NO_JSON = 'The endpoint answered without JSON.';

function hasJson(headers: Headers): boolean {
  return mediaType(headers) === '' || isJson(headers);
}

/** True for a success with a body that is written as it is: headers can no longer be sent. */
function hasBody({ headers, ok, body }: Response): boolean {
  return ok && body !== null && isReadable(headers);
}

/** The text of an answer; undefined where it is too long, or breaks off. */
async function textOf(answer: Response, most = MAX_ERROR_BYTES): Promise<string | undefined> {
  try {
    // An endpoint may answer with a body of any length.
    const { text, isWhole } = await readBeginning(answer, most);
    return isWhole ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The error in a text as the API writes it; all that stands in one of the API's form is kept. */
function errorOf(text: string | undefined, status: number, format: AnswerFormat): object {
  const sent = text === undefined ? undefined : parsed(text);
  const error = errorInText(text ?? '');
  if (format === 'messages') {
    const isOwn = isObject(sent) && sent.type === 'error' && isObject(sent.error);
    return isOwn ? sent : anthropicErrorOf(error, status);
  }
  const { error: own } = errorBodyOf(error, status, format) as { error: object };
  const kept = isObject(sent) && isObject(sent.error) ? sent.error : {};
  return { error: { ...own, ...kept } };
}

function errorField(text: string): unknown {
  const sent = parsed(text);
  return isObject(sent) ? sent.error : undefined;
}
