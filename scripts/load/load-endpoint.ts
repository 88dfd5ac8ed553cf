/**
 * An endpoint for load tests: it answers each call after a fixed time, and records the most calls
 * that it had at once.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const ANSWER = JSON.stringify({
  id: 'x',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
});

export class LoadEndpoint {
  url = '';
  maxRunning = 0;
  #running = 0;
  readonly #takesMs: number;
  readonly #server: Server;

  /** `takesMs`: service time of each call; Infinity holds a call until its caller disconnects. */
  constructor(takesMs: number) {
    this.#takesMs = takesMs;
    this.#server = createServer((req, res) => {
      // What is asked beside calls, such as an engine's load, is no call.
      if (req.method !== 'POST') return void res.writeHead(404).end();
      req.resume().once('end', () => this.#serve(res));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(res: ServerResponse): void {
    this.#running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.#running);
    const answer = () => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(ANSWER);
    };
    const timer = Number.isFinite(this.#takesMs) ? setTimeout(answer, this.#takesMs) : undefined;
    res.once('close', () => {
      clearTimeout(timer);
      this.#running -= 1;
    });
  }
}
