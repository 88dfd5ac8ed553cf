/**
 * Determines the application, run and unit of a call. Explicit headers come first, then the same
 * names as metadata in the body, then what agents and SDKs send anyway, then a fingerprint, so that
 * clients need not know of Talaria (docs/architecture.md, "Identity"). What a client sets for Talaria is
 * read in set-values.ts, the run by the body in body-run.ts, the body itself in conversation.ts.
 */

import { type Outcome, wrongInput } from '../http/errors.ts';
import { given } from '../http/given.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { isName, MAX_NAME_CHARS } from '../protocol/name.ts';
import { bodyRunOf, tasksOf, textsOf, withResults } from './body-run.ts';
import type { BodyHints } from './conversation.ts';
import { fingerprint } from './fingerprint.ts';
import { clientName } from './labels.ts';
import { isSubAgent, type Named, sessionOf } from './sessions.ts';
import { givenName, isTrue, limitsOf, setValues, stainlessTimeoutMs } from './set-values.ts';

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

const FINGERPRINT = 'fingerprint of system prompt and tools';

/**
 * `keyId` is the id of the API key, which is part of fingerprints. The error is
 * `invalid_request_error`, for an explicit header or metadata field that is not valid.
 */
export async function identify(
  headers: HeaderReader,
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
    const message = `Expected 1 to ${MAX_NAME_CHARS} printable ASCII characters.`;
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
      runId: run?.value ?? crypto.randomUUID(),
      unit: unit.value,
      final: run === undefined || isTrue(explicit('run-final')?.value) || sessionEnds(headers, run),
      sole: run === undefined,
      retry: Number(headers.get('x-stainless-retry-count') ?? 0) > 0,
      why: {
        app: app.why + asked.app.note,
        run: (run?.why ?? 'a run of its own') + asked.run.note,
        unit: unit.why + asked.unit.note,
      },
      ...guessed(headers, hints, { run, namesApp: !!namedApp, namesUnit: !!namedUnit }),
      ...(run ? placeOf(run) : {}),
      ...textsOf(hints, run),
      ...tasksOf(hints, run),
      ...(hints.agent?.expectedTokens ? { expectedTokens: hints.agent.expectedTokens } : {}),
      ...limits.limits,
      ...(ifLate?.value === 'refuse' ? { refuseIfLate: true } : {}),
    },
  };
}

/** The end of a session that another session began is not the end of the run. */
function sessionEnds(headers: HeaderReader, { parent }: Named): boolean {
  return !parent && isTrue(headers.get('x-dynamo-session-final'));
}

async function unitOf(headers: HeaderReader, hints: BodyHints): Promise<Named> {
  if (hints.unit !== undefined) return { value: hints.unit, why: 'its backend' };
  // A sub-agent is a unit of its own, even with the prompt and tools of its main agent.
  const agent = isSubAgent(headers) ? 'sub-agent' : '';
  return { value: `unit-${await fingerprint(agent, hints.shape)}`, why: FINGERPRINT };
}

function placeOf({
  parent,
  turn,
  cameBack,
}: Named): Pick<Identity, 'parentRunId' | 'turn' | 'cameBack'> {
  return given({ parentRunId: parent, turn, cameBack });
}

/** What the names that are fingerprints are made of, and what people read beside them. */
function guessed(
  headers: HeaderReader,
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
  const labels = given({ app, unit });
  return {
    ...(asked.namesApp
      ? {}
      : { ownApp: true, guessedApp: conversation?.hasTools && !isChild ? 'main' : 'side' }),
    ...(app === undefined && unit === undefined ? {} : { labels }),
  };
}
