/**
 * What the page knows of the present moment of a tenant: the newest `NowView`, and how fresh it is.
 * One stream feeds it, whichever screen is open.
 */
import { signal } from '@preact/signals';
import type { NowView } from '../../protocol/console/now.ts';
import { CONSOLE_CONTRACT } from '../../protocol/console/session.ts';
import {
  MAX_SOCKETS,
  type StreamMessage,
  type StreamTopic,
} from '../../protocol/console/stream.ts';
import { API } from '../ask/ask.ts';
import { tenantPath } from '../ask/tenant-path.ts';
import { exactNow, heardServerTime } from '../format/clock.ts';
import { currentToken, openSession } from '../session/session.ts';
import { changed } from './changes.ts';
import { type LiveState, LiveStream } from './stream.ts';

export const liveState = signal<LiveState>({ kind: 'connecting' });
/** Undefined until the first message. */
export const nowView = signal<NowView | undefined>(undefined);
/** Whether `nowView` follows the present: only while something on the page shows it. */
export const followsNow = signal(false);

/** What a page says that is one too many. */
export const FULL_HINT = `${MAX_SOCKETS} pages of this tenant are open already, and more are not told of changes. Close one: this page connects by itself.`;

let stream: LiveStream | undefined;
const watched = new Map<StreamTopic, number>();
let isTold = true;

/** Follows a tenant; returns what ends it. */
export function follow(tenant: string): () => void {
  nowView.value = undefined;
  liveState.value = { kind: 'connecting' };
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const url = `${scheme}://${location.host}${API}/${tenantPath(tenant, 'stream')}`;
  let wasLive = false;
  const opened = new LiveStream(url, currentToken(), BROWSER, {
    state: (state) => {
      // What happened while nothing was heard is not known.
      if (state.kind === 'live' && liveState.value.kind !== 'live' && wasLive) {
        for (const topic of watched.keys()) changed(topic);
      }
      wasLive ||= state.kind === 'live';
      if (state.kind !== 'live' || liveState.value.kind !== 'live') liveState.value = state;
    },
    // A stream that is refused tells no status to a page, so the session is asked for it.
    lost: () => void openSession(),
    message: receive,
  });
  stream = opened;
  opened.watch([...watched.keys()]);
  opened.open();
  const visible = () => (document.hidden ? opened.pause() : opened.open());
  const online = () => opened.open();
  document.addEventListener('visibilitychange', visible);
  window.addEventListener('online', online);
  return () => {
    document.removeEventListener('visibilitychange', visible);
    window.removeEventListener('online', online);
    opened.close();
    if (stream === opened) stream = undefined;
  };
}

/** Listens to a topic while a screen is open; returns what ends it. */
export function watch(topic: StreamTopic): () => void {
  count(topic, 1);
  return () => count(topic, -1);
}

/** A screen that gives way to another ends what the other begins, so they are told together. */
function count(topic: StreamTopic, by: 1 | -1): void {
  const listeners = (watched.get(topic) ?? 0) + by;
  if (listeners > 0) watched.set(topic, listeners);
  else watched.delete(topic);
  followsNow.value = watched.has('now');
  if (!isTold) return;
  isTold = false;
  setTimeout(() => {
    isTold = true;
    stream?.watch([...watched.keys()]);
  });
}

function receive(message: StreamMessage): void {
  switch (message.type) {
    case 'hello':
      heardServerTime(message.at);
      // Another Worker than the page began with may be of another version.
      if (message.contract !== CONSOLE_CONTRACT) void openSession();
      return;
    case 'now':
      heardServerTime(message.at);
      nowView.value = message.now;
      // Drawn with the next frame.
      requestAnimationFrame(() => stream?.seen(message.version));
      return;
    case 'changed':
      return changed(message.topic);
    default:
      // A newer Worker may tell more than this page knows.
      return message satisfies never;
  }
}

const BROWSER = {
  connect: (url: string, protocols: string[]) => new WebSocket(url, protocols),
  now: exactNow,
  random: Math.random,
  after: (ms: number, act: () => void) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  hidden: () => document.hidden,
};
