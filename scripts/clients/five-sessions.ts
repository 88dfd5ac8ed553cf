/**
 * Five sessions of a client through the dispatcher: two one after the other, two at the same time
 * with the same prompt, and one that is interrupted. All have the same home, as a person's have.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { admin } from '../stack.ts';
import { type Client, DEMO_KEY, DEMO_MODEL } from './client.ts';
import { type Observer, type Seen, startObserver } from './observer.ts';
import { furnish, leave, makeWork, type Outcome, type Place, runSession } from './session.ts';
import { type FinishedRun, type Verdict, verdictOf } from './verdict.ts';

const WHOLE = ['s1', 's2', 'p1', 'p2'];
const INTERRUPTED = 'i1';
/** The call in whose answer a session is interrupted: the first of the loop's later ones. */
const INTERRUPTED_CALL = 2;
const LOOK_MS = 20;
const INTERRUPT_PATIENCE_MS = 60_000;

export interface ClientResult {
  /** What did not work, in words; empty if all sessions ended as they should. */
  readonly broken: readonly string[];
  readonly verdict: Verdict;
  readonly seen: readonly Seen[];
  /** The folder in which the client worked. */
  readonly work: string;
}

export async function fiveSessions(
  client: Client,
  dir: string,
  stackUrl: string,
  endpointUrl: string,
): Promise<ClientResult> {
  const endpoints = [{ name: 'gpu', url: `${endpointUrl}/v1`, slots: 8 }];
  const key = `${DEMO_KEY}-${client.name}`;
  const keys = [{ id: 'all', sha256: createHash('sha256').update(key).digest('hex') }];
  const backends = { llm: { models: [DEMO_MODEL], endpoints } };
  await admin(stackUrl, 'PUT', `/tenants/${client.name}`, { backends, keys });
  const sessions = [...WHOLE, INTERRUPTED];
  const observer = await startObserver(
    stackUrl,
    new Map(sessions.map((session) => [keyOf(session), session])),
    key,
  );
  try {
    const place = { dir, home: join(dir, 'home'), work: join(dir, 'work'), url: observer.url };
    await makeWork(place.work);
    await furnish(client, place);
    const outcomes = await runAll(client, place, observer);
    await leave(client, place);
    const finished = await finishedRuns(stackUrl, client.name, key, observer.seen);
    const calls = observer.seen.flatMap(({ session, answer }) => {
      const run = answer['x-talaria-run'];
      return run === undefined ? [] : [{ session, run }];
    });
    const broken = WHOLE.flatMap((session) => {
      const outcome = outcomes.get(session);
      if (outcome?.code === 0) return [];
      return [
        `${session} ended with ${outcome?.code ?? 'a signal'}: ${outcome?.output.slice(-300)}`,
      ];
    });
    return {
      broken: calls.length === 0 ? [...broken, 'no call was seen'] : broken,
      verdict: verdictOf(calls, finished, WHOLE),
      seen: observer.seen,
      work: place.work,
    };
  } finally {
    await observer.close();
  }
}

/** A key that no file or program has, so that each session's calls are known by it. */
function keyOf(session: string): string {
  return `made-up-key-of-${session}-0123456789`;
}

async function runAll(
  client: Client,
  place: Place,
  observer: Observer,
): Promise<Map<string, Outcome>> {
  const task = client.subAgent ? ` Call the tool ${client.subAgent}` : '';
  const run = (session: string, prompt: string, interrupt?: Promise<void>) =>
    runSession(client, place, `${prompt}${task}`, keyOf(session), interrupt);
  const s1 = await run('s1', 'List the files of this folder.');
  const s2 = await run('s2', 'Say what the project does.');
  const same = 'Count the lines of README.md.';
  const [p1, p2] = await Promise.all([run('p1', same), run('p2', same)]);
  const i1 = await run(INTERRUPTED, 'Find the largest file.', secondCall(observer));
  return new Map(Object.entries({ s1, s2, p1, p2, i1 }));
}

/** Resolves when the interrupted session's second call is being answered. */
function secondCall({ seen }: Observer): Promise<void> {
  return new Promise((resolve) => {
    const until = Date.now() + INTERRUPT_PATIENCE_MS;
    const look = setInterval(() => {
      const calls = seen.filter((one) => one.session === INTERRUPTED && one.method === 'POST');
      if (calls.length < INTERRUPTED_CALL && Date.now() < until) return;
      clearInterval(look);
      resolve();
    }, LOOK_MS);
  });
}

/** Ends all runs that were seen, so that they need not fall silent first, and reads them. */
async function finishedRuns(
  url: string,
  tenant: string,
  key: string,
  seen: readonly Seen[],
): Promise<FinishedRun[]> {
  const ids = new Set(seen.flatMap(({ answer }) => answer['x-talaria-run'] ?? []));
  for (const id of ids) {
    const headers = { authorization: `Bearer ${key}` };
    const path = `/v1/runs/${encodeURIComponent(id)}/finish`;
    // A run that has ended by itself is unknown: that is no fault.
    await (await fetch(`${url}${path}`, { method: 'POST', headers })).body?.cancel();
  }
  const lines = await admin(url, 'GET', `/tenants/${tenant}/runs`);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FinishedRun);
}
