/**
 * The HTTP status that an error by others stands for, by the numbers in it or by its words. The table
 * of words is in `error-words.ts`.
 */
import { statusOfWord } from './error-words.ts';

type Fields = Readonly<Record<string, unknown>>;

/** By a number where one is given, else by the words; `sources`: the objects that tell them. */
export function statusIn(sources: readonly Fields[]): number | undefined {
  for (const { status, status_code, http_status_code, statusCode, code, error_code } of sources) {
    for (const number of [status, status_code, http_status_code, statusCode, code, error_code]) {
      const found = httpStatus(number) ?? statusOfOwnNumber(number);
      if (found !== undefined) return found;
    }
  }
  for (const { code, type, error_type, status, error_code } of sources) {
    for (const word of [code, type, error_type, status, error_code]) {
      const found = typeof word === 'string' ? statusOfWord(word) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The value itself where it is a status of an error; LiteLLM writes the number as a text. */
export function httpStatus(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  const isStatus = typeof number === 'number' && Number.isInteger(number);
  return isStatus && number >= 400 && number <= 599 ? number : undefined;
}

/**
 * FastChat's numbers: a status and two digits, such as 42903 and 50002. Its 403xx are of requests that
 * are too long, or out of range.
 */
const OWN_NUMBERS: Readonly<Record<number, number>> = {
  400: 400,
  401: 401,
  403: 400,
  429: 429,
  500: 500,
};

/** The status that a number of FastChat's stands for, with which it writes any error as a 400. */
export function statusOfOwnNumber(value: unknown): number | undefined {
  const isOwn = typeof value === 'number' && Number.isInteger(value) && value > 9_999;
  return isOwn ? OWN_NUMBERS[Math.floor(value / 100)] : undefined;
}
