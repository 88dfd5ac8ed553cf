/**
 * Prompts that are cut at a link of their chain: the request that reads the beginning has the very
 * chain up to there, in any API, and whatever cannot be cut safely is not.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MODEL_APIS, type ModelApi } from '../../../src/apis/model-apis.ts';
import { type ModelRequest, parseModelRequest } from '../../../src/apis/model-request.ts';
import { cutPrefix } from '../../../src/apis/prefix-text.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';

const SEED = { model: 'org/m-8b', seed: 'org/m-8b' };
const words = (name: string, count = 40) => `${name} said so. `.repeat(count);

function requestOf(body: object | string, api: ModelApi): ModelRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = new TextEncoder().encode(text);
  const parsed = parseModelRequest(bytes, api, USUAL_BOUNDS, () => SEED.seed);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.request;
}

/** The read for a link, as an engine would get it. */
function readOf(request: ModelRequest, api: ModelApi, link: string) {
  const cut = cutPrefix(request, api, link, SEED);
  return cut && { ...cut, json: JSON.parse(cut.body) };
}

const TOOLS = [{ type: 'function', function: { name: 'find', description: words('tool') } }];
const SYSTEM = words('system');
const TASK = { role: 'user', content: words('task') };

describe('a prompt is cut', () => {
  it('of chat completions, after the system prompt, with tools and templates as they were', () => {
    const { chat } = MODEL_APIS;
    const fields = { tools: TOOLS, tool_choice: 'auto', chat_template_kwargs: { thinking: false } };
    const system = { role: 'system', content: SYSTEM };
    const secret = { user: 'u1', metadata: { run: 'r' }, stream: true, max_tokens: 900, n: 3 };
    const body = { model: 'alias', messages: [system, TASK], ...fields, ...secret };
    const request = requestOf(body, chat);
    const [, afterSystem] = request.prefix ?? [];
    const read = readOf(request, chat, afterSystem?.id ?? '');
    expect(read?.path).toBe('/chat/completions');
    expect(read?.chain).toEqual(request.prefix?.slice(0, 2));
    expect(read?.json).toEqual({
      model: 'org/m-8b',
      ...fields,
      messages: [system, { role: 'user', content: '.' }],
      max_tokens: 1,
    });
  });

  it('after tools alone, and after a message of the user, which stands at the end', () => {
    const { chat } = MODEL_APIS;
    const body = { model: 'm', messages: [TASK, { role: 'user', content: 'Now.' }], tools: TOOLS };
    const request = requestOf({ ...body, max_completion_tokens: 50 }, chat);
    const [tools, task] = request.prefix ?? [];
    expect(readOf(request, chat, tools?.id ?? '')?.json).toMatchObject({
      messages: [{ content: '.' }],
      max_completion_tokens: 1,
    });
    const read = readOf(request, chat, task?.id ?? '');
    expect(read?.json.messages).toEqual([TASK]);
    expect(read?.json).not.toHaveProperty('max_tokens');
  });

  it('of Messages and Responses, in their own forms', () => {
    const { messages, responses } = MODEL_APIS;
    const one = requestOf(
      {
        model: 'm',
        system: SYSTEM,
        messages: [TASK],
        max_tokens: 7,
        thinking: { type: 'enabled' },
      },
      messages,
    );
    expect(readOf(one, messages, one.prefix?.[0]?.id ?? '')).toMatchObject({
      path: '/messages',
      json: { model: 'org/m-8b', system: SYSTEM, messages: [{ content: '.' }], max_tokens: 1 },
    });
    const input = [{ type: 'message', role: 'user', content: words('task') }];
    const two = requestOf({ model: 'm', instructions: SYSTEM, input, store: true }, responses);
    const read = readOf(two, responses, two.prefix?.[0]?.id ?? '');
    expect(read?.json).toEqual({
      model: 'org/m-8b',
      instructions: SYSTEM,
      input: [{ role: 'user', content: '.' }],
      max_output_tokens: 1,
      store: false,
    });
    const text = requestOf({ model: 'm', instructions: SYSTEM, input: words('task') }, responses);
    expect(readOf(text, responses, text.prefix?.[0]?.id ?? '')?.json.input).toHaveLength(1);
  });

  it('of Responses with items that are no messages', () => {
    const { responses } = MODEL_APIS;
    const input = [null, 'text', 7, { type: 'message', role: 'user', content: words('task') }];
    const request = requestOf({ model: 'm', instructions: SYSTEM, input }, responses);
    for (const { id } of request.prefix ?? []) {
      expect(() => cutPrefix(request, responses, id, SEED)).not.toThrow();
    }
  });

  it('with the salt that keeps caches apart, and no byte of what comes after', () => {
    const { chat } = MODEL_APIS;
    const messages = [{ role: 'system', content: SYSTEM }, TASK];
    const request = requestOf({ model: 'm', messages, cache_salt: 'mine' }, chat);
    const read = readOf(request, chat, request.prefix?.[0]?.id ?? '');
    expect(read?.json.cache_salt).toBe('mine');
    expect(read?.body).not.toContain('task');
  });
});

describe('nothing is cut', () => {
  const { chat } = MODEL_APIS;
  const linkOf = (request: ModelRequest, at = -1) => request.prefix?.at(at)?.id ?? 'none';

  it('at a link that the prompt has not, or of an API without messages', () => {
    const request = requestOf({ model: 'm', messages: [TASK] }, chat);
    expect(cutPrefix(request, chat, 'elsewhere', SEED)).toBeUndefined();
    const { completion } = MODEL_APIS;
    const prompt = requestOf({ model: 'm', prompt: words('a prompt', 400) }, completion);
    expect(prompt.prefix?.length).toBeGreaterThan(0);
    expect(cutPrefix(prompt, completion, linkOf(prompt), SEED)).toBeUndefined();
    const { responses } = MODEL_APIS;
    const text = requestOf({ model: 'm', input: words('a text', 400) }, responses);
    expect(cutPrefix(text, responses, linkOf(text), SEED)).toBeUndefined();
  });

  it('beyond 256 kB: of 2 MB the beginning before that is', () => {
    const messages = [
      { role: 'system', content: SYSTEM },
      { role: 'user', content: words('long', 160_000) },
      { role: 'assistant', content: 'Yes.' },
      TASK,
    ];
    const request = requestOf({ model: 'm', messages }, chat);
    expect(request.bytes.length).toBeGreaterThan(2_000_000);
    expect(cutPrefix(request, chat, linkOf(request), SEED)).toBeUndefined();
    expect(readOf(request, chat, linkOf(request, 0))?.json.messages).toHaveLength(2);
    const tools = [{ type: 'function', function: { name: 'f', description: words('d', 30_000) } }];
    const long = requestOf({ model: 'm', messages, tools }, chat);
    expect(cutPrefix(long, chat, linkOf(long, 0), SEED)).toBeUndefined();
  });

  it('after 64 messages, however many there are', () => {
    const messages = Array.from({ length: 10_000 }, (_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content: `Message ${i}, which has some more words than the next.`,
    }));
    const request = requestOf({ model: 'm', messages }, chat);
    const cuts = (request.prefix ?? []).map(({ id }) => readOf(request, chat, id));
    const lengths = cuts.flatMap((cut) => (cut ? [cut.json.messages.length] : []));
    expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(65);
    expect(cuts.at(-1)).toBeUndefined();
  });

  it.each([
    ['an image', { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
    ['an image of Anthropic', { type: 'image', source: { type: 'base64', data: 'AAAA' } }],
    ['a sound', { type: 'input_audio', input_audio: { data: 'AAAA' } }],
    ['a file', { type: 'input_file', file_data: 'AAAA' }],
  ])('where there is %s', (_, part) => {
    const content = [{ type: 'text', text: words('look') }, part];
    const messages = [{ role: 'user', content }, TASK];
    const request = requestOf({ model: 'm', messages }, chat);
    expect(cutPrefix(request, chat, linkOf(request, 0), SEED)).toBeUndefined();
  });

  it('but a text may speak of images', () => {
    const content = [{ type: 'text', text: `{"type":"image_url"} ${words('look')}` }];
    const request = requestOf({ model: 'm', messages: [{ role: 'user', content }, TASK] }, chat);
    expect(readOf(request, chat, linkOf(request, 0))?.json.messages).toEqual([
      { role: 'user', content },
    ]);
  });
});

it('whatever the messages, the request that reads a link is valid and has the chain up to it', () => {
  const message = fc.record({
    role: fc.constantFrom('system', 'user', 'assistant', 'developer', 'tool'),
    content: fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.array(fc.record({ type: fc.constant('text'), text: fc.string({ maxLength: 200 }) }), {
        maxLength: 3,
      }),
      fc.constant(null),
    ),
  });
  const indent = fc.constantFrom(undefined, 1);
  const tools = fc.constantFrom(undefined, TOOLS);
  let cuts = 0;
  const property = (messages: object[], tools: object | undefined, spaces: number | undefined) => {
    const { chat } = MODEL_APIS;
    const request = requestOf(JSON.stringify({ model: 'm', messages, tools }, null, spaces), chat);
    for (const [i, { id }] of (request.prefix ?? []).entries()) {
      const read = readOf(request, chat, id);
      if (!read) continue;
      cuts += 1;
      const again = requestOf(read.body, chat);
      expect(again.prefix?.map((link) => link.id)).toContain(id);
      expect(read.chain.at(-1)).toEqual(request.prefix?.[i]);
      const kept = read.json.messages as unknown[];
      const isAdded = (kept.at(-1) as { content?: unknown }).content === '.';
      expect(messages.slice(0, kept.length - (isAdded ? 1 : 0))).toEqual(
        isAdded ? kept.slice(0, -1) : kept,
      );
    }
  };
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), tools, indent, property),
    { seed: 5, numRuns: 300 },
  );
  expect(cuts).toBeGreaterThan(300);
});
