/**
 * Tells errors from the events that others write between the chunks of an answer: progress, the output
 * of tools, states. Before content such an event is read as any answer is; behind it, what says neither
 * `error` nor has one of two known forms is none.
 */
import { httpStatus } from '../../http/error-status.ts';
import { statusOfWord } from '../../http/error-words.ts';
import { isObject, namedErrorIn } from '../../http/foreign-error.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What an event has that may be an error without the word in it; cheap, for texts that are not parsed. */
const MAY_BE_FORM = /"(?:error_code|message)"/;
/** What FastChat's workers write beside the text. */
const OF_TEXT: ReadonlySet<string> = new Set([
  ...['text', 'error_code', 'usage', 'finish_reason', 'logprobs'],
]);
/** What an error is made of that stands by itself. */
const OF_BARE: ReadonlySet<string> = new Set(['object', 'message', 'type', 'code', 'param']);

/** Whether the data of an event without choices has to be parsed: it may be an error. */
export function mayBeLateError(data: string): boolean {
  return MAY_BE_FORM.test(data);
}

/** True for an event behind content that is an error, and for a chunk that has one. */
export function isLateError(value: unknown): boolean {
  if (namedErrorIn(value) !== undefined) return true;
  return isObject(value) && (isText(value) || isBare(value));
}

/** FastChat's: a number of five digits, and the words where an answer would have its text. */
function isText(value: Fields): boolean {
  const { error_code: number, text } = value;
  if (typeof number !== 'number' || typeof text !== 'string') return false;
  return number >= 40_000 && number <= 59_999 && hasOnly(value, OF_TEXT);
}

/** An error without anything around it: its type names one, or its code is a status of one. */
function isBare(value: Fields): boolean {
  const { message, type, code } = value;
  if (typeof message !== 'string' || !hasOnly(value, OF_BARE)) return false;
  const isNamed = typeof type === 'string' && statusOfWord(type) !== undefined;
  return isNamed || httpStatus(code) !== undefined;
}

function hasOnly(value: Fields, names: ReadonlySet<string>): boolean {
  return Object.keys(value).every((name) => names.has(name));
}
