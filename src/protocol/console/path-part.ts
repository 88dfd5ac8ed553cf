/**
 * Names in the paths of the console and of its API. Browsers and proxies take the parts `.` and `..`
 * out of every path, encoded or not, and applications and runs may be called so: such a name has a
 * `~` before it, and so has each name that could be mistaken for one.
 */
const DOTS = /^~*\.{1,2}$/;

/** The name as a part of a path. */
export function pathPart(name: string): string {
  return encodeURIComponent(DOTS.test(name) ? `~${name}` : name);
}

/** The name of a part that was decoded from its percent signs. */
export function nameOfPart(part: string): string {
  return part.startsWith('~') && DOTS.test(part) ? part.slice(1) : part;
}
