/**
 * Makes a value that fits a JSON schema: the emulated model's output where a request demands a
 * form.
 */

type Schema = Readonly<Record<string, unknown>>;

/** Schemas may be recursive; below this depth every value is null. */
const MAX_DEPTH = 8;

export function sampleOf(schema: unknown, root: unknown = schema, depth = 0): unknown {
  if (!isSchema(schema) || depth > MAX_DEPTH) return null;
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (typeof schema.$ref === 'string') return sampleOf(refer(schema.$ref, root), root, depth + 1);
  const [choice] = listOf(schema.anyOf ?? schema.oneOf ?? schema.allOf);
  if (choice !== undefined) return sampleOf(choice, root, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return 'the quick brown fox';
    case 'integer':
    case 'number':
      return typeof schema.minimum === 'number' ? schema.minimum : 1;
    case 'boolean':
      return true;
    case 'array':
      return [sampleOf(schema.items, root, depth + 1)];
    case 'null':
      return null;
    default:
      return objectOf(schema, root, depth);
  }
}

function objectOf(schema: Schema, root: unknown, depth: number): object {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, sampleOf(field, root, depth + 1)]),
  );
}

/** The schema at a path such as `#/a/b` within the root schema. */
function refer(path: string, root: unknown): unknown {
  return path
    .split('/')
    .slice(1)
    .reduce<unknown>((at, name) => (isSchema(at) ? at[name] : undefined), root);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
