/** Which application, run and unit a call belongs to, for clients that say it and for those that do not. */
import { describe, expect, it } from 'vitest';
import { type BodyHints, identify } from '../../src/identity.ts';
import { parseModelRequest, withUsage } from '../../src/openai-body.ts';

const NO_HINTS: BodyHints = { metadata: {}, shape: 'system prompt and tools' };

async function identityOf(headers: Record<string, string>, hints: Partial<BodyHints> = {}) {
  const result = await identify(new Headers(headers), { ...NO_HINTS, ...hints }, 'key');
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
      'x-talaria-max-wait-ms': '500',
    };
    const metadata = { talaria_app: 'other', talaria_run: 'other', talaria_unit: 'other' };
    expect(await identityOf(headers, { metadata })).toEqual({
      app: 'app',
      runId: 'run',
      unit: 'unit',
      final: false,
      deadlineMs: 60_000,
      maxWaitMs: 500,
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

  it('takes the run from the body, and else makes the call a run of its own', async () => {
    expect(await identityOf({}, { session: 'user-7' })).toMatchObject({ runId: 'user-7' });
    const [one, other] = [await identityOf({}), await identityOf({})];
    expect(one.final).toBe(true);
    expect(one.runId).not.toBe(other.runId);
    const zero = `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect(await identityOf({ traceparent: zero })).toMatchObject({ final: true });
  });

  it('tells applications and units apart by system prompt and tools', async () => {
    const one = await identityOf({}, { shape: 'one' });
    const again = await identityOf({}, { shape: 'one' });
    expect([again.app, again.unit]).toEqual([one.app, one.unit]);
    const two = await identityOf({}, { shape: 'two' });
    expect(two.app).not.toBe(one.app);
    expect(two.unit).not.toBe(one.unit);
  });

  it('takes the time limit of the SDK as the deadline of a run of one call only', async () => {
    expect(await identityOf({ 'x-stainless-timeout': '30' })).toMatchObject({ deadlineMs: 30_000 });
    const inRun = await identityOf({ 'x-stainless-timeout': '30', 'x-talaria-run': 'r' });
    expect(inRun.deadlineMs).toBeUndefined();
  });

  it.each([
    [{ 'x-talaria-app': 'x'.repeat(129) }, 'x-talaria-app'],
    [{ 'x-talaria-run': '' }, undefined],
    [{ 'x-talaria-deadline-ms': 'soon' }, 'x-talaria-deadline-ms'],
    [{ 'x-talaria-max-wait-ms': '-1' }, 'x-talaria-max-wait-ms'],
  ])('refuses %j', async (headers, param) => {
    const result = await identify(new Headers(headers), NO_HINTS, 'key');
    expect(result.ok).toBe(param === undefined && result.ok);
    if (!result.ok && param) expect(result.error).toMatchObject({ param });
  });
});

describe('a body', () => {
  const parse = (text: string) => {
    const parsed = parseModelRequest(text, 'chat');
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    return parsed.request;
  };

  it('keeps every character when usage is asked for', () => {
    const text = '{ "model":"m", "seed": 12345678901234567890, "messages":[{"role":"user"}] } ';
    expect(withUsage(parse(text))).toBe(
      '{ "model":"m", "seed": 12345678901234567890, "messages":[{"role":"user"}] ' +
        ',"stream_options":{"include_usage":true}} ',
    );
  });

  it('keeps the other stream options', () => {
    const text = '{"model":"m","messages":[{"role":"user"}],"stream_options":{"x":1}}';
    expect(JSON.parse(withUsage(parse(text)) ?? '').stream_options).toEqual({
      x: 1,
      include_usage: true,
    });
  });

  it('has its input tokens estimated from the text of all its messages', () => {
    const messages = [
      { role: 'system', content: 'x'.repeat(40) },
      { role: 'user', content: [{ type: 'text', text: 'y'.repeat(40) }, { type: 'image_url' }] },
    ];
    expect(parse(JSON.stringify({ model: 'm', messages })).inputTokens).toBe(20);
  });

  it('has the same shape whatever the user says', () => {
    const body = (user: string) =>
      JSON.stringify({
        model: 'm',
        messages: [
          { role: 'system', content: 'You plan.' },
          { role: 'user', content: user },
        ],
        tools: [{ type: 'function' }],
      });
    expect(parse(body('a')).hints.shape).toBe(parse(body('b')).hints.shape);
    expect(parse(body('a')).hints.shape).not.toBe(
      parse('{"model":"m","messages":[{"role":"user"}]}').hints.shape,
    );
  });
});
