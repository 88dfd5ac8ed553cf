/**
 * Reads what agents say of themselves in fields of a body that engines define (known-clients.ts): the
 * session, its parent, the expected output. A field may hold an object or its JSON text.
 */

import { given } from '../http/given.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { isName } from '../protocol/name.ts';
import { BODY_SESSIONS, DYNAMO_HINTS } from './known-clients.ts';
import { isPlaceholder } from './placeholders.ts';

export interface AgentContext {
  readonly session?: string;
  readonly parent?: string;
  /** Output that the agent expects, tokens. */
  readonly expectedTokens?: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Longest JSON text that is parsed. */
const MAX_JSON_CHARS = 8_192;
const MAX_TOKENS = 1e9;

/** Undefined where the body says nothing. */
export function agentContext(body: Fields): AgentContext | undefined {
  const contexts = BODY_SESSIONS.map((path) => at(body, path)).filter((c) => c !== undefined);
  const session = contexts.map((c) => nameIn(c, 'session_id')).find((id) => id !== undefined);
  const parent = contexts.map((c) => nameIn(c, 'parent_session_id')).find((id) => id !== undefined);
  const osl = at(body, DYNAMO_HINTS.path)?.osl;
  const isCount = typeof osl === 'number' && osl > 0 && osl <= MAX_TOKENS;
  if (session === undefined && !isCount) return undefined;
  return {
    ...given({ session }),
    ...(session === undefined || parent === undefined ? {} : { parent }),
    ...(isCount ? { expectedTokens: Math.ceil(osl) } : {}),
  };
}

/** True where the agent states a priority of its own, which passes on to the engine. */
export function hasAgentPriority(headers: HeaderReader, body: Fields): boolean {
  if (DYNAMO_HINTS.priorityHeaders.some((header) => headers.has(header))) return true;
  const hints = at(body, DYNAMO_HINTS.path);
  return hints?.priority !== undefined || hints?.strict_priority !== undefined;
}

function at(body: Fields, path: readonly string[]): Fields | undefined {
  let value: unknown = body;
  for (const name of path) value = fieldsOf(value)?.[name];
  return fieldsOf(value);
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value === 'string') {
    if (value.length > MAX_JSON_CHARS || !value.trimStart().startsWith('{')) return undefined;
    try {
      return fieldsOf(JSON.parse(value));
    } catch {
      return undefined;
    }
  }
  const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isFields ? (value as Fields) : undefined;
}

function nameIn(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' && isName(value) && !isPlaceholder(value) ? value : undefined;
}
