/**
 * Checks a configuration against the service's JSON schema while it is edited. The service checks
 * again, and more: what depends on several fields.
 */
import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import type { JSONPath, Node } from 'jsonc-parser';
import { type ConfigSchema, HIDDEN } from '../../../protocol/console/settings.ts';
import { type Config, type FieldProblem, pathOf, placeOfParts } from './config-text.ts';
import { own } from './schema-hint.ts';

const MOST = 50;
const DRAFT = '2020-12';

/** Keywords that fail only because of a field below, which is a finding of its own. */
const OUTER = new Set(['properties', 'items', 'additionalProperties', 'propertyNames', '$ref']);

/** `root`: the text's tree, where the fields have their places. */
export function schemaProblems(schema: ConfigSchema, config: Config, root: Node): FieldProblem[] {
  const validator = new Validator(schema as Schema, DRAFT, false);
  const { errors } = validator.validate(config);
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf');
  const isOfChoice = ({ keywordLocation }: OutputUnit) =>
    choices.some((choice) => keywordLocation.startsWith(`${choice.keywordLocation}/`));
  const found = new Map<string, FieldProblem>();
  for (const error of errors) {
    if (OUTER.has(error.keyword) || isOfChoice(error)) continue;
    const parts = partsOf(error.instanceLocation, config);
    // The service puts the key back that it has.
    if (valueAt(config, parts) === HIDDEN) continue;
    const path = pathOf(parts);
    const message = wordsOf(error, valueAt(schema, pointer(error.keywordLocation)));
    found.set(`${path} ${message}`, { path, message, place: placeOfParts(root, parts) });
    if (found.size >= MOST) break;
  }
  return [...found.values()];
}

function wordsOf({ keyword, error }: OutputUnit, limit: unknown): string {
  switch (keyword) {
    case 'false':
      return 'unknown field';
    case 'type':
      return `expected ${Array.isArray(limit) ? limit.join(' or ') : limit}`;
    case 'enum':
      return `expected one of ${Array.isArray(limit) ? limit.join(', ') : limit}`;
    case 'const':
      return `expected ${JSON.stringify(limit)}`;
    case 'minimum':
      return `expected ${limit} or more`;
    case 'maximum':
      return `expected ${limit} or less`;
    case 'minItems':
      return `expected ${limit} or more entries`;
    case 'maxItems':
      return `expected at most ${limit} entries`;
    case 'minLength':
      return `expected ${limit} or more characters`;
    case 'maxLength':
      return `expected at most ${limit} characters`;
    case 'pattern':
      return `expected text like ${limit}`;
    case 'required':
      return `"${/"(.*)"/.exec(error)?.[1] ?? ''}" is missing`;
    case 'anyOf':
      return 'none of the forms that are allowed here';
    default:
      return error;
  }
}

/** The parts of a JSON pointer; those into a list as numbers. */
function partsOf(location: string, config: Config): JSONPath {
  let at: unknown = config;
  return pointer(location).map((part) => {
    const isItem = Array.isArray(at);
    at = own(at, part);
    return isItem ? Number(part) : part;
  });
}

function pointer(location: string): string[] {
  return location
    .split('/')
    .slice(1)
    .map((part) => decodeURI(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(value: unknown, parts: JSONPath): unknown {
  return parts.reduce<unknown>((at, part) => own(at, String(part)), value);
}
