/** What earlier versions said to each other, as test/fixtures/earlier-versions has it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../fixtures/earlier-versions/', import.meta.url));

/** A request to an object, and its answer; absent where it was nothing. */
export interface Message {
  /** The object's class, with the method whose answer has the method where that is no object's own. */
  readonly object: string;
  readonly method: string;
  readonly asked: readonly unknown[];
  readonly answer?: unknown;
}

/** The versions that were recorded, each by its commit. */
export const VERSIONS: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));

export function messagesOf(version: string): Message[] {
  return JSON.parse(readFileSync(`${FOLDER}${version}.json`, 'utf8'));
}

/** The value as TypeScript: what could not be written down is of any type. */
export function sourceOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sourceOf).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if ('$held' in value) return 'held';
  if ('$bytes' in value) return 'new Uint8Array()';
  const fields = Object.entries(value).map(
    ([name, field]) => `${JSON.stringify(name)}: ${sourceOf(field)}`,
  );
  return `{ ${fields.join(', ')} }`;
}
