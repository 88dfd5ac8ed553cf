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

/** The model that a path names, as Azure's and OpenAI's older ones do; undefined for any other. */
export function modelInPath(path: string): string | undefined {
  const name = isPlain(path) ? undefined : partsOf(path).model;
  try {
    return name && decodeURIComponent(name);
  } catch {
    return undefined;
  }
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
  return isBare && !MAY_BE_BASE.test(path);
}

const MAY_BE_BASE = /^\/(?:v1\/(?:v\d|openai|reranking|engines)|openai|anthropic|api|v2|engines)\b/;

interface PathParts {
  /** The names between slashes, without those that mean nothing. */
  readonly names: readonly string[];
  /** What follows the name of a backend. */
  readonly rest: string;
  /** The name in a base that has one, as it was written. */
  readonly model: string | undefined;
}

function partsOf(path: string): PathParts {
  const names: string[] = [];
  let model: string | undefined;
  let at = 0;
  while (at < path.length) {
    while (path[at] === '/') at += 1;
    if (at >= path.length) break;
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    model = add(names, path.slice(at, end)) ?? model;
    at = end;
    if (names.length === 3 && names[0] === 'v1' && names[1] === 'backends') {
      return { names, rest: path.slice(at), model };
    }
  }
  return { names, rest: '', model };
}

/**
 * What clients write at the beginning of a path, and what is served there; the first that fits counts.
 * Behind each: who writes it.
 */
export const WRITTEN_BASES: Readonly<Record<string, string>> = {
  'v1/v1': 'v1', // a base URL with /v1 before a path with it
  'openai/v1': 'v1', // Azure, Groq
  'v1/openai': 'openai', // Azure's path behind a base URL with /v1
  'v1/v2': 'v2', // Cohere's path behind a base URL with /v1
  'anthropic/v1': 'v1', // DeepSeek, Moonshot, LiteLLM
  'api/v1': 'v1', // OpenRouter, LM Studio
  'v2/rerank': 'v1/rerank', // Cohere, Jina, vLLM
  'v1/reranking': 'v1/rerank', // llama.cpp
  'openai/openai': 'openai', // Azure's path behind a base URL with /openai
  'openai/deployments/*/': 'v1', // Azure; the model is `modelInPath`
  'openai/deployments': 'openai/deployments', // the beginning of the one above
  'openai/': 'v1', // Azure's SDKs where a path needs no deployment: responses, models, files, batches
  'v1/engines/*/': 'v1', // OpenAI's before 2023, LiteLLM
  'engines/*/': 'v1', // LiteLLM
};

const BASES = Object.entries(WRITTEN_BASES).map(([written, served]) => ({
  written: written.split('/'),
  served: served.split('/'),
}));
/** Names at the beginning of a path in which a base may end. */
const LONGEST_BASE = 4;

/** Adds a name, in the form that is served. Returns the model that a base names which ends here. */
function add(names: string[], name: string): string | undefined {
  names.push(name);
  let model: string | undefined;
  while (names.length <= LONGEST_BASE) {
    const base = BASES.find(
      ({ written }) =>
        written.length === names.length && written.every((one, i) => fits(one, names[i])),
    );
    if (!base || names.join() === base.served.join()) break;
    const star = base.written.indexOf('*');
    model = star < 0 ? model : names[star];
    const isKept = base.written.at(-1) === '';
    // What is served may be the beginning of another base.
    names.splice(0, names.length, ...base.served, ...(isKept ? [name] : []));
  }
  return model;
}

/** `*` is any name; the empty one at the end is what follows, which stays. */
function fits(written: string, name: string | undefined): boolean {
  return written === name || written === '*' || written === '';
}
