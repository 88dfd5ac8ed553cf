/** A tenant with one slot, its calls, and the console's API and stream as a page uses them. */
import { env, exports } from 'cloudflare:workers';
import { sha256Hex } from '../../../../src/http/sha256.ts';
import type { CallRequest, CallResult } from '../../../../src/protocol/admission.ts';
import { CONSOLE_PROTOCOL, type StreamMessage } from '../../../../src/protocol/console/stream.ts';

export const ADMIN = 'test-admin';

export const OK: CallResult = {
  outcome: 'ok',
  endpointFault: false,
  cold: false,
  inputTokens: 10,
  outputTokens: 5,
  serviceMs: 100,
  firstByteMs: 40,
};

export async function ask(path: string, token = ADMIN, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  return exports.default.fetch(
    new Request(`http://talaria.test/console/api${path}`, { ...init, headers }),
  );
}

export async function newTenant(more: object = {}) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = () => env.TENANT.getByName(name);
  const admin = (method: string, path = '', body?: object) =>
    exports.default.fetch(
      new Request(`http://talaria.test/admin/tenants/${name}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
    );
  const endpoints = [{ url: 'http://127.0.0.1:9/v1', slots: 1 }];
  const key = `key-${crypto.randomUUID()}`;
  const put = await admin('PUT', '', {
    backends: { m: { models: ['m'], endpoints, queue: { depth: 10_000 } } },
    keys: [{ id: 'k', sha256: await sha256Hex(key) }],
    ...more,
  });
  const { version } = (await put.json()) as { version: number };
  const enqueue = (callId: string, fields: Partial<CallRequest> = {}) =>
    stub().enqueue({
      keyId: 'k',
      version,
      call: {
        ...{ callId, runId: callId, app: 'a', unit: 'u', backend: 'm', kind: 'llm' as const },
        ...{ inputTokens: 10, arrivedAt: Date.now(), final: true },
        ...fields,
      },
    });
  return { name, key, version, stub, admin, enqueue };
}

/** An open page. */
export class Page {
  readonly messages: StreamMessage[] = [];
  readonly pongs: string[] = [];
  /** It reports each view as seen, as a page does. */
  sees = false;
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  #wake: () => void = () => {};

  static async open(tenant: string, token = ADMIN): Promise<Page> {
    const opened = await exports.default.fetch(
      new Request(`http://talaria.test/console/api/tenants/${tenant}/stream`, {
        headers: {
          upgrade: 'websocket',
          'sec-websocket-protocol': `${CONSOLE_PROTOCOL}, bearer.${token}`,
        },
      }),
    );
    const { webSocket } = opened;
    if (!webSocket) throw new Error(`no socket: ${opened.status}`);
    if (opened.headers.get('sec-websocket-protocol') !== CONSOLE_PROTOCOL) {
      throw new Error('another subprotocol');
    }
    return new Page(webSocket);
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (data === 'pong') this.pongs.push(data);
      else this.messages.push(JSON.parse(String(data)));
      const last = this.messages.at(-1);
      if (this.sees && last?.type === 'now') this.say({ type: 'seen', version: last.version });
      this.#wake();
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason };
      this.#wake();
    });
    socket.accept();
  }

  say(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  leave(): void {
    this.#socket.close(1_000, 'left');
  }

  /** Waits until what was heard is as wanted. */
  async until(isAsWanted: (page: Page) => boolean): Promise<void> {
    while (!isAsWanted(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  get views() {
    return this.messages.flatMap((m) => (m.type === 'now' ? [m] : []));
  }
}
