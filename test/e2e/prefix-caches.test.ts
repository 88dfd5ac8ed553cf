/**
 * Conversations on two endpoints with prefix caches: each stays where its prompt is cached, in any
 * API, and headers, the call's record, status and metrics say so.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { ADMIN_TOKEN, admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher } from './harness.ts';

let gpus: Emulator[];
let dispatcher: Dispatcher;
let key: string;

beforeAll(async () => {
  const engine = { models: ['m'], slots: 2, prefillMsPerToken: 0.1, decodeMsPerToken: 1 };
  gpus = await Promise.all([1, 2].map(() => startEmulator({ ...engine, kvCacheTokens: 100_000 })));
  dispatcher = await startDispatcher();
  const endpoints = gpus.map(({ url }, i) => ({ name: `gpu-${i}`, url: `${url}/v1`, slots: 2 }));
  key = await dispatcher.tenant('t', { backends: { llm: { models: ['m'], endpoints } } });
});

afterAll(async () => {
  await dispatcher?.close();
  await Promise.all(gpus?.map((gpu) => gpu.close()) ?? []);
});

interface Usage {
  readonly prompt_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
  readonly input_tokens?: number;
  readonly input_tokens_details?: { readonly cached_tokens: number };
  readonly cache_read_input_tokens?: number;
}

/** One turn of a conversation as its client sees it. */
interface Turn {
  readonly endpoint: string | null;
  readonly expectedTokens: number;
  readonly cachedTokens: number;
  readonly promptTokens: number;
  readonly call: string;
}

/** How an API takes the messages and tells of the cache. */
interface Form {
  readonly path: string;
  body(messages: readonly object[]): object;
  counts(usage: Usage): { cachedTokens: number; promptTokens: number };
}

const FORMS: Record<string, Form> = {
  'chat completions': {
    path: '/v1/chat/completions',
    body: (messages) => ({ messages, max_tokens: 5 }),
    counts: (usage) => ({
      cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      promptTokens: usage.prompt_tokens ?? 0,
    }),
  },
  Responses: {
    path: '/v1/responses',
    body: (input) => ({ input, max_output_tokens: 5 }),
    counts: (usage) => ({
      cachedTokens: usage.input_tokens_details?.cached_tokens ?? 0,
      promptTokens: usage.input_tokens ?? 0,
    }),
  },
  Messages: {
    path: '/v1/messages',
    body: (messages) => ({ messages, max_tokens: 5 }),
    counts: (usage) => ({
      cachedTokens: usage.cache_read_input_tokens ?? 0,
      promptTokens: (usage.input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0),
    }),
  },
};

const words = (name: string, count = 400) => `${name} said so. `.repeat(count);

class Conversation {
  readonly #form: Form;
  readonly #name: string;
  readonly #messages: object[] = [];

  constructor(form: Form, name: string) {
    this.#form = form;
    this.#name = name;
  }

  async turn(): Promise<Turn> {
    this.#messages.push({ role: 'user', content: words(this.#name) });
    const response = await fetch(`${dispatcher.workerd.url}${this.#form.path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', ...this.#form.body(this.#messages) }),
    });
    const answer = (await response.json()) as { usage: Usage };
    expect(response.status, JSON.stringify(answer)).toBe(200);
    this.#messages.push({ role: 'assistant', content: 'And so it was.' });
    return {
      endpoint: response.headers.get('x-talaria-endpoint'),
      expectedTokens: Number(response.headers.get('x-talaria-prefix-tokens') ?? Number.NaN),
      call: response.headers.get('x-talaria-call') ?? '',
      ...this.#form.counts(answer.usage),
    };
  }
}

const statusOf = async () =>
  JSON.parse(await admin(dispatcher.workerd.url, 'GET', '/tenants/t/status')).backends.llm;

describe('conversations on two endpoints', () => {
  it.each(Object.entries(FORMS))(
    'stay where their prompts are cached, by %s',
    async (api, form) => {
      const [one, two] = ['one', 'two'].map((name) => new Conversation(form, `${api} ${name}`));
      const turns: Turn[][] = [[], []];
      for (let i = 0; i < 6; i += 1) {
        // Both come at about the same time, now the one first and now the other.
        const first = i % 2;
        const pair = first === 0 ? [one, two] : [two, one];
        const [a, b] = await Promise.all(pair.map((conversation) => conversation?.turn()));
        turns[first]?.push(a as Turn);
        turns[1 - first]?.push(b as Turn);
      }
      for (const [first, ...later] of turns) {
        let before = first;
        for (const turn of later) {
          expect(turn.endpoint).toBe(before?.endpoint);
          // All but the block in which the last prompt ended.
          expect(turn.cachedTokens).toBeGreaterThan((before?.promptTokens ?? 0) - 32);
          expect(turn.expectedTokens).toBeGreaterThan((before?.promptTokens ?? 0) - 32);
          before = turn;
        }
      }
    },
  );

  it('are told of in the record of the call, in status and metrics', async () => {
    const conversation = new Conversation(FORMS['chat completions'] as Form, 'told');
    await conversation.turn();
    const { call, expectedTokens, cachedTokens } = await conversation.turn();
    const { url } = dispatcher.workerd;
    const record = await fetch(`${url}/v1/calls/${call}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(await record.json()).toMatchObject({
      attempts: [{ prefix_tokens: expectedTokens, held_ms: 0 }],
      result: { cached_tokens: cachedTokens },
    });
    const { affinity } = await statusOf();
    expect(affinity).toMatchObject({ mode: 'hold' });
    expect(affinity.expected_hit_ratio).toBeGreaterThan(0.5);
    expect(affinity.reported_hit_ratio).toBeGreaterThan(0.5);
    expect(affinity.saved_ms).toBeGreaterThan(0);
    const metrics = await fetch(`${url}/metrics?tenant=t`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const told = /^talaria_prefix_expected_tokens_total\{tenant="t",backend="llm"\} (\d+)$/m;
    expect(Number(told.exec(await metrics.text())?.[1])).toBeGreaterThan(0);
  });

  it('begin anew after a restart of the dispatcher, which forgets the caches and nothing else', async () => {
    const conversation = new Conversation(FORMS['chat completions'] as Form, 'restarted');
    await conversation.turn();
    // The row of an ended lease is deleted some ms later; a lease that is restored holds its prefix.
    for (let asked = 0; asked < 30; asked += 1) await statusOf();
    await dispatcher.crash();
    const after = await conversation.turn();
    expect(after.expectedTokens).toBe(0);
    const next = await conversation.turn();
    expect(next.expectedTokens).toBeGreaterThan(after.promptTokens - 32);
    expect(next.endpoint).toBe(after.endpoint);
  });
});

describe('whatever clients send', () => {
  let fast: Emulator[];
  let ownKey: string;

  beforeAll(async () => {
    const engine = { models: ['m'], slots: 2, prefillMsPerToken: 0, decodeMsPerToken: 1 };
    fast = await Promise.all([1, 2].map(() => startEmulator({ ...engine, kvCacheTokens: 1e7 })));
    const endpoints = fast.map(({ url }, i) => ({ name: `gpu-${i}`, url: `${url}/v1`, slots: 2 }));
    ownKey = await dispatcher.tenant('any', { backends: { llm: { models: ['m'], endpoints } } });
  });

  afterAll(() => Promise.all(fast?.map((gpu) => gpu.close()) ?? []));

  const call = async (messages: readonly object[]) => {
    const response = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ownKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages, max_tokens: 1 }),
    });
    await response.arrayBuffer();
    return {
      status: response.status,
      endpoint: response.headers.get('x-talaria-endpoint'),
      expectedTokens: Number(response.headers.get('x-talaria-prefix-tokens') ?? Number.NaN),
    };
  };
  const places = (calls: ReadonlyArray<{ endpoint: string | null }>) =>
    new Set(calls.map(({ endpoint }) => endpoint)).size;

  it('prompts of 2 MB of which an early byte changes expect no cache, and use all endpoints', async () => {
    const text = words('long', 120_000);
    const asking = (sign: string) => call([{ role: 'user', content: `${sign}${text}` }]);
    const calls = [];
    for (const pair of ['ab', 'cd', 'ef', 'gh']) {
      calls.push(await Promise.all([...pair].map(asking)));
    }
    for (const each of calls.flat()) expect(each).toMatchObject({ status: 200, expectedTokens: 0 });
    expect(places(calls.flat())).toBe(2);
  });

  it('pictures in base64 count as what they are: the same ones are expected, others are not', async () => {
    const picture = (seed: number) =>
      Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * seed) % 251)).toString('base64');
    const asking = (seed: number) => [
      {
        role: 'user',
        content: [
          { type: 'text', text: words('asked', 20) },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${picture(seed)}` } },
        ],
      },
    ];
    const first = await call(asking(3));
    const same = await call([
      ...asking(3),
      { role: 'assistant', content: 'A cat.' },
      { role: 'user', content: 'Sure?' },
    ]);
    const other = await call(asking(7));
    expect(first).toMatchObject({ status: 200, expectedTokens: 0 });
    expect(same.expectedTokens).toBeGreaterThan(0);
    expect(other.expectedTokens).toBeLessThan(same.expectedTokens);
  });

  it('conversations of 10,000 messages are found again', async () => {
    const messages = Array.from({ length: 10_000 }, (_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content: `Message ${i}.`,
    }));
    const before = await call(messages.slice(0, 9_999));
    const after = await call([...messages, { role: 'user', content: 'And?' }]);
    expect([before.status, after.status]).toEqual([200, 200]);
    expect(after.endpoint).toBe(before.endpoint);
    expect(after.expectedTokens).toBeGreaterThan(10_000);
  });

  it('a first message that many users share does not pile up on one endpoint', async () => {
    const shared = { role: 'user', content: words('shared', 300) };
    const calls = [];
    for (let i = 0; i < 10; i += 1) {
      calls.push(...(await Promise.all(Array.from({ length: 20 }, () => call([shared])))));
    }
    expect(new Set(calls.map(({ status }) => status))).toEqual(new Set([200]));
    expect(places(calls)).toBe(2);
  });
});
