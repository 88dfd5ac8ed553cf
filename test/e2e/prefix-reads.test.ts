/**
 * An endpoint that has woken reads what calls begin with before the first of them comes, where the
 * operator has turned that on; the texts for that are kept nowhere else, and go when it is turned off.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

const MARK = 'a-word-that-only-prompts-have';
const words = (name: string, count = 2_000) => `${name} said so. `.repeat(count);

let dispatcher: Dispatcher;
const gpus: Emulator[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(async () => {
  await dispatcher?.close();
  await Promise.all(gpus.map((gpu) => gpu.close()));
});

/** A tenant with one endpoint, which is another one to the dispatcher under another name: cold. */
class World {
  readonly #name: string;
  readonly #gpu: Emulator;
  readonly #prewarm: object;
  #key = '';
  #endpoint = 1;
  #runs = 0;

  static async start(name: string, prewarm: object, prefillMsPerToken = 0.02): Promise<World> {
    const speed = { prefillMsPerToken, decodeMsPerToken: 1, kvCacheTokens: 1e6 };
    const cold = { coldStartMs: 200, idleTimeoutMs: 600_000 };
    const gpu = await startEmulator({ models: ['m'], slots: 4, ...speed, ...cold });
    gpus.push(gpu);
    const world = new World(name, gpu, prewarm);
    world.#key = await dispatcher.tenant(name, world.#config());
    return world;
  }

  constructor(name: string, gpu: Emulator, prewarm: object) {
    this.#name = name;
    this.#gpu = gpu;
    this.#prewarm = prewarm;
  }

  #config(prewarm = this.#prewarm): object {
    const coldStart = { estimateMs: 200, idleTimeoutMs: 600_000 };
    const endpoint = { name: `gpu-${this.#endpoint}`, url: `${this.#gpu.url}/v1`, slots: 1 };
    const speed = { inputMs: 0.1, outputMs: 1 };
    const endpoints = [{ ...endpoint, coldStart }];
    return { backends: { llm: { models: ['m'], endpoints, speed, prewarm } } };
  }

  configure(prewarm?: object): Promise<string> {
    return admin(dispatcher.workerd.url, 'PUT', `/tenants/${this.#name}`, this.#config(prewarm));
  }

  /** The endpoint is cold and has forgotten all; then the operator wakes it. */
  async wakeAnew(): Promise<void> {
    this.#gpu.reset();
    this.#endpoint += 1;
    await this.configure();
    const path = `/tenants/${this.#name}/endpoints/llm/gpu-${this.#endpoint}/wake`;
    await admin(dispatcher.workerd.url, 'POST', path);
    await until(
      () => this.status(),
      ({ endpoints }) => endpoints[0]?.state === 'warm',
    );
  }

  get gpu() {
    return this.#gpu.stats();
  }

  async status(): Promise<{
    prefixes?: { kept: number; tokens: number[] };
    endpoints: Array<{ state: string; running: number }>;
  }> {
    const text = await admin(dispatcher.workerd.url, 'GET', `/tenants/${this.#name}/status`);
    return JSON.parse(text).backends.llm;
  }

  async prewarm(): Promise<{
    days: Array<{ prefixes?: { reads: number; outcomes: Record<string, number> } }>;
    wakes: Array<{ wake: { cause: string; reason: string }; outcome: string }>;
  }> {
    const text = await admin(dispatcher.workerd.url, 'GET', `/tenants/${this.#name}/prewarm`);
    return JSON.parse(text);
  }

  async reads(): Promise<number> {
    return (await this.prewarm()).days[0]?.prefixes?.reads ?? 0;
  }

  /** The first call of a run. */
  async call(messages: readonly object[]): Promise<{ status: number; cachedTokens: number }> {
    this.#runs += 1;
    const response = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#key}`,
        'x-talaria-app': 'a',
        'x-talaria-unit': 'ask',
        'x-talaria-run': `${this.#name}-${this.#runs}`,
        'x-talaria-run-final': 'true',
      },
      body: JSON.stringify({ model: 'm', messages, max_tokens: 2 }),
    });
    const answer = (await response.json()) as {
      usage?: { prompt_tokens_details?: { cached_tokens?: number } };
    };
    const cachedTokens = answer.usage?.prompt_tokens_details?.cached_tokens ?? 0;
    return { status: response.status, cachedTokens };
  }

  async calls(
    count: number,
    messagesOf: (question: string) => readonly object[] = asked,
  ): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const { status } = await this.call(messagesOf(`${this.#name} ${i}`));
      expect(status).toBe(200);
    }
  }
}

const asked = (question: string, system = words(MARK)) => [
  { role: 'system', content: system },
  { role: 'user', content: `And ${question}?` },
];

/** The files of KV and of the objects' storage that have a text in them. */
async function filesWith(text: string): Promise<string[]> {
  const files = await readdir(dispatcher.stateDir, { recursive: true, withFileTypes: true });
  const paths = files.filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name));
  const found = await Promise.all(paths.map(async (p) => (await readFile(p)).includes(text)));
  return paths.filter((_, i) => found[i]);
}

const isKept = (count: number) => (status: { prefixes?: { kept: number } }) =>
  status.prefixes?.kept === count;

describe('by default', () => {
  it('nothing is stored of a prompt, and nothing is read', async () => {
    const world = await World.start('off', {});
    await world.calls(4);
    await world.wakeAnew();
    expect(await world.status()).not.toHaveProperty('prefixes');
    expect((await world.call(asked('last'))).cachedTokens).toBe(0);
    expect(await world.reads()).toBe(0);
    expect(await filesWith(MARK)).toEqual([]);
  });
});

describe('with prewarm.prefix', () => {
  it('the first call after a wake finds its beginning cached; turned off, all of it goes', async () => {
    const world = await World.start('on', { prefix: true });
    await world.calls(4);
    const { prefixes } = await until(() => world.status(), isKept(1));
    expect(prefixes?.tokens[0]).toBeGreaterThan(7_000);
    expect(await filesWith(MARK)).not.toEqual([]);
    // What is learned and kept lasts over a crash.
    await dispatcher.crash();
    await until(() => world.status(), isKept(1));
    await world.wakeAnew();
    // The wake's own call, and the read.
    await until(
      () => world.gpu,
      ({ served }) => served === 2,
    );
    const { cachedTokens } = await world.call(asked('first'));
    expect(cachedTokens).toBeGreaterThan(7_000);
    const { days, wakes } = await world.prewarm();
    expect(days[0]?.prefixes).toMatchObject({ reads: 1, outcomes: { used: 1, failed: 0 } });
    const read = wakes.find(({ wake }) => wake.cause === 'prefix');
    expect(read).toMatchObject({ outcome: 'used' });
    expect(JSON.stringify([days, wakes])).not.toContain(MARK);
    await world.configure({ prefix: false });
    await world.configure({ prefix: true });
    await until(() => world.status(), isKept(0));
    const before = await world.reads();
    await world.wakeAnew();
    expect((await world.call(asked('after'))).cachedTokens).toBe(0);
    expect(await world.reads()).toBe(before);
  });

  it('a crash in the middle of a read frees the slot', async () => {
    const world = await World.start('crash', { prefix: true }, 1);
    await world.calls(2, (question) => asked(question, words(MARK, 500)));
    await until(() => world.status(), isKept(1));
    await world.wakeAnew();
    await until(
      () => world.gpu,
      ({ running }) => running === 1,
    );
    await dispatcher.crash();
    const answer = await world.call([{ role: 'user', content: 'Hello.' }]);
    expect(answer.status).toBe(200);
    const { endpoints } = await world.status();
    expect(endpoints).toMatchObject([{ state: 'warm', running: 0 }]);
  });

  it('a call that begins otherwise does not wait for a read', async () => {
    const world = await World.start('other', { prefix: true }, 1);
    await world.calls(2, (question) => asked(question, words(MARK, 500)));
    await until(() => world.status(), isKept(1));
    await world.wakeAnew();
    await until(
      () => world.gpu,
      ({ running }) => running === 1,
    );
    const { status } = await world.call([{ role: 'user', content: 'Hello.' }]);
    expect(status).toBe(200);
    const { days } = await world.prewarm();
    expect(days[0]?.prefixes).toMatchObject({ reads: 1, outcomes: { failed: 1 } });
    // The engine was told: it does not go on with it.
    await until(
      () => world.gpu,
      ({ aborted, running }) => aborted === 1 && running === 0,
    );
  });

  it.each([
    ['of which an early byte changes', 0.02, (q: string) => asked(q, `${q} ${words(MARK)}`)],
    ['whose beginning is of 2 MB', 0.002, (q: string) => asked(q, words('long', 160_000))],
    [
      'with pictures',
      0.02,
      (q: string) => [
        {
          role: 'user',
          content: [
            { type: 'text', text: words('look', 800) },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(9_000)}` } },
          ],
        },
        { role: 'user', content: q },
      ],
    ],
  ])('nothing is kept of prompts %s', async (what, prefillMsPerToken, messagesOf) => {
    const world = await World.start(`bad-${what.length}`, { prefix: true }, prefillMsPerToken);
    await world.calls(4, messagesOf);
    expect((await world.status()).prefixes).toEqual({ kept: 0, tokens: [] });
    await world.wakeAnew();
    expect(await world.reads()).toBe(0);
  });
});
