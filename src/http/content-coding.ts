/**
 * The content codings in which a request's body is accepted, by the names that clients write
 * (RFC 9110, section 8.4.1). How a body is decoded is in `decoded-body.ts`.
 */

import { ACCEPTED_CODINGS, failure, type Outcome } from './errors.ts';
import type { HeaderReader } from './held-headers.ts';

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** What each name means; `identity` and an empty one are no coding at all. */
export const CODING_NAMES: Readonly<Record<string, Coding | 'identity'>> = {
  gzip: 'gzip', // RFC 9110, 8.4.1.3
  'x-gzip': 'gzip', // RFC 9110, 8.4.1.3: the same as gzip
  deflate: 'deflate', // RFC 9110, 8.4.1.2; some clients leave zlib out
  br: 'br', // RFC 7932
  zstd: 'zstd', // RFC 8878 and 9659; what Codex sends
  identity: 'identity', // RFC 9110, 12.5.3
  '': 'identity', // RFC 9110, 5.6.1: empty members of a list are ignored
};

const MEANINGS = new Map(Object.entries(CODING_NAMES));

/** Most codings on top of each other: two may come of a proxy that compresses again. */
const MAX_CODINGS = 2;

/** The codings of a body in the order in which they were applied. Error: `unsupported_encoding`. */
export function codingsOf(headers: HeaderReader): Outcome<{ codings: readonly Coding[] }> {
  const given = headers.get('content-encoding');
  if (given === null) return NO_CODINGS;
  const codings: Coding[] = [];
  for (const part of given.split(',')) {
    const name = part.trim().toLowerCase();
    const coding = MEANINGS.get(name);
    if (coding === undefined) return unsupported(`"${name.slice(0, 64)}" is not decoded here`);
    if (coding !== 'identity') codings.push(coding);
    if (codings.length > MAX_CODINGS)
      return unsupported(`more than ${MAX_CODINGS} are not decoded here`);
  }
  return { ok: true, codings };
}

const NO_CODINGS = { ok: true, codings: [] } as const;

function unsupported(problem: string) {
  const message = `Content-Encoding: ${problem}; ${ACCEPTED_CODINGS} are.`;
  return failure('unsupported_encoding', { param: 'content-encoding', message });
}
