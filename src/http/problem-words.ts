/** What is said of a value that a schema does not take: what was expected, in words of JSON. */
import type * as z from 'zod/mini';

/** The kinds of values by the names that schemas have for them. */
const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
};

const UNITS = new Map([
  ['string', 'character'],
  ['array', 'item'],
]);

/** The end of what is said of a value that is not there. */
export const MISSING = ', but it is missing';

/** The message of a problem where its schema has none; a phrase, as in `expected a list, not null`. */
export function problemWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_value':
      return expected([issue], issue.input);
    case 'invalid_union':
      return expected(
        issue.errors.flatMap(([first]) => (first ? [first] : [])),
        issue.input,
      );
    case 'too_big':
      return `expected at most ${bound(issue.maximum, issue.origin)}`;
    case 'too_small':
      return `expected at least ${bound(issue.minimum, issue.origin)}`;
    case 'unrecognized_keys':
      return 'there is no such field';
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'not a name that is taken here';
    case 'invalid_format':
      return `expected ${issue.format}`;
    default:
      return 'not valid';
  }
}

/** What a schema wants of a value. */
interface Wish {
  readonly code?: string | undefined;
  readonly expected?: unknown;
  readonly values?: unknown;
}

function expected(wishes: readonly Wish[], came: unknown): string {
  const choices = [...new Set(wishes.map(wanted))].join(', or ');
  // Of a value that has the right kind the kind says nothing.
  return `expected ${choices}${wishes.some((wish) => hasKind(came, wish)) ? '' : butCame(came)}`;
}

function hasKind(came: unknown, { code, expected: kind, values }: Wish): boolean {
  if (came === undefined || (typeof came === 'number' && !Number.isFinite(came))) return false;
  if (code !== 'invalid_value') return kind === 'int' && typeof came === 'number';
  return (values as unknown[]).some((value) => typeof value === typeof came);
}

function wanted({ code, expected: kind, values }: Wish): string {
  if (code !== 'invalid_value') return KINDS[String(kind)] ?? String(kind);
  const texts = (values as unknown[]).map((value) => JSON.stringify(value));
  return texts.length === 1 ? `${texts}` : `one of ${texts.join(', ')}`;
}

/** The value itself is not told: of long bodies only the kinds of values are known. */
function butCame(value: unknown): string {
  if (value === undefined) return MISSING;
  if (value === null) return ', not null';
  if (typeof value === 'boolean') return ', not a boolean';
  // JSON has numbers that are beyond those of JavaScript.
  if (value === Infinity || value === -Infinity) return ', not one of that size';
  return `, not ${KINDS[Array.isArray(value) ? 'array' : typeof value]}`;
}

function bound(most: number | bigint, origin: string): string {
  const unit = UNITS.get(origin);
  if (unit === undefined) return String(most);
  return `${most} ${unit}${most === 1 ? '' : 's'}`;
}
