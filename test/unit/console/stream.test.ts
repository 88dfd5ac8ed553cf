/**
 * The page's stream against a network that is unkind: sockets that never open, that die in silence,
 * that are closed for good, messages that are none, tabs that hide and wake.
 */
import { beforeEach, expect, it, vi } from 'vitest';
import { bearer, type LiveState, LiveStream } from '../../../src/console/live/stream.ts';
import {
  PING,
  PONG,
  STREAM_CLOSED,
  type StreamMessage,
} from '../../../src/protocol/console/stream.ts';

class FakeSocket {
  readyState: number = WebSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: string[] = [];
  closed = false;
  opens() {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }
  says(data: unknown) {
    this.onmessage?.({ data: typeof data === 'string' ? data : JSON.stringify(data) });
  }
  dies(code = 1_006) {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.({ code });
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
}

let sockets: FakeSocket[];
let states: LiveState[];
let messages: StreamMessage[];
let hidden: boolean;
let protocols: string[][];
let losses: number;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  [sockets, states, messages, hidden, protocols] = [[], [], [], false, []];
  losses = 0;
  return () => vi.useRealTimers();
});

function stream() {
  const world = {
    connect: (_: string, offered: string[]) => {
      protocols.push(offered);
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    now: () => Date.now(),
    random: () => 1,
    after: (ms: number, act: () => void) => {
      const timer = setTimeout(act, ms);
      return () => clearTimeout(timer);
    },
    hidden: () => hidden,
  };
  return new LiveStream('ws://x', 'secret', world, {
    state: (state) => states.push(state),
    lost: () => {
      losses += 1;
    },
    message: (message) => messages.push(message),
  });
}

const last = () => states.at(-1);
const hello = { type: 'hello', contract: 1, build: 'x', at: 1 };

it('offers the token as a subprotocol, and says what it watches once it is open', () => {
  const live = stream();
  live.watch(['now']);
  live.open();
  expect(protocols).toEqual([['talaria.console.v1', 'bearer.secret']]);
  expect(sockets[0]?.sent).toEqual([]);
  sockets[0]?.opens();
  expect(sockets[0]?.sent).toEqual(['{"type":"watch","topics":["now"]}']);
  sockets[0]?.says(hello);
  expect(last()).toEqual({ kind: 'live' });
});

it('is stale from when it last heard, and connects again with growing pauses', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  sockets[0]?.says(hello);
  vi.advanceTimersByTime(5_000);
  sockets[0]?.dies();
  expect(last()).toEqual({ kind: 'stale', since: 1_000_000 });
  vi.advanceTimersByTime(500);
  sockets[1]?.dies();
  vi.advanceTimersByTime(999);
  expect(sockets).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(sockets).toHaveLength(3);
  for (let i = 2; i < 12; i += 1) {
    sockets.at(-1)?.dies();
    vi.advanceTimersByTime(30_000);
  }
  expect(sockets).toHaveLength(13);
  sockets.at(-1)?.opens();
  sockets.at(-1)?.says(hello);
  expect(last()).toEqual({ kind: 'live' });
});

it('is not live by being open alone: only what it hears proves it', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  expect(last()).toEqual({ kind: 'connecting' });
});

it('asks a silent stream whether it lives, and leaves one that does not answer', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  sockets[0]?.says(hello);
  vi.advanceTimersByTime(20_000);
  expect(sockets[0]?.sent.at(-1)).toBe(PING);
  sockets[0]?.says(PONG);
  vi.advanceTimersByTime(15_000);
  expect(last()).toEqual({ kind: 'live' });
  vi.advanceTimersByTime(15_000);
  expect(sockets[0]?.closed).toBe(true);
  expect(last()).toEqual({ kind: 'stale', since: 1_020_000 });
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
});

it.each([
  [STREAM_CLOSED.unauthorized, 'unauthorized'],
  [STREAM_CLOSED.deleted, 'deleted'],
] as const)('ends for good where the server says so (%s)', (code, why) => {
  const live = stream();
  live.open();
  sockets[0]?.dies(code);
  expect(last()).toEqual({ kind: 'ended', why });
  vi.advanceTimersByTime(600_000);
  live.open();
  expect(sockets).toHaveLength(1);
});

it('has no stream while the tab is hidden, and one again when it is seen', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  sockets[0]?.says(hello);
  hidden = true;
  live.pause();
  expect(sockets[0]?.closed).toBe(true);
  expect(last()).toEqual({ kind: 'paused', since: 1_000_000 });
  vi.advanceTimersByTime(600_000);
  expect(sockets).toHaveLength(1);
  // A network that comes back while nobody looks opens nothing.
  live.open();
  expect(sockets).toHaveLength(1);
  hidden = false;
  live.open();
  expect(sockets).toHaveLength(2);
});

it('survives what is no message, and a socket that speaks after it was left', () => {
  const live = stream();
  live.open();
  const [socket] = sockets;
  socket?.opens();
  for (const data of ['', '{', 'null', '[]', '"now"', '{"typ":1}']) socket?.says(data);
  expect(messages).toEqual([]);
  live.close();
  socket?.says(hello);
  socket?.dies();
  expect(messages).toEqual([]);
  vi.advanceTimersByTime(600_000);
  expect(sockets).toHaveLength(1);
});

it('encodes a token with signs that a subprotocol may not have', () => {
  expect(bearer('plain-token_1.~')).toBe('bearer.plain-token_1.~');
  expect(bearer('name:a/b=')).toBe(`bearer64.${Buffer.from('name:a/b=').toString('base64url')}`);
  expect(bearer('ключ')).toBe(`bearer64.${Buffer.from('ключ').toString('base64url')}`);
});

it('says which views were shown, while the stream is open', () => {
  const live = stream();
  live.open();
  live.seen(1);
  sockets[0]?.opens();
  live.seen(2);
  expect(sockets[0]?.sent.at(-1)).toBe('{"type":"seen","version":2}');
  expect(sockets[0]?.sent).not.toContain('{"type":"seen","version":1}');
});

it('says once what it watches, in whatever order and however often that is asked for', () => {
  const live = stream();
  live.watch(['now', 'runs']);
  live.open();
  sockets[0]?.opens();
  live.watch(['runs', 'now']);
  live.watch(['now', 'runs']);
  expect(sockets[0]?.sent).toEqual(['{"type":"watch","topics":["now","runs"]}']);
  live.watch(['runs']);
  expect(sockets[0]?.sent).toHaveLength(2);
  // Another socket knows nothing yet.
  sockets[0]?.dies();
  vi.advanceTimersByTime(500);
  sockets[1]?.opens();
  expect(sockets[1]?.sent).toEqual(['{"type":"watch","topics":["runs"]}']);
});

it('is lost once for each stream that ends, however often it is opened', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  sockets[0]?.says(hello);
  expect(losses).toBe(0);
  sockets[0]?.dies();
  expect(losses).toBe(1);
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
  expect(losses).toBe(1);
  sockets[1]?.dies();
  expect(losses).toBe(2);
  vi.advanceTimersByTime(1_000);
  sockets[2]?.dies(STREAM_CLOSED.unauthorized);
  expect(losses).toBe(3);
});

it('says that too many pages are open, tries again, and is live once there is room', () => {
  const live = stream();
  live.open();
  sockets[0]?.opens();
  sockets[0]?.dies(STREAM_CLOSED.full);
  expect(last()).toEqual({ kind: 'full' });
  expect(losses).toBe(0);
  vi.advanceTimersByTime(500);
  expect(last()).toEqual({ kind: 'full' });
  sockets[1]?.opens();
  sockets[1]?.says(hello);
  expect(last()).toEqual({ kind: 'live' });
  sockets[1]?.dies();
  expect(last()).toMatchObject({ kind: 'stale' });
});
