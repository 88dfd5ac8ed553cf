/** One session of a client for each fault, of which the third answer is spoiled. */
import { join } from 'node:path';
import type { Client } from './client.ts';
import {
  CLIENT_FAULTS,
  type ClientFault,
  type FaultProxy,
  startFaultProxy,
} from './fault-proxy.ts';
import { furnish, leave, makeWork, type Outcome, runSession } from './session.ts';

/** The answer with text that ends the scripted loop of two tool calls. */
const SPOILED_CALL = 3;

export interface FaultResult {
  readonly fault: ClientFault;
  /** What the client did, in words. */
  readonly what: string;
}

export async function faultSessions(
  client: Client,
  dir: string,
  endpointUrl: string,
): Promise<FaultResult[]> {
  const results: FaultResult[] = [];
  for (const fault of CLIENT_FAULTS) {
    const proxy = await startFaultProxy(endpointUrl, fault, SPOILED_CALL);
    const place = { dir, home: join(dir, 'home'), work: join(dir, 'work'), url: proxy.url };
    await makeWork(place.work);
    await furnish(client, place);
    const outcome = await runSession(
      client,
      place,
      'List the files of this folder.',
      'made-up-key',
    );
    await leave(client, place);
    results.push({ fault, what: whatHappened(proxy, outcome) });
    await proxy.close();
  }
  return results;
}

function whatHappened(proxy: FaultProxy, { code }: Outcome): string {
  const spoiled = proxy.posts[SPOILED_CALL - 1];
  if (!spoiled || proxy.faultAt() === 0) return 'not reached';
  // A client that goes on sends the same conversation, or a longer one.
  const later = proxy.posts.slice(SPOILED_CALL).filter((post) => post.messages >= spoiled.messages);
  const [first] = later;
  if (!first) return code === 0 ? 'ends as if complete' : 'dies';
  const seconds = ((first.at - proxy.faultAt()) / 1_000).toFixed(1);
  const isServed = later.some((post) => post.status === 200);
  return isServed ? `retries in ${seconds} s` : `dies after ${later.length} retries`;
}
