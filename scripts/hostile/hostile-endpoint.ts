/**
 * An endpoint whose answers a client chooses by the header `x-answer`: long ones, endless ones,
 * streams that are expensive to read, refusals. Without the header it answers correctly after a few
 * ms.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const USUAL_MS = 10;
const GOOD = JSON.stringify({
  id: 'x',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
});
const PIECE_BYTES = 65_536;
const LAST =
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

/** An answer that repeats a piece until it has this many bytes. */
interface LongAnswer {
  readonly type: string;
  readonly status?: number;
  readonly begin?: string;
  readonly piece: string;
  readonly bytes: number;
  readonly end?: string;
}

const json = { type: 'application/json' };
const stream = { type: 'text/event-stream', end: LAST };

export const LONG_ANSWERS = {
  'long json': { ...json, begin: '{"choices":[],"x":"', piece: 'x', bytes: 300e6, end: '"}' },
  'long count': { ...json, begin: '{"input_tokens":1,"x":"', piece: 'x', bytes: 300e6, end: '"}' },
  'long error': { ...json, status: 400, begin: '{"error":{"message":"', piece: 'x', bytes: 300e6 },
  'usage in json': { ...json, begin: '{"x":[', piece: '"usage":{', bytes: 10e6 },
  'usage in a stream': { ...stream, begin: 'data: {', piece: '"usage":{', bytes: 10e6 },
  'one event': { ...stream, begin: 'data: {"x":"', piece: 'x', bytes: 100e6 },
  'empty events': { ...stream, piece: '\n\n', bytes: 2e6 },
  'tiny events': { ...stream, piece: 'data:\n\n', bytes: 7e6 },
  'tiny deltas': {
    ...stream,
    piece: 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n',
    bytes: 10e6,
  },
} as const satisfies Record<string, LongAnswer>;

export type LongName = keyof typeof LONG_ANSWERS;

export class HostileEndpoint {
  url = '';
  /** The answer to a wake; a normal one if empty. */
  wakeAnswer = '';
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

  #serve(req: IncomingMessage, res: ServerResponse): void {
    req.on('error', () => {});
    res.on('error', () => {});
    const isWake = req.url?.includes('wake-up') ?? false;
    const chosen = isWake ? this.wakeAnswer : String(req.headers['x-answer'] ?? '');
    if (chosen in LONG_ANSWERS) {
      req.resume();
      void send(res, LONG_ANSWERS[chosen as LongName]);
      return;
    }
    req.resume().once('end', () => {
      if (chosen === 'hang') return;
      if (chosen === '') setTimeout(() => end(res, 200), USUAL_MS);
      else end(res, Number(chosen));
    });
  }
}

function end(res: ServerResponse, status: number): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(status === 200 ? GOOD : '{"error":{"message":"as chosen"}}');
}

async function send(res: ServerResponse, long: LongAnswer): Promise<void> {
  const { type, status = 200, begin = '', piece, bytes, end: last = '' } = long;
  const part = Buffer.from(piece.repeat(Math.ceil(PIECE_BYTES / piece.length)));
  res.writeHead(status, { 'content-type': type });
  res.write(begin);
  for (let sent = 0; sent < bytes && !res.destroyed; sent += part.length) {
    if (res.write(part)) continue;
    await new Promise<void>((resolve) => {
      const goOn = () => {
        res.off('drain', goOn).off('close', goOn);
        resolve();
      };
      res.on('drain', goOn).on('close', goOn);
    });
  }
  res.end(last);
}
