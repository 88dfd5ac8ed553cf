/**
 * An endpoint for fault tests that records how many calls it had at once, which calls it had twice
 * at the same time, and how each call ended. A call is identified by its last message.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class CountingEndpoint {
  url = '';
  /** Calls in progress now, and the most at any time. */
  running = 0;
  maxRunning = 0;
  /** Calls that were in progress twice at the same time. */
  readonly doubled: string[] = [];
  /** The number of complete answers by call. */
  readonly answered = new Map<string, number>();
  /** Calls whose caller disconnected before they were answered. */
  aborted = 0;
  /** Service time of a call in ms; Infinity holds it until its caller disconnects. */
  takesMs = 20;
  /** How calls fail: with this status, or by the end of their connection. */
  fails: number | 'closes' | undefined;
  /** Calls that failed so, and after how many they are answered again. */
  failed = 0;
  failsAtMost = Infinity;
  readonly #there = new Set<string>();
  readonly #server: Server = createServer((req, res) => void this.#serve(req, res));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // What is asked beside calls, such as its load, is no call.
    if (req.method !== 'POST') return void res.writeHead(404).end();
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const name = String(body.messages?.at(-1)?.content);
    if (this.#there.has(name)) this.doubled.push(name);
    this.#there.add(name);
    this.running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.running);
    const timer = Number.isFinite(this.takesMs)
      ? setTimeout(() => this.#answer(res, name), this.takesMs)
      : undefined;
    res.once('close', () => {
      clearTimeout(timer);
      if (!res.writableFinished) this.aborted += 1;
      this.#there.delete(name);
      this.running -= 1;
    });
  }

  #answer(res: ServerResponse, name: string): void {
    if (this.failed >= this.failsAtMost) this.fails = undefined;
    if (this.fails !== undefined) this.failed += 1;
    if (this.fails === 'closes') return void res.destroy();
    if (this.fails !== undefined) {
      const error = { message: 'failed', type: 'server_error', code: 'failed' };
      return void res.writeHead(this.fails).end(JSON.stringify({ error }));
    }
    this.answered.set(name, (this.answered.get(name) ?? 0) + 1);
    const choices = [
      { index: 0, message: { role: 'assistant', content: name }, finish_reason: 'stop' },
    ];
    const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices, usage }));
  }
}
