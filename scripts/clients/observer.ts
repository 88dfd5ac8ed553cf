/**
 * A proxy between clients and the dispatcher that notes what each session sends and which run it
 * became. A session is told by its key, which the proxy replaces by the tenant's, so that the files
 * of a client are the same for all its sessions.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { zstdDecompressSync } from 'node:zlib';

/** The ids of tool calls that the emulated model makes. */
const TOOL_CALL_ID = /\b(?:call|toolu)_[0-9a-f]{24}\b/g;

export interface Seen {
  readonly session: string;
  /** Milliseconds since the proxy was started. */
  readonly at: number;
  end: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** 0 until the answer's headers have come, and where none came. */
  status: number;
  answer: Readonly<Record<string, string>>;
  /** False if the client left before the answer's end. */
  complete: boolean;
  /** The ids of the tool calls in the answer. */
  toolCalls: string[];
}

export interface Observer {
  readonly url: string;
  readonly seen: Seen[];
  close(): Promise<void>;
}

/** Starts the proxy. `keys` maps the key of a session to its name; `key` is the tenant's. */
export async function startObserver(
  target: string,
  keys: ReadonlyMap<string, string>,
  key: string,
): Promise<Observer> {
  const seen: Seen[] = [];
  const startedAt = performance.now();
  const now = () => Math.round(performance.now() - startedAt);
  const { hostname, port } = new URL(target);
  const note = (req: IncomingMessage, body: string): Seen => {
    const shown: Seen = {
      session: sessionOf(req, keys) ?? '?',
      at: now(),
      end: 0,
      method: req.method ?? '',
      path: req.url ?? '',
      headers: flat(req.headers),
      body,
      status: 0,
      answer: {},
      complete: false,
      toolCalls: [],
    };
    seen.push(shown);
    return shown;
  };
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const body = Buffer.concat(parts);
      forward(req, res, body, note(req, textOf(req, body)));
    });
  });
  const forward = (req: IncomingMessage, res: ServerResponse, body: Buffer, shown: Seen) => {
    const headers = withKey(req, keys, key);
    const upstream = request(
      { hostname, port, method: req.method, path: req.url, headers },
      (answer) => {
        shown.status = answer.statusCode ?? 0;
        shown.answer = flat(answer.headers);
        res.writeHead(shown.status, answer.headers);
        res.flushHeaders();
        answer.pipe(res);
        answer.on('data', (part: Buffer) => {
          const ids = part.toString().match(TOOL_CALL_ID) ?? [];
          shown.toolCalls = [...new Set([...shown.toolCalls, ...ids])];
        });
        answer.on('error', () => res.destroy());
        answer.on('end', () => {
          shown.complete = true;
          shown.end = now();
        });
      },
    );
    upstream.on('error', () => res.destroy());
    res.on('close', () => {
      shown.end ||= now();
      upstream.destroy();
    });
    upstream.end(body);
  };
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const shown = note(req, '');
    const upstream = connect(Number(port), hostname, () => {
      const headers = Object.entries(withKey(req, keys, key)).map(([k, v]) => `${k}: ${v}\r\n`);
      upstream.write(`${req.method} ${req.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      upstream.write(head);
      upstream.once('data', (first: Buffer) => {
        shown.status = Number(/^HTTP\/1\.1 (\d+)/.exec(first.toString('latin1'))?.[1] ?? 0);
        shown.end = now();
      });
      upstream.pipe(socket).pipe(upstream);
    });
    const drop = () => {
      upstream.destroy();
      socket.destroy();
    };
    upstream.on('error', drop);
    socket.on('error', drop);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function keyOf(req: IncomingMessage): string {
  const bearer = req.headers.authorization?.replace(/^Bearer /i, '');
  return bearer ?? String(req.headers['x-api-key'] ?? '');
}

function sessionOf(req: IncomingMessage, keys: ReadonlyMap<string, string>): string | undefined {
  return keys.get(keyOf(req));
}

function withKey(req: IncomingMessage, keys: ReadonlyMap<string, string>, key: string) {
  const own = keyOf(req);
  const headers = { ...req.headers };
  if (!keys.has(own)) return headers;
  for (const name of ['authorization', 'x-api-key']) {
    const value = headers[name];
    if (typeof value === 'string') headers[name] = value.replace(own, key);
  }
  return headers;
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function textOf(req: IncomingMessage, body: Buffer): string {
  const isZstd = req.headers['content-encoding'] === 'zstd';
  return (isZstd ? zstdDecompressSync(body) : body).toString();
}
