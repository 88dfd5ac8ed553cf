/**
 * Redirects are not followed: they would take a key to wherever an endpoint says. The one exception
 * is a 303 to the very same URL with another query, by which a platform keeps a long call going
 * (Modal, after 150 s).
 */

/** A platform that sends a call round more often than this has lost it. */
const MAX_ROUNDS = 20;

/** Sends the request, and asks again for its answer as long as it is told to. */
export async function fetchSameUrl(request: Request, onRound: () => void): Promise<Response> {
  const { headers, signal, url } = request;
  let answer = await fetch(request);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const next = sameUrl(answer, url);
    if (next === undefined) return answer;
    await answer.body?.cancel();
    onRound();
    const asking = new Headers(headers);
    for (const name of ['content-type', 'content-length']) asking.delete(name);
    answer = await fetch(next, { headers: asking, signal, redirect: 'manual' });
  }
  return answer;
}

function sameUrl(answer: Response, url: string): string | undefined {
  const location = answer.headers.get('location');
  if (answer.status !== 303 || location === null || !URL.canParse(location, url)) return undefined;
  const [from, to] = [new URL(url), new URL(location, url)];
  if (to.username !== '' || to.password !== '') return undefined;
  const isSame = from.origin === to.origin && from.pathname === to.pathname;
  return isSame && to.search !== from.search ? to.href : undefined;
}
