/**
 * However a call ends, nothing of it stays in memory: neither in the Worker nor in the object, which
 * share an isolate here. Each way is gone some hundred times; what a call leaves, after a collection, must
 * be less than anything of it that could stay (a call has 20 kB).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usedHeapBytes } from '../../scripts/load/heap.ts';
import { startEndingEndpoint } from './ending-endpoint.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

/** Before the first measurement: caches are full, and code is compiled. */
const WARM = 150;
const CALLS = 300;
const AT_A_TIME = 15;
/** What a call may leave, bytes: of 300, half of them could be remembered as a few figures. */
const MOST_BYTES = 2_000;

let dispatcher: Dispatcher;
let endpoint: Awaited<ReturnType<typeof startEndingEndpoint>>;
let key: string;

beforeAll(async () => {
  endpoint = await startEndingEndpoint();
  dispatcher = await startDispatcher({}, { inspect: true });
  const trust = { failureThreshold: 1_000 };
  key = await dispatcher.tenant('t', {
    backends: {
      m: { models: ['m'], endpoints: [{ url: endpoint.url, slots: 64, ...trust }], retries: 0 },
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
}

const WAYS: Readonly<Record<string, Way>> = {
  'a whole stream': { answer: 'a whole stream', streams: true },
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
  'a stream that breaks off': { answer: 'a stream that breaks off', streams: true },
  'a stream that ends too soon': { answer: 'a stream that ends too soon', streams: true },
  'a fault in a stream': { answer: 'a fault in a stream', streams: true },
  'a break before the answer': { answer: 'a break before the answer' },
  'a break behind the head': { answer: 'a break behind the head' },
  'a break in a plain answer': { answer: 'a break in a plain answer' },
  'an error': { answer: 'an error' },
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
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  await until(
    () => statusOf(dispatcher.workerd.url, 't', 'm'),
    ({ waiting, running }) => waiting + running === 0,
  );
}

async function callOnce({ answer, streams = false, leavesAt }: Way): Promise<void> {
  const { url } = dispatcher.workerd;
  const body = { model: 'm', stream: streams, messages: [{ role: 'user', content: answer }] };
  const client = new RawClient(url, key, body, [
    'x-talaria-app: a',
    'content-type: application/json',
  ]);
  if (leavesAt === undefined) return client.closed;
  if (leavesAt === '') {
    await until(
      () => statusOf(url, 't', 'm'),
      ({ running }) => running > 0,
    );
  } else {
    await until(
      () => client.received,
      (text) => text.includes(leavesAt),
    );
  }
  client.reset();
  await client.closed;
}

function heapBytes(): Promise<number> {
  const { inspector = '', url } = dispatcher.workerd;
  return usedHeapBytes(inspector, 'talaria', () => fetch(`${url}/healthz`));
}
