/**
 * Runs the hostile client in a thread of its own, so that its work does not delay the other
 * callers.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { HostileClient } from './hostile-client.ts';
import { INPUTS } from './inputs.ts';

/** The input of the thread; `Attacked` is its output. */
export interface Attack {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  /** The time in ms during which rounds are started; at least one is. */
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
