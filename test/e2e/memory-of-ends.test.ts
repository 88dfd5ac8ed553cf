/**
 * However a call ends, nothing of it stays in the memory of the Worker's isolate. Each way is gone some
 * hundred times; what a call leaves, after a collection, must be less than a tenth of what it has (20 kB).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usedHeapBytes } from '../../scripts/load/heap.ts';
import { startEndingEndpoint } from './ending-endpoint.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

/** Before the first measurement: caches are full, and code is compiled. */
const WARM = 150;
const CALLS = 300;
const AT_A_TIME = 15;
/** What a call may leave, bytes: caches have a few figures of some of them. */
const MOST_BYTES = 2_000;

let dispatcher: Dispatcher;
let endpoint: Awaited<ReturnType<typeof startEndingEndpoint>>;
let key: string;

beforeAll(async () => {
  endpoint = await startEndingEndpoint();
  dispatcher = await startDispatcher({}, { inspect: true, objectsApart: true });
  const endpoints = [{ url: endpoint.url, slots: 64 }];
  const early = { keepAliveAfterMs: 100 };
  key = await dispatcher.tenant('t', {
    backends: {
      m: { models: ['m'], endpoints },
      early: { models: ['early'], endpoints, ...early },
      tool: { endpoints },
    },
  });
});

afterAll(async () => {
  await dispatcher.close();
  await endpoint.close();
});

interface Way {
  readonly answer: string;
  readonly streams?: boolean;
  /** The client leaves once this has come of the answer; absent: it stays. */
  readonly leavesAt?: string;
  /** A fault of the endpoint: after three in a row it would get no calls. */
  readonly isFault?: true;
  readonly model?: string;
  readonly path?: string;
  /** Each call has an idempotency key. */
  readonly isIdempotent?: true;
  /** So much of the body is missing, bytes. */
  readonly missing?: number;
}

const WHOLE: Way = { answer: 'a whole stream', streams: true };

const WAYS: Readonly<Record<string, Way>> = {
  'a whole stream': WHOLE,
  'a client that leaves a stream': {
    answer: 'a stream that goes on',
    streams: true,
    leavesAt: 'content"',
  },
  'a client that leaves before the first byte': { answer: 'no answer', leavesAt: '' },
  'a client that leaves a stream before it begins': {
    answer: 'no answer',
    streams: true,
    leavesAt: '',
  },
  'a client that leaves a long answer': { answer: 'a long answer that goes on', leavesAt: 'xxx' },
  'a client that leaves an answer of a tool': {
    answer: 'a long answer that goes on',
    leavesAt: 'xxx',
    path: '/v1/backends/tool/x',
  },
  'a client that leaves an answer that began early': {
    answer: 'no answer',
    leavesAt: '200 OK',
    model: 'early',
  },
  'a client that leaves a stream that began early': {
    answer: 'no answer',
    streams: true,
    leavesAt: ': ',
    model: 'early',
  },
  'a client that leaves a stream with an idempotency key': {
    answer: 'a stream that goes on',
    streams: true,
    leavesAt: 'content"',
    isIdempotent: true,
  },
  'a client that leaves its body': { answer: 'no answer', leavesAt: '100 Continue', missing: 500 },
  'a client that leaves the body that it sends to a tool': {
    answer: 'no answer',
    leavesAt: '100 Continue',
    path: '/v1/backends/tool/x',
    missing: 500,
  },
  'a stream that breaks off': { answer: 'a stream that breaks off', streams: true, isFault: true },
  'a stream that ends too soon': {
    answer: 'a stream that ends too soon',
    streams: true,
    isFault: true,
  },
  'a fault in a stream': { answer: 'a fault in a stream', streams: true, isFault: true },
  'a break before the answer': { answer: 'a break before the answer', isFault: true },
  'a break behind the head': { answer: 'a break behind the head', isFault: true },
  'a break in a plain answer': { answer: 'a break in a plain answer', isFault: true },
  'an error': { answer: 'an error', isFault: true },
};

describe('a call leaves nothing behind that ended with', () => {
  it.each(Object.entries(WAYS))('%s', async (_name, way) => {
    await go(way, WARM);
    const before = await heapBytes();
    await go(way, CALLS);
    const left = ((await heapBytes()) - before) / CALLS;

    expect(left).toBeLessThan(MOST_BYTES);
  });
});

async function go(way: Way, calls: number): Promise<void> {
  let left = calls;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      await callOnce(way);
      if (way.isFault) await callOnce(WHOLE);
    }
  };
  await Promise.all(Array.from({ length: way.isFault ? 1 : AT_A_TIME }, one));
  await until(standing, (calls) => calls === 0);
}

let sent = 0;

async function callOnce(way: Way): Promise<void> {
  const { answer, streams = false, leavesAt, model = 'm', path, isIdempotent, missing = 0 } = way;
  sent += 1;
  const number = sent;
  const headers = ['x-talaria-app: a', 'content-type: application/json'];
  if (missing > 0) headers.push('expect: 100-continue');
  if (isIdempotent) headers.push(`idempotency-key: ${sent}`);
  const body = {
    model,
    stream: streams,
    messages: [{ role: 'user', content: `${answer}#${sent}` }],
  };
  const client = new RawClient(dispatcher.workerd.url, key, body, headers, path, missing);
  if (leavesAt === undefined) return client.closed;
  await until(
    () => (leavesAt === '' ? endpoint.came.has(number) : client.received.includes(leavesAt)),
    (hasCome) => hasCome,
  );
  client.reset();
  await client.closed;
}

/** Calls of the tenant that wait or run. */
async function standing(): Promise<number> {
  const backends = Object.values(await statusOf(dispatcher.workerd.url, 't'));
  return backends.reduce((calls, { waiting, running }) => calls + waiting + running, 0);
}

function heapBytes(): Promise<number> {
  const { inspector = '', url } = dispatcher.workerd;
  return usedHeapBytes(inspector, 'talaria', () => fetch(`${url}/healthz`));
}
