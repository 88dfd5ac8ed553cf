/**
 * A server on loopback that emulates a platform as far as an endpoint adapter can see it: it
 * answers by the platform's documented behaviour while cold, waking and up. Time is counted in
 * requests, so that tests need no clock: a platform is up `looks` requests after it was woken.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type PlatformState = 'cold' | 'waking' | 'up';

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a platform answers in each state; `wakes` is true for a request that starts it. */
export interface Behaviour {
  /** The path of calls after the host. */
  readonly callsAt: string;
  answer(request: { method: string; path: string }, state: PlatformState): Answer;
  wakes(request: { method: string; path: string; headers: IncomingMessage['headers'] }): boolean;
  /** True for a request that puts it to sleep. */
  sleeps?(request: { method: string; path: string }): boolean;
}

export const COMPLETION: Answer = {
  status: 200,
  body: '{"choices":[{"message":{"content":"."},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
  headers: { 'content-type': 'application/json' },
};

export class Platform {
  state: PlatformState;
  /** All requests received, as "METHOD path". */
  readonly seen: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  starts = 0;
  readonly #behaviour: Behaviour;
  readonly #looks: number;
  readonly #server: Server;
  #left = 0;

  constructor(behaviour: Behaviour, state: PlatformState = 'cold', looks = 2) {
    this.#behaviour = behaviour;
    this.state = state;
    this.#looks = looks;
    this.#server = createServer((req, res) => {
      const { status, body = '', headers = {} } = this.#take(req);
      req.resume();
      req.once('end', () => res.writeHead(status, headers).end(status === 204 ? undefined : body));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The `url` to configure for an endpoint. */
  get url(): string {
    return `${this.origin}${this.#behaviour.callsAt}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(req: IncomingMessage): Answer {
    const request = { method: req.method ?? '', path: req.url ?? '', headers: req.headers };
    this.seen.push(`${request.method} ${request.path}`);
    this.authorizations.push(req.headers.authorization);
    if (this.state === 'waking') {
      this.#left -= 1;
      if (this.#left <= 0) this.state = 'up';
    }
    const answer = this.#behaviour.answer(request, this.state);
    if (this.state === 'cold' && this.#behaviour.wakes(request)) {
      this.state = 'waking';
      this.#left = this.#looks;
      this.starts += 1;
    }
    if (this.#behaviour.sleeps?.(request)) this.state = 'cold';
    return answer;
  }
}
