/**
 * What differs between two configurations, by the path of each field, for the audit log. It is
 * bounded, and shows no key of any kind: a changed one is named, not shown.
 */
import { type AuditRow, HIDDEN } from '../../../src/protocol/console/settings.ts';

type Change = AuditRow['changes'][number];

const MAX_CHANGES = 50;
/** Characters of a value and of a path, and of all changes of a row together. */
const VALUE_CHARS = 200;
const ALL_CHARS = 8_000;
/** Fields that hold a key, sealed or hashed. */
const SECRET = new Set(['sealed', 'value', 'sha256']);

export function configChanges(before: unknown, after: unknown): Change[] {
  const changes: Change[] = [];
  let chars = 0;
  for (const change of differences('', '', before, after)) {
    chars += change.path.length + (change.before?.length ?? 0) + (change.after?.length ?? 0);
    if (changes.length >= MAX_CHANGES || chars > ALL_CHARS) {
      changes.push({ path: '…', before: null, after: null });
      break;
    }
    changes.push(change);
  }
  return changes;
}

function* differences(
  path: string,
  name: string,
  before: unknown,
  after: unknown,
): Iterable<Change> {
  if (before === after) return;
  const areLists = Array.isArray(before) && Array.isArray(after);
  const areRecords = isRecord(before) && isRecord(after);
  if (!areLists && !areRecords) {
    yield { path: cut(path), before: shown(name, before), after: shown(name, after) };
    return;
  }
  const [old, present] = [byName(before as object), byName(after as object)];
  for (const key of new Set([...Object.keys(old), ...Object.keys(present)])) {
    const at = areLists ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    yield* differences(at, key, own(old, key), own(present, key));
  }
}

/** A list as a record: by the names of its items where they have some, so that one that goes is one. */
function byName(value: object): Record<string, unknown> {
  if (!Array.isArray(value)) return value as Record<string, unknown>;
  const names = value.map((item) => {
    const { id, name, url } = isRecord(item) ? item : {};
    return id ?? name ?? url;
  });
  const areNames = names.every((name) => typeof name === 'string');
  if (!areNames || new Set(names).size < names.length) return { ...value };
  return Object.fromEntries(value.map((item, i) => [String(names[i]), item]));
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(name: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (SECRET.has(name)) return HIDDEN;
  return cut(JSON.stringify(value, (key, inner) => (SECRET.has(key) ? HIDDEN : inner)));
}

function cut(text: string): string {
  return text.length <= VALUE_CHARS ? text : `${text.slice(0, VALUE_CHARS - 1)}…`;
}
