/** Tells of a field of the configuration what may stand there, by the service's JSON schema. */
import type { JSONPath } from 'jsonc-parser';
import type { ConfigSchema } from '../../../protocol/console/settings.ts';

/** What may stand at a field, as in `integer, 1 to 100000, default 8`; '' where that is not known. */
export function hintOf(schema: ConfigSchema, parts: JSONPath): string {
  let at: unknown = schema;
  for (const part of parts) {
    at =
      typeof part === 'number'
        ? own(at, 'items')
        : (own(own(at, 'properties'), part) ?? own(at, 'additionalProperties'));
  }
  if (at === false) return 'unknown field';
  const [type, choices, low, high, standard, description] = [
    'type',
    'enum',
    'minimum',
    'maximum',
    'default',
    'description',
  ].map((name) => own(at, name));
  const range = low !== undefined && high !== undefined ? `${low} to ${high}` : '';
  const isPlain = standard !== null && typeof standard !== 'object' && standard !== undefined;
  return [
    Array.isArray(choices) ? `one of ${choices.join(', ')}` : String(type ?? ''),
    range,
    isPlain ? `default ${standard}` : '',
    typeof description === 'string' ? description : '',
  ]
    .filter((words) => words !== '')
    .join(', ');
}

/** A value's own field. */
export function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
