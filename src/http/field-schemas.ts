/** Schemas of the fields that most inputs have: numbers and texts within bounds. */
import * as z from 'zod/mini';

/** A whole number from `least` to `most`. */
export function intWithin(least: number, most: number) {
  return z.int().check(z.minimum(least), z.maximum(most));
}

/** A number from `least` to `most`. */
export function numberWithin(least: number, most: number) {
  return z.number().check(z.minimum(least), z.maximum(most));
}

/** A text of `least` to `most` characters. */
export function textWithin(least: number, most: number) {
  return z.string().check(z.minLength(least), z.maxLength(most));
}

/** A text of at most `most` characters. */
export function textUpTo(most: number) {
  return z.string().check(z.maxLength(most));
}

/** A text of that form; the message says what is expected. */
export function textLike(form: RegExp, message: string) {
  return z.string().check(z.regex(form, message));
}

/** A number that is written with `most` digits at most, as in a query. */
export function digits(most: number, message: string) {
  return z.pipe(textLike(new RegExp(`^\\d{1,${most}}$`), message), z.transform(Number));
}
