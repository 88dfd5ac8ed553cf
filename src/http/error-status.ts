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
      const found = httpStatus(number);
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
 * FastChat's numbers of what is not the request's fault: of its worker, and of its limits. Others have
 * five digits as well, so they are read in FastChat's forms only.
 */
const OWN_NUMBERS: ReadonlyMap<unknown, number> = new Map([
  [42_901, 429],
  [42_902, 429],
  [42_903, 429],
  [50_001, 500],
  [50_002, 500],
]);

/** The status of what FastChat's workers write: a number, and the words of the fault as a text. */
export function statusOfOwnText({ error_code, text }: Fields): number | undefined {
  return typeof text === 'string' ? OWN_NUMBERS.get(error_code) : undefined;
}

/** The status that FastChat means by an error, each of which it writes as a 400. */
export function statusOfOwnRefusal(error: Fields): number | undefined {
  return error.object === 'error' ? OWN_NUMBERS.get(error.code) : statusOfOwnText(error);
}
