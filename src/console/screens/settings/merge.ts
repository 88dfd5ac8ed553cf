/**
 * Brings edits onto a configuration that was changed meanwhile, field by field. A field that only
 * one of the two changed is taken from that one; where both did, the edit stands, and is named.
 * Lists are taken as a whole: their entries have no lasting places.
 */
import { type Config, pathOf } from './config-text.ts';

export interface Merged {
  readonly config: Config;
  /** Paths that both changed, each in another way. */
  readonly clashes: readonly string[];
}

/** `base`: what both began with. */
export function merge(base: Config, mine: Config, theirs: Config): Merged {
  const clashes: string[] = [];
  const config = merged(base, mine, theirs, [], clashes);
  return { config: config as Config, clashes };
}

/** Undefined stands for a field that is not there, which JSON cannot have as a value. */
function merged(
  base: unknown,
  mine: unknown,
  theirs: unknown,
  parts: readonly string[],
  clashes: string[],
): unknown {
  if (isSame(mine, theirs) || isSame(base, theirs)) return mine;
  if (isSame(base, mine)) return theirs;
  if (!isRecord(mine) || !isRecord(theirs)) {
    clashes.push(pathOf([...parts]));
    return mine;
  }
  const before = isRecord(base) ? base : {};
  const names = new Set([...Object.keys(theirs), ...Object.keys(mine)]);
  const fields = [...names].flatMap((name) => {
    const [was, own, other] = [before, mine, theirs].map((of) => fieldOf(of, name));
    const value = merged(was, own, other, [...parts, name], clashes);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(fields);
}

/** The order of fields is no difference. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}

function fieldOf(record: Config, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
