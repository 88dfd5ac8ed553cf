/**
 * Converts errors to Anthropic's form, whatever form they have: OpenAI's, those of engines and their
 * frameworks, a page of HTML, text. How they are read is in `http/foreign-error.ts`.
 */
import { anthropicErrorType } from '../http/errors.ts';
import { errorInText, type ForeignError, isObject, parsed } from '../http/foreign-error.ts';

/** The error as Anthropic's API would write it; one that has its form already stays as it is. */
export function toAnthropicError(text: string, status: number, requestId: string): string {
  const value = parsed(text);
  if (isObject(value) && value.type === 'error' && isObject(value.error)) return text;
  const error = anthropicErrorOf(errorInText(text), status);
  return JSON.stringify({ ...error, request_id: requestId });
}

/** The body of an error in Anthropic's form, without the id of the request. */
export function anthropicErrorOf({ message }: ForeignError, status: number) {
  const error = { type: anthropicErrorType(status), message: message ?? 'It failed.' };
  return { type: 'error', error } as const;
}
