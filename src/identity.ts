/**
 * Which application, run and unit a call belongs to. Explicit headers come first, then the same as
 * metadata in the body, then what agents and SDKs send anyway, then a fingerprint: clients need not
 * know of Talaria to be told apart (docs/architecture.md, "Identity").
 */
import { sha256Hex } from './auth.ts';
import { failure, type Outcome } from './errors.ts';

export interface Identity {
  readonly app: string;
  readonly runId: string;
  readonly unit: string;
  /** The run's last call; a run of one call is its own last. */
  readonly final: boolean;
  readonly deadlineMs?: number;
  readonly maxWaitMs?: number;
}

/** The parts of a request that tell callers apart. */
export interface BodyHints {
  readonly metadata: Readonly<Record<string, string>>;
  /** System prompt and tools, as text. */
  readonly shape: string;
  /** `session_id`, `prompt_cache_key` or `user`. */
  readonly session?: string;
  /** The unit's name where a client gives none: a tool's backend. */
  readonly unit?: string;
}

const MAX_NAME_CHARS = 128;
/** Headers by which agents name their session, in the order in which they are believed. */
const SESSION_HEADERS = [
  'x-dynamo-session-id',
  'x-claude-code-session-id',
  'session-id',
  'thread-id',
  'x-session-id',
];

export async function identify(
  headers: Headers,
  hints: BodyHints,
  keyId: string,
): Promise<Outcome<{ identity: Identity }>> {
  const told = (name: string) => headers.get(`x-talaria-${name}`) ?? undefined;
  const meta = (name: string) => hints.metadata[`talaria_${name.replaceAll('-', '_')}`];
  const either = (name: string) => told(name) ?? meta(name);

  for (const name of ['app', 'run', 'unit']) {
    const value = either(name);
    if (value !== undefined && !isName(value)) {
      const message = `Expected 1 to ${MAX_NAME_CHARS} printable characters.`;
      return failure('invalid_request_error', { param: `x-talaria-${name}`, message });
    }
  }
  const runId = either('run') ?? session(headers, hints);
  // An SDK's time limit is that of one call: a deadline only where the call is the whole run.
  const ownLimit = runId === undefined ? stainlessTimeoutMs(headers) : undefined;
  const deadline = positive(either('deadline-ms') ?? ownLimit);
  const maxWait = positive(either('max-wait-ms'));
  if (deadline === 'wrong' || maxWait === 'wrong') {
    const param = deadline === 'wrong' ? 'x-talaria-deadline-ms' : 'x-talaria-max-wait-ms';
    return failure('invalid_request_error', { param, message: 'Expected milliseconds above 0.' });
  }
  const fingerprint = (await sha256Hex(`${keyId}\n${hints.shape}`)).slice(0, 12);
  return {
    ok: true,
    identity: {
      app: either('app') ?? `app-${fingerprint}`,
      runId: runId ?? crypto.randomUUID(),
      unit: either('unit') ?? hints.unit ?? `unit-${fingerprint}`,
      final:
        runId === undefined ||
        either('run-final') === 'true' ||
        headers.get('x-dynamo-session-final') === 'true',
      ...(deadline === undefined ? {} : { deadlineMs: deadline }),
      ...(maxWait === undefined ? {} : { maxWaitMs: maxWait }),
    },
  };
}

export function isName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_CHARS && /^[\x20-\x7e]+$/.test(text);
}

function session(headers: Headers, hints: BodyHints): string | undefined {
  const agent = SESSION_HEADERS.map((name) => headers.get(name)).find((id) => id && isName(id));
  if (agent) return agent;
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(headers.get('traceparent') ?? '')?.[1];
  if (trace && !/^0+$/.test(trace)) return trace;
  return hints.session !== undefined && isName(hints.session) ? hints.session : undefined;
}

/** The OpenAI SDK tells its own time limit, in seconds. */
function stainlessTimeoutMs(headers: Headers): string | undefined {
  const seconds = Number(headers.get('x-stainless-timeout') ?? Number.NaN);
  return seconds > 0 && Number.isFinite(seconds * 1000) ? String(seconds * 1000) : undefined;
}

function positive(text: string | undefined): number | 'wrong' | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : 'wrong';
}
