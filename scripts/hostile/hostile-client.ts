/**
 * A client with an ordinary key that sends hostile requests, over connections that it can reset.
 */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** A request; by default a POST of `body`. */
export interface Hostile {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export class HostileClient {
  requests = 0;
  bytes = 0;
  /** The number of answers by status; 0 if there was no answer. */
  readonly statuses = new Map<number, number>();
  readonly #url: string;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #sockets = new Set<Socket>();

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** Sends a request and reads the answer to its end. */
  send({ method = 'POST', path, body = '', headers = {} }: Hostile): Promise<string> {
    this.requests += 1;
    this.bytes += Buffer.byteLength(body);
    const all = {
      authorization: `Bearer ${this.#key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...headers,
    };
    return new Promise((resolve) => {
      const options = { method, headers: all, agent: this.#agent };
      const sent = request(`${this.#url}${path}`, options, (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => {
          if (text.length < 1_000) text += part.toString('latin1', 0, 1_000);
        });
        answer.once('close', () => {
          this.#saw(answer.statusCode ?? 0);
          resolve(text);
        });
      });
      sent.once('socket', (socket) => this.#keep(socket));
      sent.once('error', () => {
        this.#saw(0);
        resolve('');
      });
      sent.end(body);
    });
  }

  /** Sends `count` requests, `atATime` of them at once, each to its end. */
  async flood(count: number, atATime: number, what: (i: number) => Hostile): Promise<void> {
    let next = 0;
    const loop = async () => {
      while (next < count) {
        next += 1;
        await this.send(what(next));
      }
    };
    await Promise.all(Array.from({ length: atATime }, loop));
  }

  /** Sends the start of a body of `length` bytes, then `trickle` every 200 ms, or nothing more. */
  hold({ path, body = '', headers = {} }: Hostile, length: number, trickle = ''): Socket {
    this.requests += 1;
    this.bytes += Buffer.byteLength(body);
    const { hostname, port } = new URL(this.#url);
    const socket = connect(Number(port), hostname);
    this.#keep(socket);
    socket.on('error', () => {});
    socket.once('data', (data) => {
      this.#saw(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString('latin1'))?.[1] ?? 0));
    });
    const lines = { host: 't', authorization: `Bearer ${this.#key}`, ...headers };
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST ${path} HTTP/1.1\r\n${head.join('')}content-length: ${length}\r\n\r\n`);
    socket.write(body);
    if (trickle) {
      const timer = setInterval(() => socket.write(trickle), 200);
      socket.once('close', () => clearInterval(timer));
    }
    return socket;
  }

  /** Resets all connections. */
  leave(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #keep(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.setMaxListeners(0);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #saw(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}
