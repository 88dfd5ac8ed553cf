/**
 * The setting `UPSTREAM` of `npm start`: an OpenAI-compatible server that the user already runs. It
 * is asked for its models before anything else starts; any problem is reported in one sentence.
 */

const PATIENCE_MS = 5_000;
const DEFAULT_SLOTS = 4;
/** Ollama's default of OLLAMA_NUM_PARALLEL. */
const OLLAMA_SLOTS = 1;
const MAX_SLOTS = 100_000;
/** Characters of a model's name. */
const MAX_NAME = 256;
/** Name of the Worker's binding that holds the server's key. */
export const KEY_BINDING = 'UPSTREAM_KEY';

export interface Upstream {
  readonly url: string;
  readonly models: readonly string[];
  /** Calls that the server runs at a time. */
  readonly slots: number;
  /** The source of the number of slots, for display. */
  readonly slotsFrom: 'UPSTREAM_SLOTS' | 'the server' | "Ollama's default" | 'the default';
  readonly key?: string;
}

export type FoundUpstream =
  | { readonly ok: true; readonly upstream: Upstream }
  | { readonly ok: false; readonly problem: string };

/** What the list of models says. */
interface Listed {
  readonly models: readonly string[];
  /** Whether the server is llama.cpp's, which lists its models without a key. */
  readonly isLlamaServer: boolean;
  /** Calls that a model of it runs at a time, where it starts a server for each model. */
  readonly parallel?: number;
}

type Answer =
  | { readonly ok: true; readonly listed: Listed }
  | { readonly ok: false; readonly why: string };

type Settings = Readonly<Record<string, string | undefined>>;

/** Finds and checks the server; undefined if the settings name none. */
export async function findUpstream(settings: Settings): Promise<FoundUpstream | undefined> {
  const given = settings.UPSTREAM?.trim();
  if (!given) return undefined;
  const wrongUrl = urlProblem(given);
  if (wrongUrl) return { ok: false, problem: `UPSTREAM: ${wrongUrl}, got "${given}"` };
  const named = given.replace(/\/+$/, '');
  const wanted = settings.UPSTREAM_SLOTS?.trim();
  const slots = Number(wanted || Number.NaN);
  if (wanted && !(Number.isInteger(slots) && slots >= 1 && slots <= MAX_SLOTS)) {
    return { ok: false, problem: `UPSTREAM_SLOTS: expected 1 to ${MAX_SLOTS}, got "${wanted}"` };
  }
  const key = settings[KEY_BINDING]?.trim();
  const { url, answer } = await apiOf(named, key);
  if (!answer.ok) return { ok: false, problem: `UPSTREAM: ${answer.why}` };
  const { listed } = answer;
  const refused = listed.isLlamaServer ? await refusedKey(url, key) : undefined;
  if (refused) return { ok: false, problem: `UPSTREAM: ${refused}` };
  const found = wanted
    ? { slots, slotsFrom: 'UPSTREAM_SLOTS' as const }
    : await slotsOf(url, key, listed);
  return {
    ok: true,
    upstream: { url, models: listed.models, ...found, ...(key ? { key } : {}) },
  };
}

/** The backends of a tenant that the server serves. */
export function upstreamBackends({ url, models, slots, key }: Upstream): object {
  const auth = key === undefined ? {} : { auth: { secret: KEY_BINDING } };
  return { llm: { models, endpoints: [{ name: 'upstream', url, slots, ...auth }] } };
}

function urlProblem(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    return 'expected a URL with its scheme, as in http://127.0.0.1:11434/v1';
  }
  const { protocol, hostname, search, hash, username, password } = new URL(text);
  if (username || password) return `expected no credentials: put the key into ${KEY_BINDING}`;
  if (search || hash) return 'expected a URL without query and fragment';
  const isLoopback = /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/.test(hostname);
  if (protocol === 'http:' && !isLoopback) {
    return 'expected https, or http on this machine (for another one: ssh -L PORT:127.0.0.1:PORT)';
  }
  return undefined;
}

async function modelsOf(url: string, key: string | undefined): Promise<Answer> {
  const asked = `${url}/models`;
  let response: Response;
  let text: string;
  try {
    response = await ask(asked, key);
    text = await response.text();
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    const why = late
      ? `no answer from ${asked} within ${PATIENCE_MS} ms`
      : `nothing answers at ${asked}`;
    return { ok: false, why };
  }
  if (isRefusal(response.status)) {
    return { ok: false, why: `${asked} answered ${response.status}: ${keyAdvice(key)}` };
  }
  if (response.status === 503) {
    return { ok: false, why: `${asked} answered 503: it still loads its model, try again later` };
  }
  if (!response.ok) return { ok: false, why: `${asked} answered ${response.status}` };
  const listed = readList(text);
  if (!listed) {
    return { ok: false, why: `${asked} did not answer as the OpenAI API does, with {"data":[…]}` };
  }
  if (listed.models.length === 0) {
    return { ok: false, why: `${asked} lists no models: load one first` };
  }
  return { ok: true, listed };
}

const isRefusal = (status: number): boolean => status === 401 || status === 403;

function keyAdvice(key: string | undefined): string {
  return key === undefined ? `set ${KEY_BINDING} to its key` : `${KEY_BINDING} is not its key`;
}

/** What is wrong with the key of a llama-server, which its list of models does not show. */
async function refusedKey(url: string, key: string | undefined): Promise<string | undefined> {
  const asked = new URL('/props', url).href;
  const status = await ask(asked, key).then(
    (response) => response.status,
    () => undefined,
  );
  if (status === undefined || !isRefusal(status)) return undefined;
  return `${asked} answered ${status}: ${keyAdvice(key)}`;
}

/**
 * Finds the URL of the API, and what it answers. The URL with `/v1` is tried first, because a
 * server may answer some calls without `/v1` too, in another form.
 */
async function apiOf(
  named: string,
  key: string | undefined,
): Promise<{ url: string; answer: Answer }> {
  if (!/\/v1$/.test(named)) {
    const url = `${named}/v1`;
    const answer = await modelsOf(url, key);
    if (answer.ok) return { url, answer };
  }
  return { url: named, answer: await modelsOf(named, key) };
}

function readList(text: string): Listed | undefined {
  try {
    const { object, data } = JSON.parse(text) as { object?: unknown; data?: unknown };
    // Ollama answers with null if it has no model.
    if (object === 'list' && data === null) return { models: [], isLlamaServer: false };
    if (!Array.isArray(data)) return undefined;
    const entries = data.filter(
      (entry: unknown): entry is Record<string, unknown> =>
        typeof entry === 'object' && entry !== null,
    );
    const usable = entries
      .map(({ id }) => id)
      .filter((id) => typeof id === 'string' && id !== '' && id.length <= MAX_NAME);
    if (data.length > 0 && usable.length === 0) return undefined;
    const parallel = Math.min(...entries.map(({ status }) => parallelOf(status)));
    return {
      models: [...new Set(usable as string[])],
      isLlamaServer: entries.some(({ owned_by }) => owned_by === 'llamacpp'),
      ...(Number.isFinite(parallel) ? { parallel } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The `--parallel` of a model's own server in the list of llama.cpp's router; else infinity. */
function parallelOf(status: unknown): number {
  const args: unknown =
    typeof status === 'object' && status !== null && 'args' in status ? status.args : undefined;
  if (!Array.isArray(args)) return Number.POSITIVE_INFINITY;
  const place = args.indexOf('--parallel');
  const parallel = place < 0 ? Number.NaN : Number(args[place + 1]);
  return Number.isInteger(parallel) && parallel > 0 ? parallel : Number.POSITIVE_INFINITY;
}

/** llama.cpp reports how many sequences it serves at once; Ollama reports only its version. */
async function slotsOf(
  url: string,
  key: string | undefined,
  { parallel }: Listed,
): Promise<Pick<Upstream, 'slots' | 'slotsFrom'>> {
  if (parallel !== undefined) return { slots: parallel, slotsFrom: 'the server' };
  const { total_slots } = await jsonOf(new URL('/props', url).href, key);
  if (typeof total_slots === 'number' && Number.isInteger(total_slots) && total_slots > 0) {
    return { slots: total_slots, slotsFrom: 'the server' };
  }
  const { version } = await jsonOf(new URL('/api/version', url).href, key);
  const isOllama = typeof version === 'string';
  return isOllama
    ? { slots: OLLAMA_SLOTS, slotsFrom: "Ollama's default" }
    : { slots: DEFAULT_SLOTS, slotsFrom: 'the default' };
}

/** The fields of a JSON answer; empty if there is no such answer. */
async function jsonOf(url: string, key: string | undefined): Promise<Record<string, unknown>> {
  try {
    const response = await ask(url, key);
    const json: unknown = await response.json();
    return response.ok && typeof json === 'object' ? { ...json } : {};
  } catch {
    return {};
  }
}

function ask(url: string, key: string | undefined): Promise<Response> {
  return fetch(url, {
    headers: key ? { authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}
