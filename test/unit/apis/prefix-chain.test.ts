/** What calls that begin alike have in common by their chains, and what the chain costs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MODEL_APIS, type ModelApi } from '../../../src/apis/model-apis.ts';
import { parseModelRequest } from '../../../src/apis/model-request.ts';
import { MAX_LINKS, type PrefixLink } from '../../../src/core/runs/prefix.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';

type Fields = Record<string, unknown>;
const { chat, completion, embedding, messages: anthropic, responses } = MODEL_APIS;

function requestOf(body: Fields, api: ModelApi = chat, seed: string | undefined = 'seed') {
  const bytes = Uint8Array.from(new TextEncoder().encode(JSON.stringify({ model: 'm', ...body })));
  const read = parseModelRequest(bytes, api, USUAL_BOUNDS, () => seed);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.request;
}

const chainOf = (body: Fields, api?: ModelApi, seed?: string) =>
  requestOf(body, api, seed).prefix ?? [];

/** Tokens of the longest beginning that both chains have. */
function common(a: readonly PrefixLink[], b: readonly PrefixLink[]): number {
  const ids = new Set(b.map(({ id }) => id));
  return Math.max(0, ...a.filter(({ id }) => ids.has(id)).map(({ tokens }) => tokens));
}

const lengthOf = (chain: readonly PrefixLink[]) => chain.at(-1)?.tokens ?? 0;
const words = (name: string, count = 60) => `${name} `.repeat(count);
const user = (text: string) => ({ role: 'user', content: text });
const assistant = (text: string) => ({ role: 'assistant', content: text });
const turns = (count: number, name = 'turn') =>
  Array.from({ length: count }, (_, i) => [
    user(words(`${name} question ${i}`)),
    assistant(words(`${name} answer ${i}`)),
  ]).flat();

describe('a conversation that grows', () => {
  it.each([1, 2, 5, 40, 500, 5_000])('is found whole by its next call, after %i turns', (count) => {
    const history = turns(count);
    const before = chainOf({ messages: [...history, user(words('last'))] });
    const messages = [...history, user(words('last')), assistant(words('and')), user('Go on.')];
    const next = chainOf({ messages });
    expect(common(next, before)).toBe(lengthOf(before));
    expect(next.length).toBeLessThanOrEqual(MAX_LINKS);
    expect(before.length).toBeLessThanOrEqual(MAX_LINKS);
  });

  it('is found by a call that brings many results of tools, and by the one after it', () => {
    const result = (i: number) => ({
      role: 'tool',
      tool_call_id: `call-${i}`,
      content: words(`result ${i}`),
    });
    const asked = { role: 'assistant', content: null, tool_calls: [{ id: 'call-0' }] };
    const first = [{ role: 'system', content: words('You plan.') }, user(words('Go'))];
    const second = [...first, asked, ...Array.from({ length: 30 }, (_, i) => result(i))];
    const third = [...second, assistant(words('Done?')), user('Yes')];
    const [one, two, three] = [first, second, third].map((messages) => chainOf({ messages }));
    expect(common(two ?? [], one ?? [])).toBe(lengthOf(one ?? []));
    expect(common(three ?? [], two ?? [])).toBe(lengthOf(two ?? []));
  });

  it('is found in the items of Responses, which have no roles', () => {
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
    const output = { type: 'function_call_output', call_id: 'c', output: words('out') };
    const first = [user(words('Go'))];
    const second = [...first, { type: 'reasoning', summary: [] }, call, output];
    const third = [...second, assistant(words('Well')), user(words('More'))];
    const chains = [first, second, third].map((input) =>
      chainOf({ input, instructions: words('You plan.') }, responses),
    );
    expect(common(chains[1] ?? [], chains[0] ?? [])).toBe(lengthOf(chains[0] ?? []));
    expect(common(chains[2] ?? [], chains[1] ?? [])).toBe(lengthOf(chains[1] ?? []));
  });

  it('is found though the mark of what is to be cached moves on, and a string becomes a part', () => {
    const cache_control = { type: 'ephemeral' };
    const marked = (text: string) => ({
      role: 'user',
      content: [{ type: 'text', text, cache_control }],
    });
    const first = [user(words('one')), assistant(words('two')), marked(words('three'))];
    const next = [...first.slice(0, 2), user(words('three')), assistant('four'), marked('five')];
    const before = chainOf({ max_tokens: 9, messages: first }, anthropic);
    const chain = chainOf({ max_tokens: 9, messages: next }, anthropic);
    expect(common(chain, before)).toBe(lengthOf(before));
  });

  it('is found without the line of Claude Code that changes with each call', () => {
    const system = (version: number) => [
      { type: 'text', text: `x-anthropic-billing-header: cc_version=${version};` },
      { type: 'text', text: words('You are an agent.') },
    ];
    const [one, two] = [1, 2].map((version) =>
      chainOf({ max_tokens: 9, system: system(version), messages: [user(words('Go'))] }, anthropic),
    );
    expect(common(one ?? [], two ?? [])).toBe(lengthOf(one ?? []));
  });

  it('is found in a prompt of text that grows, but for its last piece', () => {
    for (const chars of [2_000, 50_000, 2_000_000]) {
      const before = chainOf({ prompt: 'abcdefg '.repeat(chars / 8) }, completion);
      const next = chainOf({ prompt: 'abcdefg '.repeat((chars + 1_200) / 8) }, completion);
      expect(common(next, before)).toBeGreaterThan(lengthOf(before) - 160);
      expect(next.length).toBeLessThanOrEqual(MAX_LINKS);
    }
  });

  it('loses no more than twice what came since, where calls between are not known', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 300 }), fc.integer({ min: 1, max: 40 }), (n, more) => {
        const before = chainOf({ messages: [...turns(n), user(words('x', 120))] });
        const next = chainOf({ messages: [...turns(n + more), user('y')] });
        const perTurn = lengthOf(chainOf({ messages: turns(n) })) / n;
        expect(lengthOf(before) - common(next, before)).toBeLessThanOrEqual(
          (2 * more + 2) * perTurn,
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('calls that begin alike', () => {
  const tools = [{ type: 'function', function: { name: 'f', description: words('tool') } }];
  const system = { role: 'system', content: words('You plan.') };

  it('have tools and system prompt in common', () => {
    const of = (task: string) => chainOf({ tools, messages: [system, user(words(task))] });
    const shared = common(of('one'), of('two'));
    expect(shared).toBeGreaterThan(0);
    expect(shared).toBe(of('one').at(-2)?.tokens);
  });

  it('have all but the last message in common, where only that is another', () => {
    const of = (last: string) => chainOf({ messages: [system, ...turns(9), user(words(last))] });
    const history = lengthOf(chainOf({ messages: [system, ...turns(9)] }));
    expect(common(of('one'), of('two'))).toBe(history);
  });

  it('have nothing in common where they are of other models, or kept apart by a salt', () => {
    const body = { messages: [user(words('Go'))] };
    expect(common(chainOf(body), chainOf(body, chat, 'other'))).toBe(0);
    expect(common(chainOf(body), chainOf({ ...body, cache_salt: 's' }))).toBe(0);
  });

  it('have nothing in common where pictures differ, whose text is the same', () => {
    const of = (data: string) => {
      const url = `data:image/png;base64,${data.repeat(1_000)}`;
      const content = [
        { type: 'image_url', image_url: { url } },
        { type: 'text', text: words('See') },
      ];
      return chainOf({ messages: [{ role: 'user', content }] });
    };
    expect(common(of('AAAA'), of('AAAB'))).toBe(0);
    expect(common(of('AAAA'), of('AAAA'))).toBeGreaterThan(0);
  });

  it('have nothing in common from the byte on that differs', () => {
    fc.assert(
      fc.property(fc.nat(9_000), (at) => {
        const text = 'The quick brown fox. '.repeat(500);
        const changed = `${text.slice(0, at)}#${text.slice(at + 1)}`;
        const of = (first: string) => chainOf({ messages: [user(first), ...turns(20)] });
        expect(common(of(text), of(changed))).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a chain', () => {
  it('grows from link to link, whatever the messages', () => {
    const message = fc.record({
      role: fc.constantFrom('system', 'user', 'assistant', 'tool', 'developer'),
      content: fc.oneof(fc.string({ maxLength: 200 }), fc.constant(null), fc.array(fc.string())),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 60 }), (messages) => {
        const { prefix = [], inputTokens } = requestOf({ messages });
        const tokens = prefix.map((link) => link.tokens);
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
        expect(lengthOf(prefix)).toBeLessThanOrEqual(inputTokens);
        expect(prefix.length).toBeLessThanOrEqual(MAX_LINKS);
      }),
    );
  });

  it.each<[string, Fields, ModelApi, string | undefined]>([
    ['nobody asks', { messages: [user(words('Go'))] }, chat, undefined],
    ['the prompt is short', { messages: [user('Go')] }, chat, 'seed'],
    ['it is an embedding', { input: words('text') }, embedding, 'seed'],
    ['there are several prompts', { prompt: [words('a'), words('b')] }, completion, 'seed'],
    ['the prompt is of embeddings', { prompt_embeds: words('a') }, completion, 'seed'],
    [
      'the endpoint has its beginning',
      { input: words('Go'), previous_response_id: 'resp-1' },
      responses,
      'seed',
    ],
  ])('is not made where %s', (_why, body, api, seed) => {
    const bytes = Uint8Array.from(
      new TextEncoder().encode(JSON.stringify({ model: 'm', ...body })),
    );
    const read = parseModelRequest(bytes, api, USUAL_BOUNDS, () => seed);
    expect(read.ok && read.request.prefix).toBe(undefined);
  });

  it('is as short as its own text says, and holds nothing of the prompt', () => {
    const json = JSON.stringify(
      chainOf({ messages: [...turns(2_000), user('secret'.repeat(99))] }),
    );
    expect(json.length).toBeLessThan(1_000);
    expect(json).not.toMatch(/secret|question|answer/);
  });
});
