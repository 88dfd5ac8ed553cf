/**
 * An endpoint that streams in steps and, at the step that a test chooses, waits until the
 * test's action is done. A call is identified by its last message.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const chunk = (choice: object) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`;
const WORD = chunk({ index: 0, delta: { content: 'Hi' } });
const REASON = chunk({ index: 0, delta: {}, finish_reason: 'stop' });
const END = 'data: [DONE]\n\n';

/** The complete stream that a client gets. */
export const WHOLE = WORD + WORD + REASON + END;

/** `end`: behind the last event, while the connection is still open. */
export type Moment = 'read' | 'refused' | 'first' | 'middle' | 'last' | 'end';

interface Step {
  readonly moment: string;
  readonly act: () => Promise<void>;
}

export class SteppedEndpoint {
  url = '';
  running = 0;
  maxRunning = 0;
  /** Calls that were in progress twice at the same time. */
  doubled: string[] = [];
  /** The number of times that each call came. */
  attempts = new Map<string, number>();
  /**
   * The action to perform once, and its moment; with the moment `refused` the call is then refused.
   */
  at: Step | undefined;
  /** Whether a call is held until `goOn` is called with its response. */
  hold = (_res: ServerResponse): boolean => false;
  readonly #there = new Set<string>();
  readonly #held = new Map<ServerResponse, () => void>();
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

  reset(): void {
    this.maxRunning = 0;
    this.doubled = [];
    this.attempts = new Map();
    this.at = undefined;
    this.hold = () => false;
  }

  goOn(res: ServerResponse): void {
    this.#held.get(res)?.();
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // What is asked beside calls, such as an engine's load, is no call.
    if (req.method !== 'POST') return void res.writeHead(404).end();
    const parts: Buffer[] = [];
    for await (const part of req) parts.push(part as Buffer);
    const name = String(JSON.parse(Buffer.concat(parts).toString()).messages.at(-1).content);
    if (this.#there.has(name)) this.doubled.push(name);
    this.#there.add(name);
    this.attempts.set(name, (this.attempts.get(name) ?? 0) + 1);
    this.running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.running);
    res.once('close', () => {
      this.#there.delete(name);
      this.running -= 1;
    });
    if (this.hold(res)) await new Promise<void>((resolve) => this.#held.set(res, resolve));
    await this.#reached('read');
    if (await this.#reached('refused')) {
      res.writeHead(429, { 'content-type': 'application/json', 'retry-after-ms': '1' });
      res.end('{"error":{"message":"The engine is overloaded."}}');
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [moment, text] of [
      ['first', WORD],
      ['middle', WORD],
      ['last', REASON],
      ['end', END],
    ] as const) {
      res.write(text);
      await this.#reached(moment);
    }
    res.end();
  }

  async #reached(moment: Moment): Promise<boolean> {
    const { at } = this;
    if (at?.moment !== moment) return false;
    this.at = undefined;
    await at.act();
    return true;
  }
}
