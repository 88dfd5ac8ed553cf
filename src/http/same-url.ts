/**
 * Sends a request without following redirects, which would send a key to wherever an endpoint says.
 * The one exception is a 303 to the same URL with another query, by which a platform keeps a long
 * call going (Modal, after 150 s).
 */

/** Most redirects that are followed; a platform that sends more has lost the call. */
const MAX_ROUNDS = 20;

/** A request that is not made yet: one that is made would be copied when it is sent. */
export interface Unsent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: BodyInit | null | undefined;
  readonly signal: AbortSignal;
}

/** Sends the request and follows redirects to the same URL; `onRound` is called for each. */
export async function fetchSameUrl(request: Unsent, onRound: () => void): Promise<Response> {
  const { url, method, headers, body = null, signal } = request;
  let answer = await fetch(url, { method, headers, body, signal, redirect: 'manual' });
  for (let round = 0; round < MAX_ROUNDS && answer.status === 303; round += 1) {
    const next = sameUrl(answer, url);
    if (next === undefined) return answer;
    await answer.body?.cancel();
    onRound();
    const nextHeaders = new Headers(headers);
    for (const name of ['content-type', 'content-length']) nextHeaders.delete(name);
    answer = await fetch(next, { headers: nextHeaders, signal, redirect: 'manual' });
  }
  return answer;
}

function sameUrl(answer: Response, url: string): string | undefined {
  const location = answer.headers.get('location');
  if (location === null || !URL.canParse(location, url)) return undefined;
  const [from, to] = [new URL(url), new URL(location, url)];
  if (to.username !== '' || to.password !== '') return undefined;
  const isSame = from.origin === to.origin && from.pathname === to.pathname;
  return isSame && to.search !== from.search ? to.href : undefined;
}
