/**
 * The run that headers of agents and of tracing name: one execution, whatever key it uses. The table
 * of headers is in `known-clients.ts`.
 */
import type { HeaderReader } from '../http/held-headers.ts';
import { isName } from '../protocol/name.ts';
import { BAGGAGE_SESSIONS, SESSION_HEADERS, SUB_AGENT_HEADERS } from './known-clients.ts';
import { isPlaceholder } from './placeholders.ts';

/** A name and what it was taken from. */
export interface Named {
  readonly value: string;
  readonly why: string;
  /** The session that began this one; both belong to one run. */
  readonly parent?: string;
  /** Messages of the conversation so far, where its beginning names the run. */
  readonly turn?: number;
  /** Ids of earlier answers that come back. */
  readonly cameBack?: readonly string[];
}

export const TRACE_HEADER = 'traceparent';
/** Longest `baggage` that is read, as its standard has it. */
const MAX_BAGGAGE_CHARS = 8_192;

export function sessionOf(headers: HeaderReader): Named | undefined {
  return agentSession(headers) ?? baggageSession(headers) ?? traceOf(headers);
}

/** True for a call of a sub-agent. */
export function isSubAgent(headers: HeaderReader): boolean {
  return SUB_AGENT_HEADERS.some((header) => headers.has(header));
}

function agentSession(headers: HeaderReader): Named | undefined {
  for (const { header, parent: parentHeader, endsAt } of SESSION_HEADERS) {
    const value = idIn(headers, header, endsAt);
    if (value === undefined) continue;
    const parent = parentHeader === undefined ? undefined : idIn(headers, parentHeader);
    const isChild = parent !== undefined && parent !== value;
    return { value, why: header, ...(isChild ? { parent } : {}) };
  }
  return undefined;
}

/** Undefined for a value that names nothing: a client may send 8 kB. */
function idIn(headers: HeaderReader, header: string, endsAt?: string): string | undefined {
  const value = headers.get(header) ?? '';
  const end = endsAt === undefined ? -1 : value.lastIndexOf(endsAt);
  const id = end > 0 ? value.slice(0, end) : value;
  return namesSession(id) ? id : undefined;
}

function namesSession(id: string): boolean {
  return isName(id) && !isPlaceholder(id);
}

/** OpenTelemetry's `baggage`: members with a name and a value, separated by commas. */
function baggageSession(headers: HeaderReader): Named | undefined {
  const baggage = headers.get('baggage') ?? '';
  if (baggage === '' || baggage.length > MAX_BAGGAGE_CHARS) return undefined;
  const members = new Map(
    baggage.split(',').map((member) => {
      const [pair = ''] = member.split(';');
      const at = pair.indexOf('=');
      return [pair.slice(0, Math.max(0, at)).trim(), pair.slice(at + 1).trim()] as const;
    }),
  );
  for (const key of BAGGAGE_SESSIONS) {
    const value = decoded(members.get(key) ?? '');
    if (namesSession(value)) return { value, why: `baggage ${key}` };
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function traceOf(headers: HeaderReader): Named | undefined {
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(headers.get(TRACE_HEADER) ?? '')?.[1];
  return trace && !/^0+$/.test(trace) ? { value: trace, why: TRACE_HEADER } : undefined;
}
