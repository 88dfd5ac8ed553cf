/**
 * An error that an endpoint sent as a success, or in an event, as the answer that it should have been:
 * with its status, and in the form of the call's API. Its words, type, code and parameter stay.
 */
import { anthropicErrorOf } from '../apis/anthropic-error.ts';
import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import type { Verdict } from '../endpoints/verdict.ts';
import { type ForeignError, isObject, parsed } from '../http/foreign-error.ts';

/** `text`: the error as the endpoint wrote it, without its key. */
export function errorAnswer(
  { status, error = {} }: Verdict,
  text: string,
  format: AnswerFormat,
  headers: Record<string, string>,
): Response {
  const sent = parsed(text);
  // Already as an error is sent; an event of Responses has its fields beside the type.
  const isWhole = isObject(sent) && isObject(sent.error) && format !== 'messages';
  const body = isWhole ? text : JSON.stringify(errorBodyOf(error, status, format));
  return new Response(body, {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
  });
}

/** The error in the form of the API. */
export function errorBodyOf(error: ForeignError, status: number, format: AnswerFormat): object {
  if (format === 'messages') return anthropicErrorOf(error, status);
  const { message = 'The endpoint failed.', type, param = null, code = null } = error;
  const usual = status < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message, type: type ?? usual, param, code } };
}
