/**
 * What a schema's issue says, in the words that zod has for it in English: only those of the kinds that
 * our schemas use, since zod's table has all of them.
 */
import type { $ZodRawIssue } from 'zod/v4/core';

/** Of what there are too few or too many in a value, by the kind of the value. */
const COUNTED: Readonly<Record<string, string>> = { string: 'characters', array: 'items' };

export function issueText(issue: $ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `Invalid input: expected ${issue.expected}, received ${typeOf(issue.input)}`;
    case 'invalid_value': {
      const [first] = issue.values;
      if (issue.values.length === 1) return `Invalid input: expected ${written(first)}`;
      return `Invalid option: expected one of ${issue.values.map(written).join('|')}`;
    }
    case 'too_big':
      return `Too big: ${boundText(issue, '<', issue.maximum)}`;
    case 'too_small':
      return `Too small: ${boundText(issue, '>', issue.minimum)}`;
    case 'invalid_format':
      return `Invalid string: must match pattern ${issue.pattern}`;
    case 'unrecognized_keys': {
      const { keys } = issue;
      return `Unrecognized key${keys.length > 1 ? 's' : ''}: ${keys.map(written).join(', ')}`;
    }
    case 'invalid_key':
      return `Invalid key in ${issue.origin}`;
    default:
      return 'Invalid input';
  }
}

/** The kind of a value as JSON has it; a number that JSON has no word for is its own kind. */
function typeOf(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'array';
  return typeof input === 'number' && !Number.isFinite(input) ? String(input) : typeof input;
}

function written(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}

function boundText(
  { origin, inclusive }: { readonly origin?: string; readonly inclusive?: boolean },
  sign: '<' | '>',
  bound: unknown,
): string {
  const unit = COUNTED[origin ?? ''];
  const value = `${sign}${inclusive ? '=' : ''}${bound}`;
  return `expected ${origin} to ${unit === undefined ? `be ${value}` : `have ${value} ${unit}`}`;
}
