/**
 * A proxy that spoils one answer of a session in a chosen way, and notes what the client does then:
 * which faults a client survives is measured, not guessed.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How an answer is spoiled. `before` and `after` tell whether content has been sent. */
export const CLIENT_FAULTS = [
  'before: gateway',
  'before: typed',
  'before: provider',
  'before: gateway, break',
  'before: provider, break',
  'before: break',
  'before: end',
  'after: gateway',
  'after: typed',
  'after: provider',
  'after: gateway, break',
  'after: provider, break',
  'after: break',
  'after: end',
  'no answer',
  '503',
  '429',
  '500',
  '504',
] as const;
const OWN_MESSAGE = 'The call waited too long for a slot.';
/** Behind all events that were sent. */
const SEQUENCE = 9_999;
const BREAK_AFTER_MS = 200;

/** Whose words an error has: a gateway's own, the same with the provider's type, the provider's. */
type Words = 'gateway' | 'typed' | 'provider';
type Form = 'openai' | 'responses' | 'messages';

export type ClientFault = (typeof CLIENT_FAULTS)[number];

/** A call with tools. */
export interface Post {
  readonly at: number;
  readonly messages: number;
  status: number;
}

export interface FaultProxy {
  readonly url: string;
  readonly posts: Post[];
  /** When the fault had been sent; 0 where it was not. */
  faultAt(): number;
  close(): Promise<void>;
}

/** Spoils the answer to the `nth` call with tools (from 1) and relays all others. */
export async function startFaultProxy(
  target: string,
  fault: ClientFault,
  nth: number,
): Promise<FaultProxy> {
  const posts: Post[] = [];
  const startedAt = performance.now();
  const now = () => Math.round(performance.now() - startedAt);
  let faultAt = 0;
  const server = createServer(async (req, res) => {
    const parts: Buffer[] = [];
    for await (const part of req) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    if (req.method !== 'POST') return void res.writeHead(404).end();
    const post: Post = { at: now(), messages: turnsOf(body), status: 0 };
    if (post.messages > 0) posts.push(post);
    const answer = await fetch(`${target}${req.url}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = await answer.text();
    if (post.messages > 0 && posts.length === nth) {
      faultAt = now();
      return spoil(res, fault, text, formOf(req.url ?? ''));
    }
    post.status = answer.status;
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    res.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    faultAt: () => faultAt,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The length of an agent's conversation; 0 for a call without tools, such as one for a title. */
function turnsOf(body: string): number {
  const { messages, input, tools } = JSON.parse(body) as Record<string, unknown[] | undefined>;
  return tools?.length ? ((messages ?? input)?.length ?? 0) : 0;
}

function formOf(path: string): Form {
  if (path.includes('/responses')) return 'responses';
  return path.includes('/messages') ? 'messages' : 'openai';
}

function spoil(res: ServerResponse, fault: ClientFault, text: string, form: Form): void {
  if (fault === 'no answer') return void res.destroy();
  const status = Number(fault);
  if (status > 0) {
    res.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
    return void res.end(JSON.stringify(errorOf('gateway', form)));
  }
  const isStream = text.startsWith('data:') || text.startsWith('event:');
  const [when, what = ''] = fault.split(': ');
  res.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
  res.write(isStream ? ': waiting\n\n' : '\n');
  if (when === 'after') res.write(isStream ? beginningOf(text) : text.slice(0, text.length / 2));
  if (what === 'end') return void res.end();
  const [words, isBroken] = [what.split(', ')[0] as Words | 'break', what.endsWith('break')];
  if (words !== 'break') {
    res.write(isStream ? eventOf(words, form) : JSON.stringify(errorOf(words, form)));
  }
  if (!isBroken) return void res.end();
  // The write has to be on its way before the connection breaks.
  setTimeout(() => res.destroy(), BREAK_AFTER_MS);
}

/** The error's body. Anthropic's own types are `api_error` and `overloaded_error`. */
function errorOf(words: Words, form: Form): object {
  const message = words === 'provider' ? 'The server is overloaded.' : OWN_MESSAGE;
  if (form === 'messages') {
    const type = words === 'gateway' ? 'api_error' : 'overloaded_error';
    return { type: 'error', error: { type, message } };
  }
  const type = words === 'gateway' ? 'api_error' : 'server_error';
  const code = words === 'gateway' ? 'queue_timeout' : 'server_error';
  return { error: { message, type, param: null, code } };
}

function eventOf(words: Words, form: Form): string {
  const body = errorOf(words, form) as { error: { message: string; code?: string } };
  if (form === 'messages') return `event: error\ndata: ${JSON.stringify(body)}\n\n`;
  if (form === 'openai') return `data: ${JSON.stringify(body)}\n\n`;
  const { code, message } = body.error;
  if (words === 'gateway') {
    const event = { type: 'error', sequence_number: SEQUENCE, code, message, param: null, ...body };
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
  }
  const response = { id: 'resp_0', object: 'response', status: 'failed', output: [] };
  const failed = { ...response, error: { code, message } };
  const event = { type: 'response.failed', sequence_number: SEQUENCE, response: failed };
  return `event: response.failed\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The events of a stream up to the middle of its content. */
function beginningOf(text: string): string {
  const events = text.split('\n\n');
  return `${events.slice(0, Math.ceil(events.length / 2)).join('\n\n')}\n\n`;
}
