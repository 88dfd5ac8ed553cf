/**
 * A hostile client with an ordinary key. Its behaviour is drawn from a seed, and several concurrent
 * callers follow it until the client is stopped. It records the statuses of its answers; their
 * content is ignored.
 */
import { Agent, type ClientRequest, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Random } from '../../src/core/learning/random.ts';
import type { Answer } from './chosen-endpoint.ts';

const ANSWERS: readonly Answer[] = [
  ...(['ok 10', 'ok 40', 'ok 120', 'stream 10', 'garbage 10', 'cut 10', 'cut 250'] as const),
  ...(['429 10', '429 10 1', '429 10 30', '503 10', '503 10 30', '529 10'] as const),
  ...(['500 10', '502 10', '403 10', '404 10', '302 10', '400 10'] as const),
];
/**
 * Names of applications, runs and units: its own, the other key's, and ones that often cause
 * errors.
 */
const NAMES = ['a', 'b', 'b-run', 'c', 'd', '__proto__', 'constructor', 'x'.repeat(128), 'ü', ''];
const DEADLINES = ['1', '100', '1000', '60000', '86400000', '1e400', '-1'];

export interface Behaviour {
  readonly actions: readonly ActionName[];
  readonly callers: number;
  /** The pause of a caller between two calls, in ms. */
  readonly pauseMs: number;
  readonly answers: readonly Answer[];
  readonly names: 'own' | 'any';
  readonly deadlines: boolean;
  readonly bodies: ReadonlyArray<keyof typeof BODIES>;
}

const user = (content: unknown) => ({ role: 'user', content });
const chat = (messages: unknown, more: object = {}) =>
  JSON.stringify({ model: 'm', max_tokens: 9, messages, ...more });

/** Bodies of model calls. */
const BODIES = {
  usual: () => chat([user('Hello')]),
  long: () => chat([user('x'.repeat(60_000))]),
  many: () => chat(Array.from({ length: 1_000 }, () => user('x'))),
  empty: () => chat(Array.from({ length: 10_000 }, () => ({}))),
  deep: () => `{"model":"m","messages":[${'['.repeat(10_000)}${']'.repeat(10_000)}]}`,
  broken: () => chat([user('Hello')]).slice(0, -3),
  'too long': () => chat([user('x'.repeat(150_000))]),
  stream: () => chat([user('Hello')], { stream: true }),
  'many answers': () => chat([user('Hello')], { n: 128, max_tokens: 1_000_000 }),
  tools: () =>
    chat([user('x')], { tools: Array.from({ length: 200 }, (_, i) => ({ name: `${i}` })) }),
} as const;

const ACTIONS = {
  chat: (a: GreedyClient) => a.call('POST', '/v1/chat/completions', a.body()),
  message: (a: GreedyClient) => a.call('POST', '/v1/messages', a.body()),
  'token count': (a: GreedyClient) => a.call('POST', '/v1/messages/count_tokens', a.body()),
  tool: (a: GreedyClient) => a.call(a.pick(METHODS), '/v1/backends/m/x', 'x'),
  upload: (a: GreedyClient) => a.call('POST', '/v1/backends/m/x', 'x'.repeat(60_000), true),
  'leaving call': (a: GreedyClient) => a.leavingCall(),
  'body that stops': (a: GreedyClient) => a.stoppingBody(),
  job: (a: GreedyClient) => a.job(),
  'idempotent call': (a: GreedyClient) =>
    a.call('POST', '/v1/backends/m/x', 'x', false, { 'idempotency-key': a.pick(NAMES) }),
  'run event': (a: GreedyClient) => a.runEvent(),
  file: (a: GreedyClient) => a.call('POST', '/v1/files', 'x'.repeat(10_000)),
  look: (a: GreedyClient) => a.call('GET', a.pick(['/v1/models', '/v1/calls/x', '/v1/jobs']), ''),
} as const;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'];

export type ActionName = keyof typeof ACTIONS;

/** Actions that take or wait for slots: each behaviour has one of them. */
const GRASPING: readonly ActionName[] = [
  ...(['chat', 'message', 'tool', 'upload', 'leaving call', 'job', 'idempotent call'] as const),
];

export function drawBehaviour(random: Random): Behaviour {
  const pick = pickOf(random);
  const some = <T>(from: readonly T[]) =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(from));
  return {
    actions: [pick(GRASPING), ...some(Object.keys(ACTIONS) as ActionName[])],
    callers: pick([2, 8, 24]),
    pauseMs: pick([1, 10, 50]),
    answers: some(ANSWERS),
    names: pick(['own', 'any']),
    deadlines: random() < 0.3,
    bodies: ['usual', ...some(Object.keys(BODIES) as Array<keyof typeof BODIES>)],
  };
}

function pickOf(random: Random) {
  return <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
}

export class GreedyClient {
  readonly pick: <T>(from: readonly T[]) => T;
  /** The number of answers by status; 0 if there was no answer. */
  readonly statuses = new Map<number, number>();
  /** Answers with status 500, which must never occur. */
  readonly crashes: string[] = [];
  readonly #url: string;
  readonly #key: string;
  readonly #behaviour: Behaviour;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #sockets = new Set<Socket>();
  readonly #jobs: string[] = [];
  #calls = 0;
  #isOver = false;
  #loops: Array<Promise<void>> = [];

  constructor(url: string, key: string, behaviour: Behaviour, random: Random) {
    this.#url = url;
    this.#key = key;
    this.#behaviour = behaviour;
    this.#random = random;
    this.pick = pickOf(random);
  }

  start(): void {
    this.#loops = Array.from({ length: this.#behaviour.callers }, () => this.#loop());
  }

  /** Resets all connections and deletes its jobs. */
  async stop(): Promise<void> {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await Promise.all(this.#loops);
    for (const id of this.#jobs) await this.call('DELETE', `/v1/jobs/${id}`, '');
    this.#agent.destroy();
  }

  body(): string {
    return BODIES[this.pick(this.#behaviour.bodies)]();
  }

  call(
    method: string,
    path: string,
    body: string,
    chunked = false,
    more: Record<string, string> = {},
  ): Promise<string> {
    const length = chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const headers = { ...this.#headers(), ...length, ...more };
    const options = { method, headers, agent: this.#agent };
    return new Promise((resolve) => {
      const sent = request(`${this.#url}${path}`, options, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part) => parts.push(part));
        answer.once('close', () => {
          const text = Buffer.concat(parts).toString();
          this.#saw(answer.statusCode ?? 0, `${method} ${path}: ${text.slice(0, 300)}`);
          resolve(text);
        });
      });
      this.#track(sent);
      sent.once('error', () => {
        this.#saw(0, '');
        resolve('');
      });
      sent.end(body);
    });
  }

  /** A call whose client disconnects after a few ms, by a reset. */
  leavingCall(): Promise<string> {
    const body = this.body();
    const afterMs = this.#random() * 30;
    return this.#raw(this.#head('/v1/chat/completions', Buffer.byteLength(body)) + body, (socket) =>
      setTimeout(() => socket.resetAndDestroy(), afterMs),
    );
  }

  /** A call whose body stops half-way while the client stays connected. */
  stoppingBody(): Promise<string> {
    const path = this.pick(['/v1/chat/completions', '/v1/files', '/v1/jobs']);
    return this.#raw(this.#head(path, 80_000) + 'x'.repeat(40_000), () => {});
  }

  async job(): Promise<string> {
    if (this.#jobs.length >= 50) return this.call('GET', '/v1/jobs', '');
    const { authorization: _, ...headers } = this.#headers();
    const path = this.pick(['/v1/backends/m/x', '/v1/chat/completions']);
    const order = { path, headers, body: { model: 'm', messages: [user('Hello')] } };
    const text = await this.call('POST', '/v1/jobs', JSON.stringify(order));
    const id = /"id":"([^"]+)"/.exec(text)?.[1];
    if (id) this.#jobs.push(id);
    return text;
  }

  runEvent(): Promise<string> {
    const run = encodeURIComponent(this.pick(NAMES) || `run-${this.#calls}`);
    const event = { type: this.pick(['unit_begin', 'unit_end']), unit: 'u', app: this.pick(NAMES) };
    return this.call('POST', `/v1/runs/${run}/events`, JSON.stringify(event));
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      await ACTIONS[this.pick(this.#behaviour.actions)](this);
      await new Promise((resolve) => setTimeout(resolve, this.#behaviour.pauseMs));
    }
  }

  #headers(): Record<string, string> {
    this.#calls += 1;
    const { answers, names, deadlines } = this.#behaviour;
    const latin = (name: string) => name.replace(/[^\x20-\x7e]/g, 'u');
    return {
      authorization: `Bearer ${this.#key}`,
      'x-who': 'a',
      'x-call': `a${this.#calls}`,
      'x-answer': this.pick(answers),
      ...(names === 'own' ? { 'x-talaria-app': 'a' } : {}),
      ...(names === 'any'
        ? {
            'x-talaria-app': latin(this.pick(NAMES)),
            'x-talaria-run': latin(this.pick(NAMES)),
            'x-talaria-unit': latin(this.pick(NAMES)),
          }
        : {}),
      ...(deadlines ? { 'x-talaria-deadline-ms': this.pick(DEADLINES) } : {}),
    };
  }

  #head(path: string, length: number): string {
    const lines = Object.entries({ host: 't', ...this.#headers() }).map(([n, v]) => `${n}: ${v}`);
    return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\ncontent-length: ${length}\r\n\r\n`;
  }

  #raw(bytes: string, then: (socket: Socket) => void): Promise<string> {
    const { hostname, port } = new URL(this.#url);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      this.#keep(socket);
      socket.on('error', () => {});
      socket.on('data', (data) => {
        this.#saw(Number(/^HTTP\/1\.1 (\d{3})/.exec(String(data))?.[1] ?? 0), String(data));
        socket.destroy();
      });
      socket.once('close', () => resolve(''));
      socket.write(Buffer.from(bytes, 'latin1'), () => then(socket));
      if (this.#isOver) socket.destroy();
    });
  }

  #track(sent: ClientRequest): void {
    sent.once('socket', (socket) => this.#keep(socket));
  }

  #keep(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #saw(status: number, text: string): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status === 500 && !text.includes('chosen: 500')) this.crashes.push(text);
  }
}
