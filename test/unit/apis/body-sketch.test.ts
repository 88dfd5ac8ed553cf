/**
 * What the sketch reads of a body equals what a complete parse would give, for bodies of any
 * length.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sketchBody } from '../../../src/apis/body-sketch.ts';
import { MODEL_APIS, type ModelApi } from '../../../src/apis/model-apis.ts';
import { parseModelRequest } from '../../../src/apis/model-request.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';
import { firstProblem } from '../../../src/http/problem.ts';
import { hintsOf } from '../../../src/identity/conversation.ts';

const encode = (text: string) => Uint8Array.from(new TextEncoder().encode(text));
const sketchOf = (text: string) => {
  const read = sketchBody(encode(text), USUAL_BOUNDS);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.sketch;
};

/** The number of characters of a prompt, counted on the complete value. */
function charsOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || depth > 8) return 0;
  if (Array.isArray(value)) return value.reduce<number>((n, v) => n + charsOf(v, depth + 1), 0);
  const part = value as Readonly<Record<string, unknown>>;
  const within = (field: string) => charsOf(part[field], depth + 1);
  const own = ['content', 'text', 'output', 'summary'].find((f) => (part[f] ?? null) !== null);
  let chars = own === undefined ? 0 : within(own);
  chars += Math.max(...['reasoning_content', 'reasoning', 'thinking'].map(within));
  for (const field of BESIDE) chars += within(field);
  for (const field of AS_JSON) chars += jsonLength(part[field]);
  return part.type === 'text' ? chars + within('data') : chars;
}

const BESIDE = [
  ...['tool_calls', 'function_call', 'function', 'custom', 'name', 'code', 'queries', 'outputs'],
  ...['results', 'logs', 'stdout', 'stderr', 'source', 'title', 'context', 'refusal'],
];
const AS_JSON = ['arguments', 'input', 'action', 'operation', 'tools'];

function jsonLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return (value ?? null) === null ? 0 : Buffer.byteLength(JSON.stringify(value));
}

const PROMPTS = [
  ...['system', 'instructions', 'messages', 'prompt', 'input', 'query', 'documents', 'suffix'],
];
const scalar = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string());
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => s.isWellFormed());
const part = fc.oneof(
  scalar,
  fc.record({ type: fc.constant('text'), text: fc.oneof(text, scalar) }, { requiredKeys: [] }),
  fc.record({ content: fc.jsonValue({ maxDepth: 3 }), output: scalar }, { requiredKeys: [] }),
  fc.dictionary(
    fc.constantFrom('content', 'text', 'thinking', 'type', 'data', ...BESIDE, ...AS_JSON),
    fc.oneof(text, fc.constant('text'), fc.jsonValue({ maxDepth: 2 })),
    { maxKeys: 4 },
  ),
);
const content = fc.oneof(text, fc.array(part, { maxLength: 4 }), scalar);
const role = fc.constantFrom('system', 'developer', 'user', 'assistant', 'tool', '');
const message = fc.record(
  {
    ...{ role, content, text: content, output: content, x: fc.jsonValue({ maxDepth: 2 }) },
    ...{ tool_calls: fc.array(part, { maxLength: 2 }), reasoning: content, name: text },
    ...{ arguments: fc.oneof(text, fc.jsonValue({ maxDepth: 2 })), summary: content },
  },
  { requiredKeys: ['role'] },
);
const anyItem = fc.oneof(
  { arbitrary: message, weight: 6 },
  scalar,
  fc.array(scalar, { maxLength: 2 }),
  fc.record(
    { role: fc.oneof(scalar, fc.constant([]), fc.constant({})), content },
    { requiredKeys: [] },
  ),
);
const tool = fc.oneof(
  scalar,
  fc.record(
    {
      type: fc.oneof(fc.constant('function'), scalar),
      name: fc.oneof(text, scalar),
      function: fc.oneof(fc.record({ name: fc.oneof(text, scalar) }, { requiredKeys: [] }), scalar),
    },
    { requiredKeys: [] },
  ),
);
const list = (items: fc.Arbitrary<unknown>) =>
  fc.oneof({ arbitrary: fc.array(items, { maxLength: 6 }), weight: 5 }, scalar);
const body = fc.record(
  {
    model: fc.oneof(fc.constant('m'), fc.constant('m'), scalar),
    messages: list(anyItem),
    input: list(anyItem),
    system: content,
    instructions: content,
    prompt: fc.oneof(content, fc.array(fc.integer()), fc.array(text)),
    query: content,
    documents: list(part),
    suffix: content,
    tools: list(tool),
    functions: list(tool),
    stream: fc.oneof(fc.boolean(), scalar),
    stream_options: fc.oneof(fc.record({ include_usage: fc.boolean(), x: scalar }), scalar),
    max_tokens: fc.oneof(fc.nat(), scalar),
    n: fc.oneof(fc.nat(4), scalar),
    metadata: fc.oneof(fc.dictionary(fc.string(), scalar), scalar),
    user: scalar,
    session_id: scalar,
    conversation: fc.oneof(scalar, fc.record({ id: scalar })),
    previous_response_id: scalar,
    later: fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: ['model', 'messages'] },
);
const APIS: ModelApi[] = Object.values(MODEL_APIS);

describe('the sketch of a body', () => {
  it('identifies callers as the whole body does, and counts the same text', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(...APIS), fc.nat(2), (whole, { name, schema }, spaces) => {
        const json = JSON.stringify(whole, null, spaces);
        const parsed = JSON.parse(json);
        fc.pre(schema.safeParse(parsed).success);
        // In APIs that do not validate messages, the sketch stops reading at the first entry that
        // is no message.
        const { messages } = parsed;
        const isMessage = (m: unknown) =>
          typeof (m as { role?: unknown } | null)?.role === 'string';
        fc.pre(!Array.isArray(messages) || messages.every(isMessage));
        const sketch = sketchOf(json);
        const hints = hintsOf(name, sketch.body as Record<string, unknown>, sketch.turns);
        expect(hints).toEqual(hintsOf(name, parsed));
        // JSON that is a part of a prompt counts as it is written.
        if (spaces > 0) return;
        expect(sketch.promptChars).toBe(PROMPTS.reduce((n, f) => n + charsOf(parsed[f], 0), 0));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused where the whole body is, at the same field and with the same message', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(...APIS), (whole, api) => {
        const parsed = JSON.parse(JSON.stringify(whole));
        const expected = api.schema.safeParse(parsed);
        const read = parseModelRequest(encode(JSON.stringify(whole)), api, USUAL_BOUNDS);
        expect(read.ok).toBe(expected.success);
        if (read.ok || expected.success) return;
        const problem = firstProblem(expected.error);
        expect(read.error.param).toBe(problem.param);
        expect(read.error.message).toBe(problem.message);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['null', '[]', '[{}]', '"text"', '1', 'true', '{}'])('refuses %s as a whole', (json) => {
    const read = parseModelRequest(encode(json), MODEL_APIS.chat, USUAL_BOUNDS);
    const expected = MODEL_APIS.chat.schema.safeParse(JSON.parse(json));
    expect(read.ok || read.error.message).toBe(
      expected.success || firstProblem(expected.error).message,
    );
  });
});

describe('a long body', () => {
  const chat = (messages: string) => `{"model":"m","messages":[${messages}]}`;
  const repeated = (item: string, times: number) =>
    Array.from({ length: times }, () => item).join(',');
  const read = (json: string, bounds = USUAL_BOUNDS) =>
    parseModelRequest(encode(json), MODEL_APIS.chat, bounds);

  it('is refused at its first wrong message, whatever follows', () => {
    const refused = read(chat(repeated('{}', 200_000)));
    expect(refused).toMatchObject({ ok: false, error: { param: 'messages[0].role' } });
    const user = '{"role":"user","content":"x"}';
    const later = read(chat(`${repeated(user, 70_000)},7,${repeated('{}', 1_000)}`));
    expect(later).toMatchObject({ ok: false, error: { param: 'messages[70000]' } });
  });

  it('of too many messages is refused, with the number of parts that it may have', () => {
    const refused = read(chat(repeated('{}', 3_300_000)));
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'invalid_request_error', param: 'messages' },
    });
    expect(refused.ok || refused.error.message).toContain('250000');
  });

  it.each([
    ['messages', chat(repeated('{"role":"system","content":"s"}', 100_000))],
    [
      'parts',
      chat(`{"role":"user","content":[${repeated('{"type":"text","text":"t"}', 100_000)}]}`),
    ],
    [
      'numbers',
      `{"model":"m","messages":[{"role":"user"}],"prompt":[${repeated('7', 2_000_000)}]}`,
    ],
    [
      'tools',
      `{"model":"m","messages":[{"role":"user"}],"tools":[${repeated('{"name":"t"}', 100_000)}]}`,
    ],
    ['fields', `{"messages":[{"role":"user"}],${repeated('"model":"m"', 500_000)}}`],
    ['text', chat(`{"role":"user","content":"${'x'.repeat(5_000_000)}"}`)],
  ])('of many %s leaves a small sketch', (_what, json) => {
    const size = JSON.stringify(sketchOf(json).body).length;
    expect(size).toBeLessThan(100_000);
    expect(read(json).ok).toBe(true);
  });

  it('is limited in the length of fields that are parsed completely', () => {
    const json = `{"model":"m","messages":[{"role":"user"}],"metadata":{${repeated('"a":1', 50_000)}}}`;
    expect(read(json)).toMatchObject({ ok: false, error: { param: 'metadata' } });
  });

  it('keeps the identity of its conversation', () => {
    const turns = repeated('{"role":"assistant","content":"a"}', 5_000);
    const system = '{"role":"system","content":"You plan."}';
    const json = `{"model":"m","tools":[{"name":"t"}],"messages":[${system},{"role":"user","content":"Go"},${turns}]}`;
    const sketch = sketchOf(json);
    expect(hintsOf('chat', sketch.body as Record<string, unknown>, sketch.turns)).toEqual(
      hintsOf('chat', JSON.parse(json)),
    );
    expect(sketch.turns).toBe(5_002);
  });
});
