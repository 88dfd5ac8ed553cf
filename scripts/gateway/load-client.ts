/**
 * The client of the gateway benchmark, a process of its own: connections that each send one call
 * after the other, in a closed loop or at a rate. Every answer is checked in full.
 */
import { connect, type Socket } from 'node:net';
import { percentile } from '../sim/summary.ts';
import { readAnswer } from './answers.ts';
import { MessageReader } from './message-reader.ts';

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isStreamed: boolean;
  /** Connections, each with one call at a time. */
  readonly concurrency: number;
  readonly seconds: number;
  /** Calls a second, over all connections; absent: each connection sends the next at once. */
  readonly perSec?: number | undefined;
  /** Names the calls' runs, each of a connection's eight calls in a row; absent: they have none. */
  readonly runs?: string | undefined;
}

export interface LoadResult {
  readonly answers: number;
  /** What was wrong with answers, the first few. */
  readonly faults: readonly string[];
  readonly perSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Time until the first byte of the answer's body. */
  readonly firstP50Ms: number;
}

/** Size of a call's body, and how many calls each run has. */
const BODY_BYTES = 2_000;
const CALLS_A_RUN = 8;
const FAULTS_SHOWN = 3;
/** Replaced by the call's number, so that no two bodies are the same. */
const MARK = '########';

interface Connection {
  readonly socket: Socket;
  readonly name: number;
  sent: number;
}

class LoadRun {
  readonly #load: Load;
  readonly #body: string;
  readonly #head: string;
  readonly #totals: number[] = [];
  readonly #firsts: number[] = [];
  readonly #faults: string[] = [];
  /** An answer that was read in full, by which others are compared. */
  #known: Buffer | undefined;
  #sent = 0;

  constructor(load: Load) {
    this.#load = load;
    const content = (text: string) =>
      JSON.stringify({
        model: 'm',
        max_tokens: 16,
        ...(load.isStreamed ? { stream: true } : {}),
        messages: [
          { role: 'system', content: 'You are a benchmark.' },
          { role: 'user', content: text },
        ],
      });
    this.#body = content(`${MARK}${'x'.repeat(BODY_BYTES - content(MARK).length)}`);
    const headers = Object.entries({
      host: `127.0.0.1:${load.port}`,
      'content-type': 'application/json',
      'content-length': String(this.#body.length),
      ...load.headers,
    });
    this.#head = `POST ${load.path} HTTP/1.1\r\n${headers.map(([k, v]) => `${k}: ${v}\r\n`).join('')}`;
  }

  async measure(): Promise<LoadResult> {
    const { concurrency, seconds, perSec } = this.#load;
    const opened = Array.from({ length: concurrency }, (_, name) => this.#opened(name));
    const connections = await Promise.all(opened);
    const from = performance.now();
    const until = from + seconds * 1_000;
    await (perSec === undefined
      ? Promise.all(connections.map((to) => this.#loop(to, until)))
      : this.#paced(connections, from, until, perSec));
    const tookSec = (performance.now() - from) / 1_000;
    for (const { socket } of connections) socket.destroy();
    for (const times of [this.#totals, this.#firsts]) times.sort((a, b) => a - b);
    return {
      answers: this.#totals.length,
      faults: this.#faults.slice(0, FAULTS_SHOWN),
      perSec: this.#totals.length / tookSec,
      p50Ms: percentile(this.#totals, 0.5),
      p99Ms: percentile(this.#totals, 0.99),
      firstP50Ms: percentile(this.#firsts, 0.5),
    };
  }

  #opened(name: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#load.port, '127.0.0.1', () => {
        resolve({ socket, name, sent: 0 });
      });
      socket.setNoDelay(true);
      socket.once('error', reject);
    });
  }

  async #loop(to: Connection, until: number): Promise<void> {
    while (performance.now() < until && !to.socket.destroyed) {
      await this.#call(to, performance.now());
    }
  }

  /**
   * Sends each call when it is due, on a connection that is free. Its time counts from when it was due
   * where every connection was busy then, but not where only the timer was late. One timer for all
   * connections: one for each would wake all of them for each call.
   */
  async #paced(
    connections: readonly Connection[],
    from: number,
    until: number,
    perSec: number,
  ): Promise<void> {
    const free = [...connections];
    let freed = Promise.withResolvers<void>();
    const answered: Promise<void>[] = [];
    for (let isLate = false; ; ) {
      const dueAt = from + (answered.length / perSec) * 1_000;
      if (dueAt >= until || this.#faults.length > 0) break;
      const now = performance.now();
      if (dueAt > now) {
        await new Promise((resolve) => setTimeout(resolve, dueAt - now));
        isLate = false;
        continue;
      }
      const to = free.pop();
      if (to === undefined) {
        await freed.promise;
        isLate = true;
        continue;
      }
      const done = () => {
        free.push(to);
        freed.resolve();
        freed = Promise.withResolvers();
      };
      answered.push(this.#call(to, isLate ? dueAt : now).then(done));
    }
    await Promise.all(answered);
  }

  #call(to: Connection, startedAt: number): Promise<void> {
    const { socket } = to;
    const text = this.#request(to);
    const reader = new MessageReader();
    return new Promise((resolve) => {
      let firstMs: number | undefined;
      const done = (fault?: string) => {
        socket.off('data', onData);
        socket.off('close', onClose);
        if (fault === undefined) {
          this.#totals.push(performance.now() - startedAt);
          this.#firsts.push(firstMs ?? 0);
        } else {
          this.#faults.push(fault);
          socket.destroy();
        }
        resolve();
      };
      const onData = (bytes: Buffer) => {
        const answer = reader.push(bytes);
        if (reader.hasBody || answer) firstMs ??= performance.now() - startedAt;
        if (answer) done(this.#faultOf(answer.head, answer.body));
      };
      const onClose = () => done('the connection was closed');
      socket.on('data', onData);
      socket.on('close', onClose);
      socket.write(text, 'latin1');
    });
  }

  #request(to: Connection): string {
    const number = String(this.#sent).padStart(MARK.length, '0');
    this.#sent += 1;
    const { runs } = this.#load;
    const isLast = to.sent % CALLS_A_RUN === CALLS_A_RUN - 1;
    const run = `x-talaria-run: ${runs}-${to.name}-${Math.floor(to.sent / CALLS_A_RUN)}\r\n`;
    to.sent += 1;
    const named = runs ? `${run}${isLast ? 'x-talaria-run-final: true\r\n' : ''}` : '';
    return `${this.#head}${named}\r\n${this.#body.replace(MARK, number)}`;
  }

  #faultOf(head: string, body: Buffer): string | undefined {
    if (!head.startsWith('HTTP/1.1 200 ')) return `${head.split('\r\n')[0]} ${body}`;
    if (this.#known?.equals(body)) return undefined;
    try {
      readAnswer(body.toString(), this.#load.isStreamed);
    } catch (error) {
      return `${error}: ${body}`;
    }
    this.#known = body;
    return undefined;
  }
}

process.on('message', (load: Load) => {
  void new LoadRun(load).measure().then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit());
