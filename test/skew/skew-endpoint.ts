/**
 * An endpoint that answers plainly and in streams, counts its calls, and finds those that it has twice
 * at once. A call is named by its last message; one whose name has `fails` fails the first time.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Pieces of a streamed answer. */
const PIECES = 3;

export class SkewEndpoint {
  url = '';
  running = 0;
  maxRunning = 0;
  readonly doubled: string[] = [];
  /** Service time of a call, ms; Infinity holds it until its caller leaves. */
  takesMs = 15;
  readonly #there = new Set<string>();
  readonly #failed = new Set<string>();
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

  /** Forgets the counts. */
  reset(): void {
    this.maxRunning = this.running;
    this.doubled.length = 0;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method !== 'POST') return void res.writeHead(404).end();
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    // A token count is no call.
    if (req.url?.includes('count_tokens')) return void res.end('{"input_tokens":3}');
    const name = String(body.messages?.at(-1)?.content);
    if (this.#there.has(name)) this.doubled.push(name);
    this.#there.add(name);
    this.running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.running);
    const after = Number.isFinite(this.takesMs) ? this.takesMs / PIECES : undefined;
    const send = (n: number) => {
      if (res.destroyed) return;
      if (name.includes('fails') && !this.#failed.has(name)) {
        this.#failed.add(name);
        return void res.writeHead(503).end('{"error":{"message":"once"}}');
      }
      if (n < PIECES) {
        if (body.stream) piece(res, n, name);
        setTimeout(send, after, n + 1);
      } else if (body.stream) end(res);
      else answer(res, name);
    };
    if (after !== undefined) setTimeout(send, after, 1);
    res.once('close', () => {
      this.#there.delete(name);
      this.running -= 1;
    });
  }
}

function piece(res: ServerResponse, n: number, name: string): void {
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream' });
  const choices = [{ index: 0, delta: { content: n === 1 ? name : '' } }];
  res.write(`data: ${JSON.stringify({ id: 'x', model: 'm', choices })}\n\n`);
}

function end(res: ServerResponse): void {
  const choices = [{ index: 0, delta: {}, finish_reason: 'stop' }];
  res.write(`data: ${JSON.stringify({ id: 'x', model: 'm', choices })}\n\n`);
  res.end('data: [DONE]\n\n');
}

function answer(res: ServerResponse, name: string): void {
  const choices = [
    { index: 0, message: { role: 'assistant', content: name }, finish_reason: 'stop' },
  ];
  const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices, usage }));
}
