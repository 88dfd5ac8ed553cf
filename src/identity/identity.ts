/**
 * Determines the application, run and unit of a call. Explicit headers come first, then the same
 * names as metadata in the body, then what agents and SDKs send anyway, then a fingerprint, so that
 * clients need not know of Talaria (docs/architecture.md, "Identity"). The body is read in
 * `conversation.ts`.
 */

import { taskPrints } from '../apis/task-print.ts';
import { type Outcome, wrongInput } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { KnownHashes } from '../http/known-hashes.ts';
import { sha256Hex } from '../http/sha256.ts';
import { isName, MAX_NAME_CHARS } from '../protocol/name.ts';
import type { BodyHints } from './conversation.ts';
import { TASK_FRAMES } from './known-clients.ts';
import { clientName } from './labels.ts';
import { isPlaceholder } from './placeholders.ts';
import { isSubAgent, type Named, sessionOf, TRACE_HEADER } from './sessions.ts';

export type { BodyHints };

export interface Identity {
  readonly app: string;
  /** The client named no application: it is a fingerprint of the API key and the call's shape. */
  readonly ownApp?: true;
  readonly runId: string;
  readonly unit: string;
  /** The session that began this one; both belong to one run. */
  readonly parentRunId?: string;
  /** The call is the run's last; true for a run of one call. */
  readonly final: boolean;
  /** Nothing identifies a run, so the call is a run of its own. */
  readonly sole: boolean;
  /** Messages of the conversation so far, where its beginning identified the run. */
  readonly turn?: number;
  /** Ids of earlier answers that the body brings back, the newest first. */
  readonly cameBack?: readonly string[];
  /** Fingerprints of texts in the body that earlier answers may have had. */
  readonly texts?: readonly string[];
  /** Fingerprints of what begins its conversation, which a tool call may have handed out. */
  readonly tasks?: readonly string[];
  /** The application is a fingerprint of a call of an agent's main loop, or of one beside it. */
  readonly guessedApp?: 'main' | 'side';
  /** What people read beside names that are fingerprints. */
  readonly labels?: { readonly app?: string; readonly unit?: string };
  /** Output that the client expects, tokens. */
  readonly expectedTokens?: number;
  /** The client states that the call is a retry. */
  readonly retry: boolean;
  readonly deadlineMs?: number;
  /** Refuse a call whose run can hardly meet its deadline; absent: the call runs all the same. */
  readonly refuseIfLate?: true;
  readonly maxWaitMs?: number;
  /** What each name was taken from, in words for people. */
  readonly why: { readonly app: string; readonly run: string; readonly unit: string };
}

const FINGERPRINT_CHARS = 12;
/** The shape of a call comes back with each call of its unit: up to 2 MB of them are known. */
const prints = new KnownHashes({ most: 500, maxChars: 2_048 });
const FINGERPRINT = 'fingerprint of system prompt and tools';

/**
 * `keyId` is the id of the API key, which is part of fingerprints. The error is
 * `invalid_request_error`, for an explicit header or metadata field that is not valid.
 */
export async function identify(
  headers: Headers,
  hints: BodyHints,
  keyId: string,
): Promise<Outcome<{ identity: Identity }>> {
  const explicit = (name: string) => setValues(headers, hints, name)[0];
  const asked = {
    app: givenName(headers, hints, 'app'),
    run: givenName(headers, hints, 'run'),
    unit: givenName(headers, hints, 'unit'),
  };
  const invalid = Object.values(asked).find(({ named }) => named && !isName(named.value))?.named;
  if (invalid) {
    const message = `Expected 1 to ${MAX_NAME_CHARS} printable characters.`;
    return wrongInput({ param: invalid.why, message });
  }
  const namedApp = asked.app.named;
  const app = namedApp ?? {
    value: `app-${await fingerprint(keyId, hints.shape)}`,
    why: FINGERPRINT,
  };
  const namedUnit = asked.unit.named;
  const unit = namedUnit ?? (await unitOf(headers, hints));
  const session = asked.run.named ?? sessionOf(headers);
  const run = session ? withResults(session, hints) : await bodyRunOf(hints, keyId, app.value);
  // An SDK's timeout is that of one call, so it is a deadline only where the call is the whole run.
  const sdkTimeoutMs = run === undefined ? stainlessTimeoutMs(headers) : undefined;
  const limits = limitsOf(explicit('deadline-ms') ?? sdkTimeoutMs, explicit('max-wait-ms'));
  if (!limits.ok) return limits;
  const ifLate = explicit('if-late');
  if (ifLate && ifLate.value !== 'run' && ifLate.value !== 'refuse') {
    return wrongInput({ param: ifLate.why, message: 'Expected "run" or "refuse".' });
  }
  return {
    ok: true,
    identity: {
      app: app.value,
      ...guessed(headers, hints, { run, namesApp: !!namedApp, namesUnit: !!namedUnit }),
      runId: run?.value ?? crypto.randomUUID(),
      unit: unit.value,
      ...(run ? placeOf(run) : {}),
      ...textsOf(hints, run),
      ...tasksOf(hints, run),
      final: run === undefined || isTrue(explicit('run-final')?.value) || sessionEnds(headers, run),
      sole: run === undefined,
      ...(hints.agent?.expectedTokens ? { expectedTokens: hints.agent.expectedTokens } : {}),
      retry: Number(headers.get('x-stainless-retry-count') ?? 0) > 0,
      ...limits.limits,
      ...(ifLate?.value === 'refuse' ? { refuseIfLate: true } : {}),
      why: {
        app: app.why + asked.app.note,
        run: (run?.why ?? 'a run of its own') + asked.run.note,
        unit: unit.why + asked.unit.note,
      },
    },
  };
}

/** The end of a session that another session began is not the end of the run. */
function sessionEnds(headers: Headers, { parent }: Named): boolean {
  return !parent && isTrue(headers.get('x-dynamo-session-final'));
}

/** In any case: Python writes `True`. */
function isTrue(text: string | null | undefined): boolean {
  return /^\s*true\s*$/i.test(text ?? '');
}

/** Fingerprint of a call's body, by which a repeated call is recognised. */
export async function bodyFingerprint(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return (await sha256Hex(content)).slice(0, 2 * FINGERPRINT_CHARS);
}

/**
 * A name that the client sets for Talaria: in a header, or else in the metadata. `note`: what to say
 * where it set a placeholder, behind what was taken instead.
 */
function givenName(
  headers: Headers,
  hints: BodyHints,
  name: string,
): { readonly named: Named | undefined; readonly note: string } {
  const [first, second] = setValues(headers, hints, name);
  if (first === undefined || !isPlaceholder(first.value)) return { named: first, note: '' };
  const named = second && !isPlaceholder(second.value) ? second : undefined;
  return { named, note: ` (${first.why} is a placeholder)` };
}

/** What the client sets for Talaria, the header first. */
function setValues(headers: Headers, hints: BodyHints, name: string): Named[] {
  const header = headers.get(`x-talaria-${name}`);
  const field = `talaria_${name.replaceAll('-', '_')}`;
  const value = hints.metadata[field];
  return [
    ...(header === null ? [] : [{ value: header, why: `x-talaria-${name}` }]),
    ...(value === undefined ? [] : [{ value, why: `metadata.${field}` }]),
  ];
}

async function unitOf(headers: Headers, hints: BodyHints): Promise<Named> {
  if (hints.unit !== undefined) return { value: hints.unit, why: 'its backend' };
  // A sub-agent is a unit of its own, even with the prompt and tools of its main agent.
  const agent = isSubAgent(headers) ? 'sub-agent' : '';
  return { value: `unit-${await fingerprint(agent, hints.shape)}`, why: FINGERPRINT };
}

/**
 * The run from the body. A session id is unique within its API key. `prompt_cache_key` and `user`
 * may be the same for all traffic of a program, so they identify a run only together with key,
 * application and conversation. An agent's loop is identified by its beginning even without a name.
 */
async function bodyRunOf(hints: BodyHints, keyId: string, app: string): Promise<Named | undefined> {
  const { session, agent, loose, conversation, continues } = hints;
  const own = async (id: string) => `session-${await fingerprint(keyId, id)}`;
  if (session !== undefined) return { value: await own(session), why: 'session_id' };
  if (agent?.session !== undefined) {
    const { session: id, parent } = agent;
    const began = parent === undefined || parent === id ? {} : { parent: await own(parent) };
    return { value: await own(id), why: 'the session of its agent', ...began };
  }
  const results = hints.toolResults?.() ?? [];
  const cameBack = continues === undefined ? results : [continues, ...results];
  const back = cameBack.length > 0 ? { cameBack } : {};
  if (!conversation) {
    if (continues === undefined) return undefined;
    const why = 'the response that it continues';
    return { value: `run-${await fingerprint(keyId, app, continues)}`, why, ...back };
  }
  if (!loose && !conversation.hasTools && cameBack.length === 0) return undefined;
  const { start, turns } = conversation;
  const id = await fingerprint(keyId, app, loose?.id ?? '', start);
  const beginning = 'the beginning of its conversation';
  const named = loose ? `${loose.field} and ${beginning}` : beginning;
  const why = cameBack.length > 0 ? `${named}, and what earlier answers handed out` : named;
  return { value: `run-${id}`, why, turn: turns, ...back };
}

/**
 * Where nothing else begins a trace, instrumentation begins one with each call: ids that come back
 * tell the run then.
 */
function withResults(run: Named, hints: BodyHints): Named {
  if (run.why !== TRACE_HEADER) return run;
  const cameBack = hints.toolResults?.() ?? [];
  return cameBack.length === 0 ? run : { ...run, cameBack };
}

function placeOf({
  parent,
  turn,
  cameBack,
}: Named): Pick<Identity, 'parentRunId' | 'turn' | 'cameBack'> {
  return {
    ...given({ parentRunId: parent, turn, cameBack }),
  };
}

/** Texts tell what nothing else does: a call without a name, or with that of its conversation. */
function textsOf(hints: BodyHints, run: Named | undefined): Pick<Identity, 'texts'> {
  if (run && run.turn === undefined) return {};
  const texts = hints.texts?.() ?? [];
  return texts.length === 0 ? {} : { texts };
}

/** Only a conversation that brings no results back may be at its beginning. */
function tasksOf({ conversation }: BodyHints, run: Named | undefined): Pick<Identity, 'tasks'> {
  if (!conversation || (run && (run.turn === undefined || run.cameBack))) return {};
  const { start } = conversation;
  const framed = framedTask(start);
  const tasks = new Set([
    ...(framed === undefined ? [] : taskPrints(framed).slice(0, 1)),
    ...taskPrints(start),
  ]);
  return tasks.size === 0 ? {} : { tasks: [...tasks] };
}

/** What a client put its own words around. */
function framedTask(text: string): string | undefined {
  for (const { open, close } of TASK_FRAMES) {
    const at = text.indexOf(open);
    const end = at < 0 ? -1 : text.indexOf(close, at + open.length);
    if (end >= 0) return text.slice(at + open.length, end);
  }
  return undefined;
}

/** What the names that are fingerprints are made of, and what people read beside them. */
function guessed(
  headers: Headers,
  { conversation, label, unit: toolUnit }: BodyHints,
  asked: {
    readonly run: Named | undefined;
    readonly namesApp: boolean;
    readonly namesUnit: boolean;
  },
): Pick<Identity, 'ownApp' | 'guessedApp' | 'labels'> {
  const isChild = isSubAgent(headers) || asked.run?.parent !== undefined;
  const app = asked.namesApp ? undefined : (clientName(headers) ?? label ?? toolUnit);
  const own = isChild && label !== undefined ? `${label} (sub-agent)` : label;
  const unit = asked.namesUnit || toolUnit !== undefined ? undefined : own;
  const labels = {
    ...given({ app, unit }),
  };
  return {
    ...(asked.namesApp
      ? {}
      : { ownApp: true, guessedApp: conversation?.hasTools && !isChild ? 'main' : 'side' }),
    ...(app === undefined && unit === undefined ? {} : { labels }),
  };
}

async function fingerprint(...parts: readonly string[]): Promise<string> {
  const text = JSON.stringify(parts);
  const hash = await prints.of(text);
  prints.keep(text, hash);
  return hash.slice(0, FINGERPRINT_CHARS);
}

/** The timeout that the OpenAI SDK states in seconds, as text in ms. */
function stainlessTimeoutMs(headers: Headers): Named | undefined {
  const why = 'x-stainless-timeout';
  const seconds = Number(headers.get(why) ?? Number.NaN);
  const isTime = seconds > 0 && Number.isFinite(seconds * 1000);
  return isTime ? { value: String(seconds * 1000), why } : undefined;
}

function limitsOf(
  deadline: Named | undefined,
  maxWait: Named | undefined,
): Outcome<{ limits: Pick<Identity, 'deadlineMs' | 'maxWaitMs'> }> {
  for (const limit of [deadline, maxWait]) {
    if (limit === undefined || isTime(limit.value)) continue;
    return wrongInput({ param: limit.why, message: 'Expected milliseconds above 0.' });
  }
  const limits = { deadlineMs: msOf(deadline), maxWaitMs: msOf(maxWait) };
  return { ok: true, limits: given(limits) };
}

function isTime(text: string): boolean {
  const value = Number(text);
  return Number.isFinite(value) && value > 0;
}

/** Without an end that matters: what is recorded of it must fit into an export. */
const LONGEST_MS = 1e12;

function msOf(limit: Named | undefined): number | undefined {
  return limit && Math.min(LONGEST_MS, Number(limit.value));
}
