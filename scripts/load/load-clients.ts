/**
 * Clients for load tests. They send calls at a fixed rate without waiting for earlier answers, or
 * hold many calls open.
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';

/** Counts of how calls ended. */
export interface Tally {
  readonly count: number;
  /** Calls by status; 0 if there was no answer. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly latenciesMs: ReadonlyMap<number, readonly number[]>;
  /** Error codes by status. */
  readonly codes: ReadonlyMap<number, ReadonlySet<string>>;
  readonly withoutRetryAfter: number;
}

/** Calls that are waiting for an answer. */
export interface Held {
  /** Disconnects all of them at once with a TCP reset. */
  leave(): void;
}

/** Calls are sent in batches this often in ms, because timers are no finer under load. */
const BATCH_MS = 20;

export class LoadClients {
  readonly #url: string;
  readonly #key: string;
  readonly #body: string;
  /** One connection for each call: a client that disconnects must not end other clients' calls. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });

  constructor(url: string, key: string, bodyBytes: number) {
    this.#url = `${url}/v1/chat/completions`;
    this.#key = key;
    const bodyOf = (content: string) =>
      JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content }] });
    this.#body = bodyOf('x'.repeat(Math.max(1, bodyBytes - bodyOf('').length)));
  }

  async atRate(perSec: number, seconds: number): Promise<Tally> {
    const tally = new OpenTally();
    const calls: Array<Promise<void>> = [];
    const from = performance.now();
    for (;;) {
      const elapsedMs = performance.now() - from;
      const due = Math.min(perSec * seconds, Math.floor((elapsedMs / 1_000) * perSec));
      while (calls.length < due) calls.push(this.#call(tally));
      if (calls.length >= perSec * seconds) break;
      await new Promise((resolve) => setTimeout(resolve, BATCH_MS));
    }
    await Promise.all(calls);
    return tally;
  }

  /**
   * Opens `count` calls. Up to `connections` of them have a connection each; one further request
   * makes the rest from inside the process.
   */
  hold(count: number, connections: number, insideUrl: string): Held {
    const inside = Math.max(0, count - connections);
    const open = Array.from({ length: count - inside }, () => this.#send(() => {}));
    if (inside > 0) {
      const url = new URL(`?calls=${inside}`, insideUrl + new URL(this.#url).pathname);
      open.push(this.#send(() => {}, url.href));
    }
    for (const sent of open) sent.on('error', () => {});
    return {
      leave: () => {
        for (const sent of open) sent.socket?.resetAndDestroy();
      },
    };
  }

  #call(tally: OpenTally): Promise<void> {
    const from = performance.now();
    return new Promise((resolve) => {
      const sent = this.#send((answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.once('close', () => {
          tally.add(answer, Buffer.concat(chunks).toString(), performance.now() - from);
          resolve();
        });
      });
      sent.once('error', () => {
        tally.failed(performance.now() - from);
        resolve();
      });
    });
  }

  #send(onAnswer: (answer: IncomingMessage) => void, url = this.#url): ClientRequest {
    const headers = {
      authorization: `Bearer ${this.#key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(this.#body),
    };
    const sent = request(url, { method: 'POST', agent: this.#agent, headers }, onAnswer);
    sent.end(this.#body);
    return sent;
  }
}

class OpenTally implements Tally {
  count = 0;
  readonly statuses = new Map<number, number>();
  readonly latenciesMs = new Map<number, number[]>();
  readonly codes = new Map<number, Set<string>>();
  withoutRetryAfter = 0;

  add(answer: IncomingMessage, text: string, tookMs: number): void {
    const status = answer.statusCode ?? 0;
    this.#count(status, tookMs);
    if (status === 200) return;
    if (answer.headers['retry-after'] === undefined) this.withoutRetryAfter += 1;
    const code = /"code":"(\w+)"/.exec(text)?.[1] ?? 'no code';
    const codes = this.codes.get(status);
    if (codes) codes.add(code);
    else this.codes.set(status, new Set([code]));
  }

  failed(tookMs: number): void {
    this.#count(0, tookMs);
  }

  #count(status: number, tookMs: number): void {
    this.count += 1;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const latencies = this.latenciesMs.get(status);
    if (latencies) latencies.push(tookMs);
    else this.latenciesMs.set(status, [tookMs]);
  }
}
