/**
 * Which application, run and unit a call belongs to. Explicit headers come first, then the same as
 * metadata in the body, then what agents and SDKs send anyway, then a fingerprint: clients need not
 * know of Talaria to be told apart (docs/architecture.md, "Identity").
 */

import { failure, type Outcome } from '../http/errors.ts';
import { sha256Hex } from '../http/sha256.ts';
import { isName, MAX_NAME_CHARS } from '../protocol/name.ts';
import type { BodyHints } from './conversation.ts';

export type { BodyHints };

export interface Identity {
  readonly app: string;
  readonly runId: string;
  readonly unit: string;
  /** The session that began this one: both are one run. */
  readonly parentRunId?: string;
  /** The run's last call; a run of one call is its own last. */
  readonly final: boolean;
  /** Nothing names a run: the call is one of its own. */
  readonly sole: boolean;
  /** Messages of the conversation so far, where the run was told by the conversation's beginning. */
  readonly turn?: number;
  /** The client says that it sends this call again. */
  readonly retry: boolean;
  readonly deadlineMs?: number;
  /** What becomes of a call whose run has hardly a chance within its deadline; absent: it runs. */
  readonly refuseIfLate?: true;
  readonly maxWaitMs?: number;
  /** From what each was taken, for people. */
  readonly why: { readonly app: string; readonly run: string; readonly unit: string };
}

const FINGERPRINT_CHARS = 12;
/** Headers by which agents name their session, in the order in which they are believed. */
const SESSION_HEADERS = [
  'x-dynamo-session-id',
  'x-claude-code-session-id',
  'session-id',
  'thread-id',
  'x-session-id',
];
const FINGERPRINT = 'fingerprint of system prompt and tools';

/** A name, and from what it was taken; of a run also what else that tells. */
interface Named {
  readonly value: string;
  readonly why: string;
  readonly parent?: string;
  readonly turn?: number;
}

export async function identify(
  headers: Headers,
  hints: BodyHints,
  keyId: string,
): Promise<Outcome<{ identity: Identity }>> {
  const told = (name: string) => explicitValue(headers, hints, name);
  const wrong = ['app', 'run', 'unit'].find((name) => !isName(told(name)?.value ?? 'absent'));
  if (wrong !== undefined) {
    const message = `Expected 1 to ${MAX_NAME_CHARS} printable characters.`;
    return failure('invalid_request_error', { param: `x-talaria-${wrong}`, message });
  }
  const app = told('app') ?? {
    value: `app-${await fingerprint(keyId, hints.shape)}`,
    why: FINGERPRINT,
  };
  const unit = told('unit') ?? (await unitOf(headers, hints));
  const run = told('run') ?? sessionOf(headers) ?? (await bodyRunOf(hints, keyId, app.value));
  // An SDK's time limit is that of one call: a deadline only where the call is the whole run.
  const ownLimit = run === undefined ? stainlessTimeoutMs(headers) : undefined;
  const limits = limitsOf(told('deadline-ms')?.value ?? ownLimit, told('max-wait-ms')?.value);
  if (!limits.ok) return limits;
  const ifLate = told('if-late')?.value ?? 'run';
  if (ifLate !== 'run' && ifLate !== 'refuse') {
    const message = 'Expected "run" or "refuse".';
    return failure('invalid_request_error', { param: 'x-talaria-if-late', message });
  }
  // The end of a session that another began is not the end of the run.
  const sessionEnds = headers.get('x-dynamo-session-final') === 'true' && !run?.parent;
  return {
    ok: true,
    identity: {
      app: app.value,
      runId: run?.value ?? crypto.randomUUID(),
      unit: unit.value,
      ...(run?.parent === undefined ? {} : { parentRunId: run.parent }),
      final: run === undefined || told('run-final')?.value === 'true' || sessionEnds,
      sole: run === undefined,
      ...(run?.turn === undefined ? {} : { turn: run.turn }),
      retry: Number(headers.get('x-stainless-retry-count') ?? 0) > 0,
      ...limits.limits,
      ...(ifLate === 'refuse' ? { refuseIfLate: true } : {}),
      why: { app: app.why, run: run?.why ?? 'a run of its own', unit: unit.why },
    },
  };
}

/** Tells the bodies of calls apart, so that one that is sent again is known. */
export async function bodyFingerprint(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return (await sha256Hex(content)).slice(0, 2 * FINGERPRINT_CHARS);
}

/** What the client says to Talaria itself: a header, or the same as metadata. */
function explicitValue(headers: Headers, hints: BodyHints, name: string): Named | undefined {
  const header = headers.get(`x-talaria-${name}`);
  if (header !== null) return { value: header, why: `x-talaria-${name}` };
  const field = `talaria_${name.replaceAll('-', '_')}`;
  const value = hints.metadata[field];
  return value === undefined ? undefined : { value, why: `metadata.${field}` };
}

async function unitOf(headers: Headers, hints: BodyHints): Promise<Named> {
  if (hints.unit !== undefined) return { value: hints.unit, why: 'its backend' };
  // A sub-agent may have its main agent's prompt and tools, and is another unit all the same.
  const part = headers.has('x-claude-code-agent-id') ? 'sub-agent' : '';
  return { value: `unit-${await fingerprint(part, hints.shape)}`, why: FINGERPRINT };
}

/** What agents and tracing put into headers: one execution, whoever calls for it. */
function sessionOf(headers: Headers): Named | undefined {
  for (const name of SESSION_HEADERS) {
    const value = headers.get(name);
    if (!value || !isName(value)) continue;
    const parent = name === 'x-dynamo-session-id' && headers.get('x-dynamo-parent-session-id');
    const isChild = parent && isName(parent) && parent !== value;
    return { value, why: name, ...(isChild ? { parent } : {}) };
  }
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(headers.get('traceparent') ?? '')?.[1];
  return trace && !/^0+$/.test(trace) ? { value: trace, why: 'traceparent' } : undefined;
}

/**
 * What the body tells of its run. A session is the key's. `prompt_cache_key` and `user` may stand
 * for all traffic of a program, so they name a run only within key, application and conversation.
 * An agent's loop is known by its beginning even where nothing is named.
 */
async function bodyRunOf(hints: BodyHints, keyId: string, app: string): Promise<Named | undefined> {
  const { session, loose, conversation } = hints;
  if (session !== undefined) {
    return { value: `session-${await fingerprint(keyId, session)}`, why: 'session_id' };
  }
  if (!conversation || (!loose && !conversation.hasTools)) return undefined;
  const { start, turns } = conversation;
  const id = await fingerprint(keyId, app, loose?.id ?? '', start);
  const beginning = 'the beginning of its conversation';
  const why = loose ? `${loose.field} and ${beginning}` : beginning;
  return { value: `run-${id}`, why, turn: turns };
}

async function fingerprint(...parts: readonly string[]): Promise<string> {
  return (await sha256Hex(JSON.stringify(parts))).slice(0, FINGERPRINT_CHARS);
}

/** The OpenAI SDK tells its own time limit, in seconds. */
function stainlessTimeoutMs(headers: Headers): string | undefined {
  const seconds = Number(headers.get('x-stainless-timeout') ?? Number.NaN);
  return seconds > 0 && Number.isFinite(seconds * 1000) ? String(seconds * 1000) : undefined;
}

function limitsOf(
  deadline: string | undefined,
  maxWait: string | undefined,
): Outcome<{ limits: Pick<Identity, 'deadlineMs' | 'maxWaitMs'> }> {
  const deadlineMs = positive(deadline);
  const maxWaitMs = positive(maxWait);
  if (deadlineMs === 'wrong' || maxWaitMs === 'wrong') {
    const param = deadlineMs === 'wrong' ? 'x-talaria-deadline-ms' : 'x-talaria-max-wait-ms';
    return failure('invalid_request_error', { param, message: 'Expected milliseconds above 0.' });
  }
  return {
    ok: true,
    limits: {
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    },
  };
}

function positive(text: string | undefined): number | 'wrong' | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : 'wrong';
}
