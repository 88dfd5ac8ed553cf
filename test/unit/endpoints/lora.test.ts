/**
 * How an engine is asked to load an adapter: both engines' answers, those that are lost, late or
 * faults, engines that were not started for it, and ones that are full of what nobody knew of.
 */
import { describe, expect, it } from 'vitest';
import { type AdapterOptions, Adapters } from '../../../scripts/gpu/adapters.ts';
import type { PlatformRequest } from '../../../src/endpoints/adapter.ts';
import { type LoraOrder, loadLora, loraModel } from '../../../src/endpoints/lora.ts';
import type { PlatformIo, Sent } from '../../../src/endpoints/platform-io.ts';

type Way = 'lost' | 'silent' | 'down' | 500 | 503 | 401;

/** An emulated engine on a virtual clock; `ways`: what becomes of the first answers. */
class EngineIo implements PlatformIo {
  readonly engine: Adapters;
  readonly asked: string[] = [];
  readonly #ways: Way[];
  #now = 0;

  constructor(options: Partial<AdapterOptions> = {}, ways: readonly Way[] = []) {
    this.engine = new Adapters({ engine: 'vllm', most: 2, loadMs: 0, ...options }, 1);
    this.#ways = [...ways];
  }

  now(): number {
    return this.#now;
  }

  async wait(ms: number): Promise<void> {
    this.#now += ms;
  }

  async send(request: PlatformRequest, _target: unknown, limitMs: number): Promise<Sent> {
    const { pathname } = new URL(request.url);
    const body = JSON.parse(request.body ?? '{}');
    this.asked.push(`${pathname} ${body.lora_name}`);
    this.#now += 10;
    const way = this.#ways.shift();
    if (way === 'down') return { kind: 'unreachable' };
    if (typeof way === 'number') return answered(way, '{"error":{"message":"it broke by k-123"}}');
    const answer = await this.engine.answer(request.method, pathname, body);
    if (way === 'silent') this.#now += limitMs;
    if (way === 'silent') return { kind: 'silent' };
    if (way === 'lost') return { kind: 'unreachable' };
    if (!answer) return answered(404, '{"detail":"Not Found"}');
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    return answered(answer.status, text);
  }
}

function answered(status: number, body: string): Sent {
  return { kind: 'answered', answer: { status, body, isWhole: true } };
}

const order = (fields: Partial<LoraOrder> = {}): LoraOrder => ({
  engine: 'vllm',
  adapter: 'sql',
  source: '/adapters/sql',
  unload: [],
  spare: [],
  ...fields,
});
const target = { url: 'http://gpu/v1', auth: {}, key: 'k-123' };
const load = (io: EngineIo, fields: Partial<LoraOrder> = {}, patienceMs = 60_000) =>
  loadLora(target, order(fields), patienceMs, io);

describe.each(['vllm', 'sglang'] as const)('%s', (engine) => {
  const named = (name: string) => loraModel(engine, 'qwen', name);
  const prefix = engine === 'vllm' ? '/v1' : '';

  it('loads an adapter by its own paths and names, after it has unloaded another', async () => {
    const io = new EngineIo({ engine, initial: ['old'] });
    const result = await load(io, { engine, adapter: named('sql'), unload: [named('old')] });
    expect(result).toEqual({ ok: true, unloaded: [named('old')], tookMs: 20 });
    expect(io.asked).toEqual([
      `${prefix}/unload_lora_adapter old`,
      `${prefix}/load_lora_adapter sql`,
    ]);
    expect(io.engine.names).toEqual(['sql']);
  });

  it('has it already, and has not what is to be unloaded', async () => {
    const io = new EngineIo({ engine, initial: ['sql'] });
    const result = await load(io, { engine, adapter: named('sql'), unload: [named('gone')] });
    expect(result).toMatchObject({ ok: true, wasThere: true, unloaded: [named('gone')] });
  });

  it.each<[string, Way]>([
    ['loses its answer', 'lost'],
    ['does not answer in time', 'silent'],
    ['is not there for a moment', 'down'],
    ['fails once', 500],
    ['is not up yet', 503],
  ])('%s, and is asked again', async (_, way) => {
    const io = new EngineIo({ engine }, [way]);
    expect(await load(io, { engine, adapter: named('sql') })).toMatchObject({ ok: true });
    expect(io.engine.names).toEqual(['sql']);
    expect(io.engine.counts.loads).toBe(1);
  });

  it('was not started for it', async () => {
    const result = await load(new EngineIo({ engine, isOff: true }), { engine });
    expect(result).toMatchObject({ ok: false });
    expect(result.reason).toMatch(/does not load adapters at runtime/);
    const io = new EngineIo({ engine, isOff: true });
    expect(await load(io, { engine, unload: [named('old')] })).toMatchObject({ unloaded: [] });
    expect(io.asked).toHaveLength(1);
  });

  it('never answers: whether it has the adapter is not known', async () => {
    const io = new EngineIo({ engine }, new Array<Way>(1_000).fill('lost'));
    const result = await load(io, { engine });
    expect(result).toMatchObject({ ok: false, isUnsure: true, reason: 'it could not be reached' });
    expect(io.now()).toBeLessThanOrEqual(61_000);
    expect(io.asked.length).toBeLessThan(50);
  });

  it('fails again and again, or refuses the key, which no reason shows', async () => {
    const broken = await load(new EngineIo({ engine }, [500, 500, 500, 500]), { engine });
    expect(broken).toMatchObject({ ok: false });
    const denied = await load(new EngineIo({ engine }, [401]), { engine });
    expect(denied).toMatchObject({ ok: false });
    for (const { reason } of [broken, denied]) {
      expect(reason).toMatch(/^status \d+: it broke/);
      expect(reason).not.toContain('k-123');
    }
  });
});

describe('an engine', () => {
  it('without such an adapter says so', async () => {
    const io = new EngineIo({ badPaths: ['/adapters/sql'] });
    const result = await load(io);
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/No adapter found/) });
    expect(result.isUnsure).toBeUndefined();
  });

  it('that is full of adapters that nobody knew of gives up one of them', async () => {
    const io = new EngineIo({ engine: 'sglang', most: 2, initial: ['x', 'y'] });
    const spare = ['q:w', 'q:x', 'q:y'];
    const result = await load(io, { engine: 'sglang', adapter: 'q:sql', spare });
    expect(result).toMatchObject({ ok: true });
    expect(io.engine.names).toEqual(['y', 'sql']);
  });

  it('that is full of what is not ours is left as it is', async () => {
    const io = new EngineIo({ engine: 'sglang', most: 1, initial: ['theirs'] });
    const result = await load(io, { engine: 'sglang', adapter: 'q:sql', spare: ['q:w'] });
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/Maximum number/) });
    expect(io.engine.names).toEqual(['theirs']);
  });

  it('whose unload fails is not asked to load', async () => {
    const io = new EngineIo({ initial: ['old'] }, [401]);
    expect(await load(io, { unload: ['old'] })).toMatchObject({ ok: false, unloaded: [] });
    expect(io.asked).toEqual(['/v1/unload_lora_adapter old']);
  });
});
