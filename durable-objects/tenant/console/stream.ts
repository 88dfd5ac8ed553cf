/**
 * The open pages of a tenant: hibernating WebSockets that are told what changed, at most once a
 * second, and nothing while nothing changes. What a page gets is coalesced: the view of the moment,
 * not each change. A page that reads too slowly, or says too much, is closed.
 */
import { CONSOLE_BUILD, CONSOLE_CONTRACT } from '../../../src/protocol/console/session.ts';
import {
  LEAST_GAP_MS,
  MAX_SOCKETS,
  MAX_UNSEEN,
  PING,
  PONG,
  SLOW_MS,
  STREAM_CLOSED,
  STREAM_TOPICS,
  type StreamMessage,
  type StreamTopic,
} from '../../../src/protocol/console/stream.ts';
import type { ConsoleKey } from '../../../src/protocol/looking.ts';

/** Longest message of a page, characters, and most of them within `PERIOD_MS`. */
const MOST_CHARS = 500;
const MOST_MESSAGES = 100;
const PERIOD_MS = 10_000;
/**
 * A page asks for what it shows before its stream is open, on a slow connection long before. So who
 * begins to watch a topic is told of a change that is as young as this.
 */
const RECENT_MS = 30_000;

export interface StreamContext {
  readonly state: Pick<
    DurableObjectState,
    'acceptWebSocket' | 'getWebSockets' | 'setWebSocketAutoResponse'
  >;
  /** The message `now` as text, and its version; undefined where the tenant is not configured. */
  readonly view: () => { readonly text: string; readonly version: number } | undefined;
  readonly isRevoked: (key: ConsoleKey) => boolean;
}

/** What survives hibernation with a socket. */
interface Attachment {
  readonly key: ConsoleKey | null;
  readonly topics: readonly StreamTopic[];
}

/** What is only known while the object is in memory. */
interface Page {
  /** Versions that were sent and not seen yet, and since when the oldest of them waits. */
  unseen: number[];
  waitsSince: number;
  messages: number;
  periodAt: number;
}

export class ConsoleStream {
  readonly #context: StreamContext;
  readonly #pages = new WeakMap<WebSocket, Page>();
  readonly #dirty = new Set<StreamTopic>();
  /** When something of a topic changed last, whether or not somebody looked. */
  readonly #changedAt = new Map<StreamTopic, number>();
  #open: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #sentAt = 0;

  constructor(context: StreamContext) {
    this.#context = context;
    this.#open = context.state.getWebSockets().length;
  }

  /** False where nobody looks: then changes cost nothing. */
  get isWatched(): boolean {
    return this.#open > 0;
  }

  /** Opens a page's socket; undefined where as many are open as may be. */
  open(key: ConsoleKey | null): WebSocket | undefined {
    const { state } = this.#context;
    if (state.getWebSockets().length >= MAX_SOCKETS) return undefined;
    const { 0: client, 1: server } = new WebSocketPair();
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    state.acceptWebSocket(server);
    server.serializeAttachment({ key, topics: [] } satisfies Attachment);
    this.#open = state.getWebSockets().length;
    const [contract, build, at] = [CONSOLE_CONTRACT, CONSOLE_BUILD, Date.now()];
    send(server, { type: 'hello', contract, build, at });
    return client;
  }

  /** Something of a topic changed. */
  changed(topic: StreamTopic): void {
    this.#changedAt.set(topic, Date.now());
    if (this.#open === 0) return;
    this.#dirty.add(topic);
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        this.#tell();
      },
      Math.max(0, Math.min(LEAST_GAP_MS, this.#sentAt + LEAST_GAP_MS - Date.now())),
    );
  }

  /** The configuration changed: keys that were revoked see nothing more. */
  configured(): void {
    for (const socket of this.#sockets()) {
      const { key } = attachmentOf(socket);
      if (key && this.#context.isRevoked(key)) {
        close(socket, STREAM_CLOSED.unauthorized, 'The API key was revoked.');
      }
    }
    this.changed('config');
    this.changed('now');
  }

  /** The tenant was deleted. */
  deleted(): void {
    for (const socket of this.#sockets()) {
      close(socket, STREAM_CLOSED.deleted, 'The tenant was deleted.');
    }
  }

  /** A page said something. */
  message(socket: WebSocket, data: string | ArrayBuffer): void {
    const page = this.#page(socket);
    const now = Date.now();
    if (now - page.periodAt >= PERIOD_MS) [page.periodAt, page.messages] = [now, 0];
    page.messages += 1;
    if (page.messages > MOST_MESSAGES) {
      return close(socket, STREAM_CLOSED.slow, 'The page sends too much.');
    }
    const message = typeof data === 'string' && data.length <= MOST_CHARS ? read(data) : undefined;
    if (message === undefined) {
      return close(socket, STREAM_CLOSED.badMessage, 'This is no message of the console.');
    }
    if (message.type === 'seen') return this.#seen(page, message.version);
    const { key, topics } = attachmentOf(socket);
    socket.serializeAttachment({ key, topics: message.topics } satisfies Attachment);
    page.unseen = [];
    for (const topic of message.topics) {
      if (topic === 'now' || topics.includes(topic)) continue;
      const at = this.#changedAt.get(topic);
      if (at !== undefined && now - at < RECENT_MS) send(socket, { type: 'changed', at, topic });
    }
    const view = message.topics.includes('now') ? this.#context.view() : undefined;
    if (view) this.#sendView(socket, page, view, now);
  }

  /** A socket closed, or broke. */
  closed(socket: WebSocket): void {
    close(socket, 1_000, '');
    // The runtime may still list the one that is closing.
    const others = this.#sockets().filter((other) => other !== socket);
    this.#open = others.length;
    if (this.#open > 0) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#dirty.clear();
  }

  #tell(): void {
    const now = Date.now();
    const topics = [...this.#dirty];
    this.#dirty.clear();
    this.#sentAt = now;
    const sockets = this.#sockets();
    this.#open = sockets.length;
    let view: ReturnType<StreamContext['view']>;
    for (const socket of sockets) {
      const watched = attachmentOf(socket).topics;
      for (const topic of topics) {
        if (!watched.includes(topic)) continue;
        if (topic !== 'now') send(socket, { type: 'changed', at: now, topic });
        else {
          view ??= this.#context.view();
          if (view) this.#sendView(socket, this.#page(socket), view, now);
        }
      }
    }
  }

  #sendView(
    socket: WebSocket,
    page: Page,
    { text, version }: { readonly text: string; readonly version: number },
    now: number,
  ): void {
    if (page.unseen.length >= MAX_UNSEEN) {
      // It gets what is true then once it has seen what was sent.
      if (now - page.waitsSince < SLOW_MS) return;
      return close(socket, STREAM_CLOSED.slow, 'The page reads too slowly.');
    }
    if (page.unseen.length === 0) page.waitsSince = now;
    page.unseen.push(version);
    trySend(socket, text);
  }

  #seen(page: Page, version: number): void {
    const wasFull = page.unseen.length >= MAX_UNSEEN;
    page.unseen = page.unseen.filter((sent) => sent > version);
    page.waitsSince = Date.now();
    if (wasFull && page.unseen.length < MAX_UNSEEN) this.changed('now');
  }

  #page(socket: WebSocket): Page {
    let page = this.#pages.get(socket);
    if (!page) {
      page = { unseen: [], waitsSince: 0, messages: 0, periodAt: 0 };
      this.#pages.set(socket, page);
    }
    return page;
  }

  /** Those that are open; the runtime also lists those that are closing. */
  #sockets(): WebSocket[] {
    return this.#context.state
      .getWebSockets()
      .filter((socket) => socket.readyState === WebSocket.OPEN);
  }
}

type PageMessage =
  | { readonly type: 'watch'; readonly topics: readonly StreamTopic[] }
  | { readonly type: 'seen'; readonly version: number };

/** Undefined for what is no message. Topics of a newer page are left out. */
function read(data: string): PageMessage | undefined {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || !('type' in json)) return undefined;
  if (json.type === 'seen' && 'version' in json && Number.isSafeInteger(json.version)) {
    return { type: 'seen', version: Number(json.version) };
  }
  if (json.type !== 'watch' || !('topics' in json) || !Array.isArray(json.topics)) return undefined;
  const { topics } = json;
  return { type: 'watch', topics: STREAM_TOPICS.filter((topic) => topics.includes(topic)) };
}

function attachmentOf(socket: WebSocket): Attachment {
  return (socket.deserializeAttachment() as Attachment | null) ?? { key: null, topics: [] };
}

function send(socket: WebSocket, message: StreamMessage): void {
  trySend(socket, JSON.stringify(message));
}

/** A socket may break at any time; the runtime then reports its end. */
function trySend(socket: WebSocket, text: string): void {
  try {
    socket.send(text);
  } catch {
    // It has ended.
  }
}

function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // It has ended.
  }
}
