/**
 * What can go wrong when the page asks the Worker, as data, and in words: what is wrong, and what to
 * do about it.
 */

export type ProblemKind =
  | 'offline'
  | 'unauthorized'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'invalid'
  | 'busy'
  | 'server'
  | 'unreadable';

export interface Problem {
  readonly kind: ProblemKind;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** The Worker's own words. */
  readonly message: string;
  readonly code: string | null;
  /** The field that is wrong. */
  readonly param: string | null;
  /** The whole body, for answers that say more, such as a conflict. */
  readonly body: unknown;
  readonly retryAfterMs: number | null;
}

interface Words {
  readonly title: string;
  readonly advice: string;
}

const WORDS: Readonly<Record<ProblemKind, Words>> = {
  offline: {
    title: 'The service cannot be reached',
    advice: 'Check the network. The page tries again by itself.',
  },
  unauthorized: {
    title: 'The token is not accepted',
    advice: 'It was changed or revoked. Sign in with a valid one.',
  },
  forbidden: {
    title: 'This is not allowed with your token',
    advice: 'A key of a tenant reads its own tenant. Changes need the admin token.',
  },
  missing: {
    title: 'This does not exist, or no longer',
    advice: 'It may have been deleted, or be too old to be kept.',
  },
  conflict: {
    title: 'Somebody else changed it meanwhile',
    advice: 'Look at what is there now, and save again.',
  },
  invalid: { title: 'The service refuses this', advice: 'Correct the field that it names.' },
  busy: { title: 'Too many requests', advice: 'The page waits and tries again by itself.' },
  server: {
    title: 'The service failed',
    advice: 'The page tries again by itself. The log of the Worker says more.',
  },
  unreadable: {
    title: 'The answer cannot be read',
    advice: 'Page and service may be of different versions. Reload the page.',
  },
};

export function wordsOf(problem: Problem): Words {
  return WORDS[problem.kind];
}

/** Whether the same request may succeed later without anybody's doing. */
export function passesByItself({ kind }: Problem): boolean {
  return kind === 'offline' || kind === 'busy' || kind === 'server';
}

export function kindOf(status: number): ProblemKind {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404 || status === 410) return 'missing';
  if (status === 409 || status === 412) return 'conflict';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'server' : 'invalid';
}
