/**
 * The endpoint of the gateway benchmark, a process of its own: it answers at once, in the same tick
 * for all requests that have arrived, and counts them. Requests to a path that begins with `/held`
 * are held for some ms, so that the number that runs at a time can be told. It can be told to send a
 * stream as an engine does, a piece each so many ms.
 */
import { createServer, type Socket } from 'node:net';
import { PLAIN_ANSWER, streamedAnswer } from './answers.ts';
import { type Message, MessageReader } from './message-reader.ts';

const HELD_MS = 25;
const STREAMED = streamedAnswer(false);
const STREAMED_WITH_USAGE = streamedAnswer(true);

/** Calls since the counters were last read, and the most of them at a time. */
export interface Counts {
  readonly calls: number;
  readonly most: number;
}

let [calls, running, most] = [0, 0, 0];
/** Time between two pieces of a stream, ms; 0: none. */
let paceMs = 0;

const server = createServer((socket) => {
  const reader = new MessageReader();
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    const request = reader.push(bytes);
    if (request) serve(socket, request);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
});

process.on('message', (text: string) => {
  paceMs = Number(/^pace (\d+)$/.exec(text)?.[1] ?? paceMs);
  process.send?.({ calls, most } satisfies Counts);
  [calls, most] = [0, running];
});
process.on('disconnect', () => process.exit());

function serve(socket: Socket, { head, body }: Message): void {
  // What is asked beside calls, such as an engine's load, is no call.
  if (!head.startsWith('POST ')) {
    socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  calls += 1;
  running += 1;
  most = Math.max(most, running);
  const answer = () => {
    running -= 1;
    if (!body.includes('"stream":true')) socket.write(PLAIN_ANSWER);
    else {
      const pieces = body.includes('"include_usage":true') ? STREAMED_WITH_USAGE : STREAMED;
      if (paceMs > 0) pass(socket, pieces);
      else for (const piece of pieces) socket.write(piece);
    }
  };
  if (/^POST (http:\/\/[^/]+)?\/held/.test(head)) setTimeout(answer, HELD_MS);
  else setImmediate(answer);
}

/** Sends a piece each so many ms. */
function pass(socket: Socket, pieces: readonly Buffer[]): void {
  const left = [...pieces];
  const timer = setInterval(() => {
    const piece = left.shift();
    if (piece === undefined || socket.destroyed) clearInterval(timer);
    else socket.write(piece);
  }, paceMs);
}
