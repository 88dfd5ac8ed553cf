/**
 * The application, run and unit of a call, for clients that name them and for those that do not.
 */
import { describe, expect, it } from 'vitest';
import { MODEL_APIS } from '../../../src/apis/model-apis.ts';
import { parseModelRequest, withFields } from '../../../src/apis/model-request.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';
import { hintsOf } from '../../../src/identity/conversation.ts';
import { type BodyHints, identify } from '../../../src/identity/identity.ts';

const NO_HINTS: BodyHints = { metadata: {}, shape: 'system prompt and tools' };

async function identityOf(
  headers: Record<string, string>,
  hints: Partial<BodyHints> = {},
  keyId = 'key',
) {
  const result = await identify(new Headers(headers), { ...NO_HINTS, ...hints }, keyId);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.identity;
}

describe('identity', () => {
  it('is what the headers say, before what the body says', async () => {
    const headers = {
      'x-talaria-app': 'app',
      'x-talaria-run': 'run',
      'x-talaria-unit': 'unit',
      'x-talaria-deadline-ms': '60000',
      'x-talaria-if-late': 'refuse',
      'x-talaria-max-wait-ms': '500',
    };
    const metadata = { talaria_app: 'other', talaria_run: 'other', talaria_unit: 'other' };
    expect(await identityOf(headers, { metadata })).toEqual({
      app: 'app',
      runId: 'run',
      unit: 'unit',
      final: false,
      sole: false,
      retry: false,
      deadlineMs: 60_000,
      refuseIfLate: true,
      maxWaitMs: 500,
      why: { app: 'x-talaria-app', run: 'x-talaria-run', unit: 'x-talaria-unit' },
    });
  });

  it('is what the metadata say where there are no headers', async () => {
    const metadata = { talaria_app: 'a', talaria_run: 'r', talaria_run_final: 'true' };
    expect(await identityOf({}, { metadata })).toMatchObject({ app: 'a', runId: 'r', final: true });
  });

  it.each([
    ['x-dynamo-session-id', 's1', 's1'],
    ['x-claude-code-session-id', 's2', 's2'],
    ['session-id', 's3', 's3'],
    ['thread-id', 's4', 's4'],
    ['x-session-id', 's5', 's5'],
    ['traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'a'.repeat(32)],
  ])('takes the run from %s', async (header, value, run) => {
    expect(await identityOf({ [header]: value })).toMatchObject({ runId: run, final: false });
  });

  it('takes the first of several that name a run', async () => {
    const headers = {
      'x-session-id': 's',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    };
    const named = { 'x-dynamo-session-id': 'd', 'x-claude-code-session-id': 'c', ...headers };
    expect(await identityOf(named)).toMatchObject({ runId: 'd' });
    expect(await identityOf(headers, { session: 'body' })).toMatchObject({ runId: 's' });
  });

  it('makes a session that another began a part of that run, which does not end with it', async () => {
    const child = {
      'x-dynamo-session-id': 'child',
      'x-dynamo-parent-session-id': 'root',
      'x-dynamo-session-final': 'true',
    };
    expect(await identityOf(child)).toMatchObject({ parentRunId: 'root', final: false });
    const root = { 'x-dynamo-session-id': 'root', 'x-dynamo-session-final': 'true' };
    expect(await identityOf(root)).toMatchObject({ runId: 'root', final: true });
  });

  it('is a run of its own where nothing names one', async () => {
    const [one, other] = [await identityOf({}), await identityOf({})];
    expect(one).toMatchObject({ final: true, sole: true });
    expect(one.runId).not.toBe(other.runId);
    const zero = `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect(await identityOf({ traceparent: zero })).toMatchObject({ sole: true });
  });

  it('scopes a session of the body to the key', async () => {
    const one = await identityOf({}, { session: 's' });
    expect(one).toMatchObject({ final: false, why: { run: 'session_id' } });
    expect((await identityOf({}, { session: 's' })).runId).toBe(one.runId);
    expect((await identityOf({}, { session: 't' })).runId).not.toBe(one.runId);
    expect((await identityOf({}, { session: 's' }, 'other key')).runId).not.toBe(one.runId);
  });

  const chat = (system: string, user: string, more: object = {}) =>
    hintsOf('chat', {
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: user },
      ],
      ...more,
    });

  it.each(['user', 'prompt_cache_key'])(
    'does not take a %s that all traffic shares for one run',
    async (field) => {
      const run = async (system: string, user: string, keyId = 'key') =>
        (await identityOf({}, chat(system, user, { [field]: 'production' }), keyId)).runId;
      const one = await run('You plan.', 'Plan a trip.');
      expect(await run('You plan.', 'Plan a trip.')).toBe(one);
      const others = [
        await run('You plan.', 'Plan a party.'),
        await run('You judge.', 'Plan a trip.'),
        await run('You plan.', 'Plan a trip.', 'other key'),
      ];
      expect(new Set([one, ...others]).size).toBe(4);
    },
  );

  it('takes no run from a user where there is no conversation', async () => {
    const hints = hintsOf('embedding', { input: 'text', user: 'production' });
    expect(await identityOf({}, hints)).toMatchObject({ sole: true });
  });

  it("recognises an agent's loop by its first messages if the client sends no names", async () => {
    const tools = [{ type: 'function', function: { name: 'bash' } }];
    const first = chat('You code.', 'Fix the test.', { tools });
    const [system, task] = [
      { role: 'system', content: 'You code.' },
      { role: 'user', content: 'Fix the test.' },
    ];
    const later = hintsOf('chat', {
      messages: [system, task, { role: 'assistant' }, { role: 'tool', content: 'ok' }],
      tools,
    });
    const one = await identityOf({}, first);
    const two = await identityOf({}, later);
    expect(one).toMatchObject({ sole: false, final: false, turn: 2 });
    expect(two).toMatchObject({ runId: one.runId, app: one.app, unit: one.unit, turn: 4 });
    expect(await identityOf({}, chat('You code.', 'Fix the test.'))).toMatchObject({ sole: true });
  });

  it('distinguishes applications and units by system prompt and tools', async () => {
    const one = await identityOf({}, { shape: 'one' });
    const again = await identityOf({}, { shape: 'one' });
    expect([again.app, again.unit]).toEqual([one.app, one.unit]);
    const two = await identityOf({}, { shape: 'two' });
    expect(two.app).not.toBe(one.app);
    expect(two.unit).not.toBe(one.unit);
    // The application depends on the key; the unit, which is part of an application, does not.
    const elsewhere = await identityOf({}, { shape: 'one' }, 'other key');
    expect(elsewhere.app).not.toBe(one.app);
    expect(elsewhere.unit).toBe(one.unit);
  });

  it('distinguishes a sub-agent from its main agent also if prompt and tools are the same', async () => {
    const main = await identityOf({ 'x-claude-code-session-id': 's' });
    const sub = await identityOf({
      'x-claude-code-session-id': 's',
      'x-claude-code-agent-id': 'a1',
    });
    expect(sub).toMatchObject({ runId: main.runId, app: main.app });
    expect(sub.unit).not.toBe(main.unit);
  });

  it.each([
    ['0', false],
    ['1', true],
    ['2', true],
    ['x', false],
  ])('treats x-stainless-retry-count: %s as a retry: %s', async (count, retry) => {
    expect(await identityOf({ 'x-stainless-retry-count': count })).toMatchObject({ retry });
  });

  it('takes the time limit of the SDK as the deadline of a run of one call only', async () => {
    expect(await identityOf({ 'x-stainless-timeout': '30' })).toMatchObject({ deadlineMs: 30_000 });
    const inRun = await identityOf({ 'x-stainless-timeout': '30', 'x-talaria-run': 'r' });
    expect(inRun.deadlineMs).toBeUndefined();
  });

  it.each([
    [{ 'x-talaria-app': 'x'.repeat(129) }, 'x-talaria-app'],
    [{ 'x-talaria-run': 'a\tb' }, 'x-talaria-run'],
    [{ 'x-talaria-deadline-ms': 'soon' }, 'x-talaria-deadline-ms'],
    [{ 'x-talaria-max-wait-ms': '-1' }, 'x-talaria-max-wait-ms'],
    [{ 'x-talaria-if-late': 'drop' }, 'x-talaria-if-late'],
  ])('refuses %j', async (headers, param) => {
    const result = await identify(new Headers(headers), NO_HINTS, 'key');
    expect(result).toMatchObject({ ok: false, error: { param } });
  });
});

describe('the shape of a call', () => {
  const shape = (kind: string, body: object) =>
    hintsOf(kind, body as Record<string, unknown>).shape;
  const system = 'You are a planner.';

  it('is of the system prompt, wherever an API has it, and of the kind of call', () => {
    const shapes = [
      shape('chat', { messages: [{ role: 'system', content: system }] }),
      shape('responses', { instructions: system, input: 'Hello' }),
      shape('messages', { system: [{ type: 'text', text: system }], messages: [] }),
      shape('chat', { messages: [{ role: 'user', content: system }] }),
      shape('embedding', { input: system }),
      shape('completion', { prompt: system }),
    ];
    expect(shapes.filter((s) => s.includes(system))).toHaveLength(3);
    expect(new Set(shapes).size).toBe(6);
  });

  it('is of the tools by their names, in any order and of any API', () => {
    const [a, b] = ['bash', 'edit'].map((name) => ({ type: 'function', function: { name } }));
    const tools = (list: unknown[]) => shape('chat', { messages: [], tools: list });
    expect(tools([a, b])).toBe(tools([b, a]));
    expect(tools([a, b])).not.toBe(tools([a]));
    expect(tools([a, b])).toBe(tools([{ name: 'bash' }, { type: 'function', name: 'edit' }]));
  });

  it('does not depend on what changes from run to run', () => {
    const prompt = (date: string, context: string) =>
      shape('chat', {
        messages: [
          { role: 'system', content: `Today is ${date}. ${'You answer. '.repeat(20)}${context}` },
        ],
      });
    expect(prompt('2026-11-05', 'one')).toBe(prompt('2026-12-24', 'another text'));
  });

  it.each([null, 1, 'x', [], [null], [[]], { a: 1 }])(
    'accepts %j in any field without failing',
    (value) => {
      const body = Object.fromEntries(
        ['messages', 'input', 'tools', 'functions', 'system', 'instructions', 'metadata', 'user']
          .concat(['session_id', 'conversation', 'prompt_cache_key', 'previous_response_id'])
          .map((field) => [field, value]),
      );
      for (const kind of ['chat', 'responses', 'messages', 'embedding']) {
        expect(typeof shape(kind, body)).toBe('string');
      }
    },
  );
});

describe('a body', () => {
  const parse = (text: string) => {
    const parsed = parseModelRequest(
      Uint8Array.from(new TextEncoder().encode(text)),
      MODEL_APIS.chat,
      USUAL_BOUNDS,
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    return parsed.request;
  };
  const withUsage = (text: string) =>
    new TextDecoder().decode(withFields(parse(text), { usage: true }));

  it('keeps every character when usage is asked for', () => {
    const text = '{ "model":"m", "seed": 12345678901234567890, "messages":[{"role":"user"}] } ';
    expect(withUsage(text)).toBe(
      '{ "model":"m", "seed": 12345678901234567890, "messages":[{"role":"user"}] ' +
        ',"stream_options":{"include_usage":true}} ',
    );
  });

  it('keeps the other stream options', () => {
    const text = '{"model":"m","messages":[{"role":"user"}],"stream_options":{"x":1}}';
    expect(JSON.parse(withUsage(text)).stream_options).toEqual({
      x: 1,
      include_usage: true,
    });
  });

  it('keeps what is in its stream options byte for byte', () => {
    const text = (usage: string) =>
      `{"stream_options":{"x":1e400, "x":2,${usage}"y":12345678901234567890},"model":"m","messages":[{"role":"user"}]}`;
    expect(withUsage(text('"include_usage":false,'))).toBe(text('"include_usage":true,'));
    const added = text('').replace('890}', '890,"include_usage":true}');
    expect(withUsage(text(''))).toBe(added);
    const both = withFields(parse(text('')), { usage: true, priority: 3 });
    expect(new TextDecoder().decode(both)).toBe(added.replace(/}$/, ',"priority":3}'));
  });

  it('has no field twice, also where its stream options are null', () => {
    const text = '{"model":"m","messages":[{"role":"user"}],"stream_options":null}';
    expect(withUsage(text).match(/stream_options/g)).toHaveLength(1);
    expect(JSON.parse(withUsage(text)).stream_options).toEqual({
      include_usage: true,
    });
  });

  it('may ask for as many tokens as there are', () => {
    const limited = (max_tokens: number) =>
      parse(JSON.stringify({ model: 'm', messages: [{ role: 'user' }], max_tokens }));
    expect(limited(7).maxOutputTokens).toBe(7);
    expect(limited(-1).maxOutputTokens).toBeUndefined();
  });

  it('has its input tokens estimated from the text of all its messages', () => {
    const messages = [
      { role: 'system', content: 'x'.repeat(40) },
      { role: 'user', content: [{ type: 'text', text: 'y'.repeat(40) }, { type: 'image_url' }] },
    ];
    expect(parse(JSON.stringify({ model: 'm', messages })).inputTokens).toBe(20);
  });

  it('has the same shape whatever the user says', () => {
    const shape = (text: string) => hintsOf('chat', JSON.parse(text)).shape;
    const body = (user: string) =>
      JSON.stringify({
        model: 'm',
        messages: [
          { role: 'system', content: 'You plan.' },
          { role: 'user', content: user },
        ],
        tools: [{ type: 'function' }],
      });
    expect(shape(body('a'))).toBe(shape(body('b')));
    expect(shape(body('a'))).not.toBe(shape('{"model":"m","messages":[{"role":"user"}]}'));
  });
});
