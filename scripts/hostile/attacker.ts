/** The hostile client in a thread of its own, so that what it does costs the other callers' no time. */
import { parentPort, workerData } from 'node:worker_threads';
import { HostileClient } from './hostile-client.ts';
import { INPUTS } from './inputs.ts';

/** What the thread is told, and what it tells. */
export interface Attack {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  /** Rounds are begun for so long, ms; one at least. */
  readonly forMs: number;
}

export interface Attacked {
  readonly rounds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly statuses: ReadonlyMap<number, number>;
}

const { name, url, key, forMs } = workerData as Attack;
const input = INPUTS[name];
if (!input) throw new Error(`no input "${name}"`);
const client = new HostileClient(url, key);
const from = performance.now();
let rounds = 0;
do {
  await input.round(client);
  rounds += 1;
} while (performance.now() - from < forMs);
const { requests, bytes, statuses } = client;
client.leave();
parentPort?.postMessage({ rounds, requests, bytes, statuses } satisfies Attacked);
