/**
 * A dispatcher on bare workerd to which tests add tenants, and helpers for the tests of this
 * folder.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { type RawOptions, type RawWorkerd, startRawWorkerd } from '../../scripts/raw-workerd.ts';
import { admin } from '../../scripts/stack.ts';

export interface Dispatcher {
  readonly workerd: RawWorkerd;
  /** The folder of KV and the objects' storage. */
  readonly stateDir: string;
  /** Creates a tenant; returns a key of it. */
  tenant(name: string, config: object): Promise<string>;
  /**
   * Kills the process as a crash does and starts it again on the same storage, with these options.
   */
  crash(options?: RawOptions): Promise<void>;
  close(): Promise<void>;
}

/**
 * `secrets`: secrets of the Worker besides the administrator's token. `how`: options of the first
 * start only.
 */
export async function startDispatcher(
  secrets: Readonly<Record<string, string>> = {},
  how: RawOptions = {},
): Promise<Dispatcher> {
  const dir = await mkdtemp(join(tmpdir(), 'talaria-e2e-'));
  const bundle = inject('bundle');
  const state = join(dir, 'state');
  let workerd = await startRawWorkerd(bundle, state, { secrets, ...how });
  return {
    stateDir: state,
    get workerd() {
      return workerd;
    },
    tenant: async (name, config) => {
      await admin(workerd.url, 'PUT', `/tenants/${name}`, config);
      return JSON.parse(await admin(workerd.url, 'POST', `/tenants/${name}/keys`)).key;
    },
    crash: async (options = {}) => {
      await workerd.stop('SIGKILL');
      workerd = await startRawWorkerd(bundle, state, { secrets, ...options });
    },
    close: async () => {
      // Nothing of it is needed any longer, and an orderly end waits for calls that still run.
      await workerd.stop('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What came of an answer before its connection broke; undefined where it ended in order. */
export async function beforeBreak(answer: Response): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece as Uint8Array, { stream: true });
    }
  } catch {
    return text;
  }
  return undefined;
}

export interface BackendStatus {
  waiting: number;
  running: number;
  endpoints: Array<{ state: string; running: number; presumed: boolean }>;
}

export async function statusOf(
  url: string,
  tenant: string,
): Promise<Record<string, BackendStatus>> {
  return JSON.parse(await admin(url, 'GET', `/tenants/${tenant}/status`)).backends;
}

/** Less than a test's own timeout, so that the error names what was seen last. */
const PATIENCE_MS = 110_000;

/** Repeats `ask` until its result is as wanted; if it never is, the error has the last result. */
export async function until<T>(ask: () => Promise<T> | T, wanted: (t: T) => boolean): Promise<T> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > giveUpAt) throw new Error(`still not as wanted: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A client that can disconnect abruptly, by a TCP reset; `missing`: bytes of its body that never come. */
export class RawClient {
  readonly #socket: Socket;
  #received = '';
  readonly closed: Promise<void>;

  constructor(
    url: string,
    key: string,
    body: object,
    headers: readonly string[] = [],
    path = '/v1/chat/completions',
    missing = 0,
  ) {
    const { hostname, port } = new URL(url);
    const text = JSON.stringify(body);
    this.#socket = connect(Number(port), hostname);
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('error', () => {});
    this.#socket.on('data', (data) => {
      this.#received += data.toString();
    });
    this.#socket.write(
      `POST ${path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer ${key}\r\n` +
        headers.map((line) => `${line}\r\n`).join('') +
        `content-length: ${Buffer.byteLength(text) + missing}\r\nconnection: close\r\n\r\n${text}`,
    );
  }

  get received(): string {
    return this.#received;
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }
}
