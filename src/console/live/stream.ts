/**
 * The page's one stream of a tenant. It is open while the tab is visible, connects again with
 * growing pauses, and proves by a ping that a silent stream is alive: nothing is sent while nothing
 * changes. `stale` says since when the page has not heard from the tenant.
 */
import {
  BEARER_PREFIX,
  BEARER64_PREFIX,
  CONSOLE_PROTOCOL,
  PING,
  PONG,
  type SeenMessage,
  STREAM_CLOSED,
  type StreamMessage,
  type StreamTopic,
  type WatchMessage,
} from '../../protocol/console/stream.ts';
import { backoffMs } from '../ask/backoff.ts';

/** Silence after which the page asks whether the stream is alive, and for how long it waits then. */
const PING_AFTER_MS = 20_000;
const PONG_WITHIN_MS = 10_000;

export type LiveState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `since`: when the page last heard, epoch ms. */
  | { readonly kind: 'stale'; readonly since: number }
  /** As many pages of the tenant are open as may be; it is tried again. */
  | { readonly kind: 'full' }
  /** The tab is hidden. */
  | { readonly kind: 'paused'; readonly since: number }
  /** It ends for good: signing in again, or another tenant, is needed. */
  | { readonly kind: 'ended'; readonly why: 'unauthorized' | 'deleted' };

export interface StreamEnvironment {
  connect(url: string, protocols: string[]): WebSocket;
  now(): number;
  random(): number;
  after(ms: number, act: () => void): () => void;
  hidden(): boolean;
}

export interface StreamEvents {
  state(state: LiveState): void;
  /** The stream was closed or not opened; why, a page is not always told. */
  lost(): void;
  message(message: StreamMessage): void;
}

export class LiveStream {
  readonly #url: string;
  readonly #token: string;
  readonly #world: StreamEnvironment;
  readonly #events: StreamEvents;
  #topics: readonly StreamTopic[] = [];
  #socket: WebSocket | undefined;
  #attempt = 0;
  #heardAt = 0;
  /** What the socket was told last to watch. */
  #told = '';
  #isFull = false;
  #cancel: () => void = () => {};
  #closed = false;

  constructor(url: string, token: string, world: StreamEnvironment, events: StreamEvents) {
    this.#url = url;
    this.#token = token;
    this.#world = world;
    this.#events = events;
  }

  /** Starts, or goes on after the tab was hidden. */
  open(): void {
    if (this.#closed || this.#socket) return;
    this.#cancel();
    if (this.#world.hidden()) return this.#events.state({ kind: 'paused', since: this.#heardAt });
    this.#events.state(this.#waiting());
    const socket = this.#world.connect(this.#url, [CONSOLE_PROTOCOL, bearer(this.#token)]);
    this.#socket = socket;
    this.#told = '';
    socket.onopen = () => this.#watch();
    socket.onmessage = (event) => this.#heard(String(event.data));
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  /** Pauses, for a tab that nobody sees. */
  pause(): void {
    this.#drop();
    if (!this.#closed) this.#events.state({ kind: 'paused', since: this.#heardAt });
  }

  /** Ends for good. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  /** What to hear of from now on. */
  watch(topics: readonly StreamTopic[]): void {
    this.#topics = [...topics].sort();
    this.#watch();
  }

  /** Says that a view was shown, so that the server knows that this page keeps up. */
  seen(version: number): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const message: SeenMessage = { type: 'seen', version };
    this.#socket.send(JSON.stringify(message));
  }

  #watch(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const message: WatchMessage = { type: 'watch', topics: this.#topics };
    const text = JSON.stringify(message);
    if (text === this.#told) return;
    this.#told = text;
    this.#socket.send(text);
  }

  #heard(data: string): void {
    this.#attempt = 0;
    this.#isFull = false;
    this.#heardAt = this.#world.now();
    this.#events.state({ kind: 'live' });
    this.#cancel();
    this.#cancel = this.#world.after(PING_AFTER_MS, () => this.#prove());
    if (data === PONG) return;
    const message = parse(data);
    if (message) this.#events.message(message);
  }

  #prove(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.send(PING);
    this.#cancel = this.#world.after(PONG_WITHIN_MS, () => {
      socket.close();
      this.#lost(socket, 0);
    });
  }

  #lost(socket: WebSocket, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#cancel();
    this.#isFull = code === STREAM_CLOSED.full;
    if (code === STREAM_CLOSED.unauthorized) this.#end('unauthorized');
    else if (code === STREAM_CLOSED.deleted) this.#end('deleted');
    else this.#events.state(this.#waiting());
    // The one who is told that it is full knows that its token is valid.
    if (!this.#isFull) this.#events.lost();
    if (this.#closed) return;
    const pause = backoffMs(this.#attempt, this.#world.random());
    this.#attempt += 1;
    this.#cancel = this.#world.after(pause, () => this.open());
  }

  /** The state until the stream opens. */
  #waiting(): LiveState {
    if (this.#isFull) return { kind: 'full' };
    return this.#heardAt === 0 ? { kind: 'connecting' } : { kind: 'stale', since: this.#heardAt };
  }

  #end(why: 'unauthorized' | 'deleted'): void {
    this.#closed = true;
    this.#events.state({ kind: 'ended', why });
  }

  #drop(): void {
    this.#cancel();
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }
}

/** Signs that a subprotocol may have. */
const PLAIN = /^[\w!#$%&'*+.^`|~-]+$/;

/** The token as a subprotocol. */
export function bearer(token: string): string {
  if (PLAIN.test(token)) return `${BEARER_PREFIX}${token}`;
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(token)));
  const url = base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `${BEARER64_PREFIX}${url}`;
}

function parse(data: string): StreamMessage | undefined {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message
      ? (message as StreamMessage)
      : undefined;
  } catch {
    return undefined;
  }
}
