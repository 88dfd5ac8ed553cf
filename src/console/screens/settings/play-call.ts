/**
 * A call of the playground: sent as a client sends it, with an API key of the tenant. Neither the key
 * nor what is asked is kept anywhere but in the form.
 */

export interface PlayOrder {
  readonly key: string;
  readonly model: string;
  readonly app: string;
  readonly run: string;
  readonly unit: string;
  readonly final: boolean;
  readonly prompt: string;
  readonly maxTokens: number;
}

export type Played =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: ReadonlyArray<readonly [string, string]>;
      /** The call's id, for its story; null where it was refused before it had one. */
      readonly call: string | null;
      readonly text: string;
      /** The answer's own words, where it has some. */
      readonly said: string | null;
      readonly headersMs: number;
      readonly allMs: number;
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'unreachable' };

const PRINTABLE = /^[\x20-\x7e]{1,128}$/;
const KEY = /^[\x21-\x7e]{1,4096}$/;

/** What is wrong with a field, by its name; none where it may be sent. */
export function wrongFields(order: PlayOrder): Partial<Record<keyof PlayOrder, string>> {
  const wrong: Partial<Record<keyof PlayOrder, string>> = {};
  if (!KEY.test(order.key)) wrong.key = 'An API key of this tenant';
  if (order.model.trim() === '') wrong.model = 'The name of a model';
  for (const name of ['app', 'run', 'unit'] as const) {
    if (order[name] !== '' && !PRINTABLE.test(order[name])) {
      wrong[name] = 'At most 128 printable ASCII characters';
    }
  }
  const { maxTokens } = order;
  if (!Number.isInteger(maxTokens) || maxTokens < 1) wrong.maxTokens = 'A whole number from 1';
  if (order.prompt === '') wrong.prompt = 'What the model is asked';
  return wrong;
}

/** Names that are empty are not sent: the service finds its own. */
export async function playCall(order: PlayOrder, signal: AbortSignal): Promise<Played> {
  const { key, model, app, run, unit, final, prompt, maxTokens } = order;
  const named = Object.entries({ app, run, unit }).filter(([, value]) => value !== '');
  const from = performance.now();
  try {
    const response = await fetch('/v1/chat/completions', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        // So that the answer has its headers even where the call waits.
        'x-talaria-queue-comments': 'off',
        ...Object.fromEntries(named.map(([name, value]) => [`x-talaria-${name}`, value])),
        ...(final ? { 'x-talaria-run-final': 'true' } : {}),
      },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: prompt }],
        max_tokens: maxTokens,
      }),
      signal,
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
    });
    const headersMs = performance.now() - from;
    const text = await response.text();
    return {
      kind: 'answered',
      status: response.status,
      headers: tellingHeaders(response.headers),
      call: response.headers.get('x-talaria-call'),
      text,
      said: saidIn(text),
      headersMs,
      allMs: performance.now() - from,
    };
  } catch {
    return { kind: signal.aborted ? 'cancelled' : 'unreachable' };
  }
}

/** The headers that are about the call, the dispatcher's own first. */
export function tellingHeaders(headers: Headers): Array<readonly [string, string]> {
  const own: Array<readonly [string, string]> = [];
  const others: Array<readonly [string, string]> = [];
  headers.forEach((value, name) => {
    if (name.startsWith('x-talaria-')) own.push([name, value]);
    else if (/^(x-request-id|x-ratelimit-|retry-after|x-should-retry|content-type)/.test(name)) {
      others.push([name, value]);
    }
  });
  return [...own, ...others];
}

/** The first choice of a chat completion, or the message of an error. */
export function saidIn(text: string): string | null {
  try {
    const body = JSON.parse(text) as {
      choices?: Array<{ message?: { content?: unknown } }>;
      error?: { message?: unknown };
    } | null;
    const said = body?.choices?.[0]?.message?.content ?? body?.error?.message;
    return typeof said === 'string' ? said : null;
  } catch {
    return null;
  }
}
