/**
 * A server for the page without a Worker: the built files under the policy of the Worker, and the
 * fake API with its stream. It can refuse, fail and cut its streams, as real ones do.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { brotliCompressSync, constants } from 'node:zlib';
import { type WebSocket, WebSocketServer } from 'ws';
import { CONSOLE_CONTRACT } from '../../../src/protocol/console/session.ts';
import {
  BEARER_PREFIX,
  CONSOLE_PROTOCOL,
  PING,
  PONG,
  STREAM_CLOSED,
  type StreamMessage,
} from '../../../src/protocol/console/stream.ts';
import { type FakeAnswer, FakeApi, type FakeOptions, TENANT_KEY } from './api.ts';
import { answerFile } from './files.ts';

export class FakeServer {
  readonly api: FakeApi;
  /** Answers to give instead of the API's own, by the end of the path. */
  readonly instead = new Map<string, FakeAnswer>();
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: () => CONSOLE_PROTOCOL,
  });
  readonly #open = new Map<WebSocket, string>();
  #timer: NodeJS.Timeout | undefined;
  /** Something happened; who begins to watch is told. */
  #stepped = false;

  constructor(options: FakeOptions) {
    this.api = new FakeApi(options);
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** `stepMs`: something changes so often; 0 for never. Returns the origin. */
  async listen(port = 0, stepMs = 0): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(port, '127.0.0.1', done));
    if (stepMs > 0) this.#timer = setInterval(() => this.step(), stepMs);
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Something happens in all tenants, and the pages are told. */
  step(): void {
    this.#stepped = true;
    for (const [socket, tenant] of this.#open) {
      const now = this.api.nowOf(tenant);
      if (!now) continue;
      const at = Date.now();
      now.step(at);
      const view = now.view(at);
      send(socket, { type: 'now', at, version: view.version, now: view });
      send(socket, { type: 'changed', at, topic: 'runs' });
    }
  }

  /** What was asked of the API, as `METHOD path`, since it was emptied last. */
  readonly asked: string[] = [];
  /** While true, no stream is opened. */
  refusesStreams = false;
  /** While true, each further stream is one too many. */
  isFull = false;

  /** Cuts all streams, as a restart of the object does. */
  cut(code = 1_011): void {
    for (const socket of this.#open.keys()) socket.close(code);
    this.#open.clear();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#open.keys()) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    if (url.pathname === '/v1/chat/completions') return completion(request, response);
    if (!url.pathname.startsWith('/console/api/'))
      return void answerFile(url.pathname, request, response);
    this.asked.push(`${request.method} ${url.pathname.replace('/console/api/', '')}${url.search}`);
    const other = [...this.instead].find(([end]) => url.pathname.endsWith(end));
    const answer =
      other?.[1] ??
      this.api.answer({
        method: request.method ?? 'GET',
        url,
        token: /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1],
        ifMatch: request.headers['if-match'],
        body: await bodyOf(request),
      });
    const type = answer.text === undefined ? 'application/json' : 'application/x-ndjson';
    const text = answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body));
    const asEdge = String(request.headers['accept-encoding']).includes('br') && text !== '';
    response.writeHead(answer.status, {
      ...{ 'content-type': type, 'cache-control': 'no-store' },
      ...(asEdge ? { 'content-encoding': 'br' } : {}),
    });
    response.end(asEdge ? asTheEdge(text) : text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const tenant = /\/tenants\/([^/]+)\/stream$/.exec(request.url ?? '')?.[1];
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    const token = offered
      .map((name) => name.trim())
      .find((name) => name.startsWith(BEARER_PREFIX))
      ?.slice(BEARER_PREFIX.length);
    const name = decodeURIComponent(tenant ?? '');
    if (this.refusesStreams) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
      return;
    }
    if (!this.api.allows(token, name) || !this.api.nowOf(name)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      if (this.isFull) return opened.close(STREAM_CLOSED.full);
      this.#open.set(opened, name);
      opened.on('close', () => this.#open.delete(opened));
      const at = Date.now();
      send(opened, { type: 'hello', contract: CONSOLE_CONTRACT, build: 'fake', at });
      opened.on('message', (data) => {
        if (String(data) === PING) return opened.send(PONG);
        if (this.#stepped && String(data).includes('"runs"')) {
          send(opened, { type: 'changed', at: Date.now(), topic: 'runs' });
        }
        const now = this.api.nowOf(name);
        if (!now) return;
        const view = now.view(Date.now());
        send(opened, { type: 'now', at: view.at, version: view.version, now: view });
      });
    });
  }
}

/** Compressed as Cloudflare does it between the Worker and the client. */
function asTheEdge(text: string): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
}

/** A call of a client, answered at once. */
async function completion(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { model } = (await bodyOf(request)) as { model: string };
  const isKnown = request.headers.authorization === `Bearer ${TENANT_KEY}`;
  const told = Object.entries(request.headers).filter(([name]) =>
    /^x-talaria-(app|run|unit)$/.test(name),
  );
  response.writeHead(isKnown ? 200 : 401, {
    'content-type': 'application/json',
    'x-request-id': 'request-1',
    ...(isKnown
      ? {
          ...Object.fromEntries(told.map(([name, value]) => [name, String(value)])),
          'x-talaria-call': 'call-1',
          'x-talaria-backend': 'llm',
          'x-talaria-endpoint': 'gpu-1',
          'x-talaria-queue-ms': '120',
          'x-talaria-rank-ms': '840',
        }
      : {}),
  });
  const choices = [
    { index: 0, message: { role: 'assistant', content: '<b>Hello</b> to you all.' } },
  ];
  const error = { code: 'invalid_api_key', message: 'The API key is not known.', param: null };
  response.end(JSON.stringify(isKnown ? { object: 'chat.completion', model, choices } : { error }));
}

function send(socket: WebSocket, message: StreamMessage): void {
  socket.send(JSON.stringify(message));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  return text === '' ? undefined : JSON.parse(text);
}
