/**
 * An endpoint that answers each call as its header `x-answer` says, as tools do whose answers a
 * client can choose, and that records whose calls came in which order. A request without `x-who` is
 * a wake by the dispatcher.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer that a call can choose: its kind, its delay in ms, and its Retry-After in seconds. */
export type Answer =
  | `${'ok' | 'stream' | 'cut' | 'garbage' | number} ${number}`
  | `${number} ${number} ${number}`;

const CHAT = JSON.stringify({
  id: 'x',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
});
const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
const LAST =
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

export class ChosenEndpoint {
  url = '';
  /** The `x-who` of calls that take a slot, in the order of arrival. */
  readonly arrivals: string[] = [];
  /** The number of times that each call (`x-call`) came. */
  readonly attempts = new Map<string, number>();
  wakes = 0;
  running = 0;
  maxRunning = 0;
  /** If true, every call is answered correctly and at once, whatever its header says. */
  isKind = false;
  readonly #counts = new Map<string, number>();
  readonly #server: Server = createServer((req, res) => this.#serve(req, res));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The number of calls of this caller. */
  of(who: string): number {
    return this.#counts.get(who) ?? 0;
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    req.resume();
    req.on('error', () => {});
    // An engine's load is asked for beside calls, and wakes nothing.
    if (/\/(metrics|slots|props)$/.test(req.url ?? '')) return void res.writeHead(404).end();
    const who = header(req, 'x-who');
    if (who === undefined) {
      this.wakes += 1;
      return answerOk(res);
    }
    // A token count takes no slot.
    if (!req.url?.includes('count_tokens')) this.#count(req, res, who);
    const [what = 'ok', ms = '0', retryAfter] = (header(req, 'x-answer') ?? 'ok').split(' ');
    setTimeout(() => answer(res, this.isKind ? 'ok' : what, retryAfter), Number(ms));
  }

  #count(req: IncomingMessage, res: ServerResponse, who: string): void {
    this.arrivals.push(who);
    this.#counts.set(who, this.of(who) + 1);
    const call = header(req, 'x-call') ?? '';
    this.attempts.set(call, (this.attempts.get(call) ?? 0) + 1);
    this.running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.running);
    res.once('close', () => {
      this.running -= 1;
    });
  }
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function answerOk(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(CHAT);
}

function answer(res: ServerResponse, what: string, retryAfter: string | undefined): void {
  if (res.destroyed) return;
  if (what === 'ok') return answerOk(res);
  if (what === 'cut') {
    res.destroy();
    return;
  }
  if (what === 'garbage') {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end('{"choices":[{{{');
    return;
  }
  if (what === 'stream') {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(EVENT.repeat(20));
    setTimeout(() => res.end(LAST), 20);
    return;
  }
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  res.writeHead(Number(what), { 'content-type': 'application/json', ...headers });
  res.end(`{"error":{"message":"chosen: ${what}"}}`);
}
