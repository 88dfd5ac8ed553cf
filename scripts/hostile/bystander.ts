/**
 * Another caller during an attack: it sends small calls at a steady rate without waiting for
 * earlier answers.
 */
import { Agent, request } from 'node:http';

const EVERY_MS = 50;
const PATIENCE_MS = 60_000;
const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });

/** A small call. */
export const SMALL = { path: '/v1/chat/completions', body: BODY };

/** Latencies and failures of calls. */
export interface Waits {
  readonly latenciesMs: readonly number[];
  /** Calls whose status was not 200. */
  readonly failed: number;
}

export class Bystander {
  readonly #url: string;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #open = new Set<number>();
  #latenciesMs: number[] = [];
  #failed = 0;

  constructor(url: string, key: string) {
    this.#url = `${url}${SMALL.path}`;
    this.#key = key;
    this.#timer = setInterval(() => this.#call(), EVERY_MS);
  }

  /**
   * The latencies since the previous call of this method, and the waits of unanswered calls so far.
   */
  take(): Waits {
    const now = performance.now();
    const waits = {
      latenciesMs: [...this.#latenciesMs, ...[...this.#open].map((from) => now - from)],
      failed: this.#failed,
    };
    this.#latenciesMs = [];
    this.#failed = 0;
    return waits;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #call(): void {
    const from = performance.now();
    this.#open.add(from);
    const over = (isGood: boolean) => {
      if (!this.#open.delete(from)) return;
      this.#latenciesMs.push(performance.now() - from);
      if (!isGood) this.#failed += 1;
    };
    const headers = {
      authorization: `Bearer ${this.#key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(BODY),
    };
    const options = { method: 'POST', agent: this.#agent, headers, timeout: PATIENCE_MS };
    const sent = request(this.#url, options, (answer) => {
      answer.resume().once('close', () => over(answer.statusCode === 200));
    });
    sent.once('error', () => over(false));
    sent.end(BODY);
  }
}
