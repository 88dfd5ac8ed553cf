/**
 * Reads paths as clients write them: a base URL with or without `/v1` or a slash at its end, put
 * before a path that has them as well. What follows a backend's name is the tool's own, and stays.
 */

/** The path that is served for one that was written, both without query. */
export function servedPath(path: string): string {
  if (isPlain(path)) return path;
  const { names, rest } = partsOf(path);
  return `/${names.join('/')}${rest}`;
}

/** What follows the name of a backend in a path, as it was written. */
export function behindBackend(path: string): string {
  return partsOf(path).rest;
}

/** True for a path in the form in which it is served. */
function isPlain(path: string): boolean {
  const behind = '/v1/backends/';
  if (path.startsWith(behind) && path.length > behind.length && path[behind.length] !== '/') {
    return true;
  }
  const isBare = !path.includes('//') && (path.length < 2 || !path.endsWith('/'));
  return isBare && !path.startsWith('/v1/v1') && !path.startsWith('/openai/');
}

interface PathParts {
  /** The names between slashes, without those that mean nothing. */
  readonly names: readonly string[];
  /** What follows the name of a backend. */
  readonly rest: string;
}

function partsOf(path: string): PathParts {
  const names: string[] = [];
  let at = 0;
  while (at < path.length) {
    while (path[at] === '/') at += 1;
    if (at >= path.length) break;
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    add(names, path.slice(at, end));
    at = end;
    if (names.length === 3 && names[0] === 'v1' && names[1] === 'backends') {
      return { names, rest: path.slice(at) };
    }
  }
  return { names, rest: '' };
}

/** Adds a name, in the form that is served. */
function add(names: string[], name: string): void {
  // `/v1` at the end of the base URL and again in the path.
  if (name === 'v1' && names.length === 1 && names[0] === 'v1') return;
  // `/openai/v1` is the base URL of several providers, Azure's among them.
  if (name === 'v1' && names.length === 1 && names[0] === 'openai') {
    names[0] = 'v1';
    return;
  }
  names.push(name);
  // Azure names the deployment in the path; OpenAI's SDK names the model in the body as well.
  if (names.length === 3 && names[0] === 'openai' && names[1] === 'deployments') {
    names.splice(0, 3, 'v1');
  }
}
