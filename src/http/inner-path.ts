/**
 * Judges a path that is appended to another one: whatever servers behind it decode, normalise or cut
 * off, it must not lead out of what it is appended to. Proxies differ in how often they decode, so
 * the path is judged in every form that it takes on the way.
 */

/** Most rounds of decoding; a path that still changes then hides something. */
const MAX_ROUNDS = 6;
/** `%XX`, `%uXXXX` as some servers write it, and characters that others take for dots and slashes. */
const ENCODED = /%u([0-9a-f]{4})|((?:%[0-9a-f]{2})+)/gi;
/** A segment that means the one above or the same; some servers cut off dots and blanks behind it. */
const DOTS = /^[.\s]+$/;

/** What is wrong with a path after its prefix, without query; undefined where nothing is. */
export function innerPathProblem(path: string): string | undefined {
  let form = path;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const problem = problemIn(form);
    if (problem !== undefined) return problem;
    const next = decoded(form);
    if (next === undefined)
      return 'expected no characters in a longer form than they have in UTF-8';
    if (next === form) return undefined;
    form = next;
  }
  return 'expected no escapes within escapes';
}

function problemIn(path: string): string | undefined {
  for (const character of path) {
    const code = character.charCodeAt(0);
    if (code < 0x20 || code === 0x7f) return 'expected no control characters';
  }
  // Some servers take these for each other.
  const slashes = path
    .normalize('NFKC')
    .replaceAll('\\', '/')
    .replace(/[\u2044\u2215\u2216\u29f5\u29f8\u29f9]/g, '/');
  if (slashes.startsWith('//')) return 'expected one slash at its beginning';
  // Behind a semicolon are parameters of the segment, which some servers cut off, and some do not.
  for (const name of slashes.split(/[/;]/)) {
    if (DOTS.test(name)) return 'expected no segments of dots';
  }
  return undefined;
}

/** The path with its escapes decoded once; undefined where one hides a character. */
function decoded(path: string): string | undefined {
  let hides = false;
  const text = path.replace(ENCODED, (found: string, unit: string | undefined) => {
    if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit, 16));
    const bytes = Uint8Array.from(found.slice(1).split('%'), (hex) => Number.parseInt(hex, 16));
    hides ||= hasLongForm(bytes);
    return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes);
  });
  return hides ? undefined : text;
}

/** True where a character is written in more bytes than it needs, which is no UTF-8. */
function hasLongForm(bytes: Uint8Array): boolean {
  return bytes.some((byte, i) => {
    const next = bytes[i + 1] ?? 0xff;
    if (byte === 0xc0 || byte === 0xc1 || byte >= 0xf8) return true;
    return (byte === 0xe0 && next < 0xa0) || (byte === 0xf0 && next < 0x90);
  });
}
