/**
 * The console's stream: a WebSocket at `/console/api/tenants/:t/stream` that tells an open page what
 * changed. The page offers the subprotocols `CONSOLE_PROTOCOL` and `bearer.TOKEN`, and the server
 * answers with the first. Messages are JSON but for `PING` and `PONG`. Nothing is sent while nothing
 * changes; two messages of a kind are at least `LEAST_GAP_MS` apart.
 */
import type { NowView } from './now.ts';

export const CONSOLE_PROTOCOL = 'talaria.console.v1';
/** Prefix of the subprotocol that carries the token, which must not contain a comma or a blank. */
export const BEARER_PREFIX = 'bearer.';
/**
 * The same for a token that has signs which a subprotocol may not have (such as `/`, `=` or a
 * colon): base64url of its UTF-8.
 */
export const BEARER64_PREFIX = 'bearer64.';
/** A page that hears nothing sends this; the answer comes without waking the tenant's object. */
export const PING = 'ping';
export const PONG = 'pong';
export const LEAST_GAP_MS = 1_000;
/** Open pages of a tenant; a further one is closed as `full`. */
export const MAX_SOCKETS = 20;

/** `now`: the view itself. Of the others only that something changed: the page asks for it. */
export type StreamTopic = 'now' | 'applications' | 'runs' | 'warmth' | 'config' | 'audit';

export const STREAM_TOPICS: readonly StreamTopic[] = [
  'now',
  'applications',
  'runs',
  'warmth',
  'config',
  'audit',
];

/**
 * From the page, for each `now` that it has shown. No further `now` is sent while `MAX_UNSEEN` of
 * them are unseen, and a page that leaves them unseen for `SLOW_MS` is closed as `slow`.
 */
export interface SeenMessage {
  readonly type: 'seen';
  readonly version: number;
}

export const MAX_UNSEEN = 4;
export const SLOW_MS = 15_000;

/** From the page. It replaces the topics before; no topic is watched before the first message. */
export interface WatchMessage {
  readonly type: 'watch';
  readonly topics: readonly StreamTopic[];
}

/** To the page. */
export type StreamMessage =
  /** The first message. */
  | {
      readonly type: 'hello';
      readonly contract: number;
      readonly build: string;
      readonly at: number;
    }
  | { readonly type: 'now'; readonly at: number; readonly version: number; readonly now: NowView }
  | { readonly type: 'changed'; readonly at: number; readonly topic: Exclude<StreamTopic, 'now'> };

/** Codes with which the server closes the stream; the reason is a sentence for people. */
export const STREAM_CLOSED = {
  /** The page sent something that is no message. */
  badMessage: 4_400,
  /** The token or key is not valid any more: sign in again. */
  unauthorized: 4_401,
  /** The tenant was deleted. */
  deleted: 4_404,
  /** The page reads too slowly, or sends too much: connect again after a while. */
  slow: 4_429,
  /** As many pages of the tenant are open as may be: connect again after a while. */
  full: 4_430,
} as const;
