/**
 * The content codings in which a request's body is accepted, by the names that clients write
 * (RFC 9110, section 8.4.1). How a body is decoded is in `decoded-body.ts`.
 */
import { ACCEPTED_CODINGS, failure, type Outcome } from './errors.ts';

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** What each name means; `identity` and an empty one are no coding at all. */
export const CODING_NAMES: ReadonlyArray<{
  readonly name: string;
  readonly means: Coding | 'identity';
  readonly source: string;
}> = [
  { name: 'gzip', means: 'gzip', source: 'RFC 9110, 8.4.1.3' },
  { name: 'x-gzip', means: 'gzip', source: 'RFC 9110, 8.4.1.3: the same as gzip' },
  { name: 'deflate', means: 'deflate', source: 'RFC 9110, 8.4.1.2; some clients leave zlib out' },
  { name: 'br', means: 'br', source: 'RFC 7932' },
  { name: 'zstd', means: 'zstd', source: 'RFC 8878 and 9659; what Codex sends' },
  { name: 'identity', means: 'identity', source: 'RFC 9110, 12.5.3' },
  { name: '', means: 'identity', source: 'RFC 9110, 5.6.1: empty members of a list are ignored' },
];

const MEANINGS = new Map(CODING_NAMES.map(({ name, means }) => [name, means]));

/** Most codings on top of each other: two may come of a proxy that compresses again. */
const MAX_CODINGS = 2;

/** The codings of a body in the order in which they were applied. Error: `unsupported_encoding`. */
export function codingsOf(headers: Headers): Outcome<{ codings: readonly Coding[] }> {
  const given = headers.get('content-encoding');
  if (given === null) return NO_CODINGS;
  const codings: Coding[] = [];
  for (const part of given.split(',')) {
    const name = part.trim().toLowerCase();
    const coding = MEANINGS.get(name);
    if (coding === undefined) return unsupported(`"${name.slice(0, 64)}" is not decoded here`);
    if (coding !== 'identity') codings.push(coding);
    if (codings.length > MAX_CODINGS) return unsupported(`expected ${MAX_CODINGS} at most`);
  }
  return { ok: true, codings };
}

const NO_CODINGS = { ok: true, codings: [] } as const;

function unsupported(problem: string) {
  const message = `Content-Encoding: ${problem}; ${ACCEPTED_CODINGS} are.`;
  return failure('unsupported_encoding', { param: 'content-encoding', message });
}
