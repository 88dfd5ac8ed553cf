/** Answers that begin before their result is known: what is in them, for every kind and time of it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AnswerFormat } from '../../../src/apis/streams/answer-format.ts';
import type { Admission } from '../../../src/calls/admission.ts';
import { EarlyAnswer, type EarlyWaits } from '../../../src/calls/early-answer.ts';
import { type EarlyForm, jsonForm, streamForm } from '../../../src/calls/early-forms.ts';
import { errorResponse } from '../../../src/http/errors.ts';

const AFTER_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A call whose answer may begin early. */
function waiting(form: EarlyForm, waits: EarlyWaits) {
  const early = new EarlyAnswer(waits, form, 'r', new AbortController().signal);
  const made = Promise.withResolvers<Response>();
  const asked: Array<PromiseWithResolvers<{ position: number; etaMs: number }>> = [];
  const where = () => {
    const told = Promise.withResolvers<{ position: number; etaMs: number }>();
    asked.push(told);
    return told.promise;
  };
  early.follow({ where } as unknown as Admission);
  return { early, made, asked, response: early.responseOrBegun(made.promise) };
}

/** One that has waited so long that its answer has begun. */
async function begun(form = streamForm('openai'), waits: EarlyWaits = { queuedMs: AFTER_MS }) {
  const call = waiting(form, waits);
  await vi.advanceTimersByTimeAsync(AFTER_MS);
  const response = await call.response;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  const rest = async () => {
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
  };
  return { ...call, response, reader, read, rest };
}

const answered = () =>
  new Response('data: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } });

describe('a stream that was begun early', () => {
  it('sends its position until its answer comes', async () => {
    const { made, asked, read, rest, early } = await begun();
    asked[0]?.resolve({ position: 3, etaMs: 41.6 });
    expect(await read()).toBe(': queued position=3 eta_ms=42\n\n');
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    asked[1]?.resolve({ position: 0, etaMs: 0 });
    expect(await read()).toBe(': waiting for the endpoint\n\n');
    made.resolve(answered());
    expect(await rest()).toBe('data: [DONE]\n\n');
    expect(early.signal.aborted).toBe(false);
  });

  it('shows every second that it lives, and tells its position every five', async () => {
    const { early, asked, response } = waiting(streamForm('openai'), { queuedMs: 5_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
    const read = async () => new TextDecoder().decode((await reader.read()).value);
    asked[0]?.resolve({ position: 1, etaMs: 1 });
    expect(await read()).toBe(': queued position=1 eta_ms=1\n\n');
    for (let i = 0; i < 4; i += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await read()).toBe(':\n\n');
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(2);
    expect(early.signal.aborted).toBe(false);
  });

  it('is complete if its answer comes while its position is being read', async () => {
    const { made, asked, read, rest, early } = await begun();
    asked[0]?.resolve({ position: 1, etaMs: 1 });
    await read();
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    made.resolve(answered());
    const all = rest();
    await vi.advanceTimersByTimeAsync(0);
    asked[1]?.resolve({ position: 1, etaMs: 1 });
    expect(await all).toBe('data: [DONE]\n\n');
    await vi.advanceTimersByTimeAsync(0);
    expect(early.signal.aborted).toBe(false);
  });

  it('reports an answer that breaks off, and one that never comes', async () => {
    const broken = await begun();
    broken.asked[0]?.resolve({ position: 1, etaMs: 1 });
    await broken.read();
    const body = new ReadableStream({ pull: (c) => c.error(new Error('reset')) });
    broken.made.resolve(new Response(body, { status: 502 }));
    await expect(broken.rest()).rejects.toThrow();

    const failed = await begun();
    failed.asked[0]?.resolve({ position: 1, etaMs: 1 });
    await failed.read();
    failed.made.reject(new Error('a bug'));
    await expect(failed.rest()).rejects.toThrow();
    expect(failed.early.signal.aborted).toBe(true);
  });

  it('cancels the call if its client is gone', async () => {
    const { asked, read, reader, early } = await begun();
    asked[0]?.resolve({ position: 1, etaMs: 1 });
    await read();
    await reader.cancel();
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    expect(early.signal.aborted).toBe(true);
  });

  it('does not collect comments for a client that does not read', async () => {
    const { asked, made, rest } = await begun();
    asked[0]?.resolve({ position: 1, etaMs: 1 });
    await vi.advanceTimersByTimeAsync(100 * AFTER_MS);
    expect(asked).toHaveLength(1);
    made.resolve(answered());
    expect(await rest()).toBe(': queued position=1 eta_ms=1\n\ndata: [DONE]\n\n');
  });
});

describe('a call that an endpoint serves', () => {
  it('has no answer before its own, if only its place in the queue is told', async () => {
    const { early, made, response } = waiting(streamForm('openai'), { queuedMs: AFTER_MS });
    early.granted('warm');
    await vi.advanceTimersByTimeAsync(10 * AFTER_MS);
    made.resolve(Response.json({ error: 'odd' }, { status: 400 }));
    expect((await response).status).toBe(400);
  });

  it.each([
    ['a stream', streamForm('openai'), { queuedMs: 60_000, anyMs: AFTER_MS }],
    ['plain JSON', jsonForm('openai', 'r'), { anyMs: AFTER_MS }],
  ])('has its answer begun if it is to be kept alive: %s', async (_what, form, waits) => {
    const { early, made, response } = waiting(form, waits);
    early.granted('warm');
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    expect((await response).headers.get('content-type')).toBe(form.contentType);
    made.resolve(Response.json({}));
    await (await response).text();
  });
});

describe('plain JSON that was begun early', () => {
  /** What comes, and whether the connection breaks behind it. */
  const json = async (format: AnswerFormat, answer: Response, ownWait = false) => {
    const call = await begun(jsonForm(format, 'r', ownWait), { anyMs: AFTER_MS });
    expect(call.response.status).toBe(200);
    expect(await call.read()).toBe('\n');
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    call.made.resolve(answer);
    let text = '';
    let breaks = false;
    try {
      for (let part = await call.read(); part !== ''; part = await call.read()) text += part;
    } catch {
      breaks = true;
    }
    expect(call.asked).toHaveLength(0);
    return { text: text.trimStart(), breaks };
  };

  it('is the answer itself after empty lines', async () => {
    const text = '{"big":12345678901234567890, "x":"é"}';
    for (const type of ['application/json', 'application/problem+json; charset=utf-8']) {
      const answer = new Response(text, { headers: { 'content-type': type } });
      expect(await json('openai', answer)).toEqual({ text, breaks: false });
    }
  });

  it.each(['openai', 'responses'] as const)("is the error in the form of %s's API", async (api) => {
    const refused = errorResponse({ code: 'queue_timeout', message: 'It waited.' });
    const shown = await refused.clone().text();
    expect(await json(api, refused.clone())).toEqual({ text: shown, breaks: true });
    // The client itself said how long it waits.
    expect(await json(api, refused, true)).toEqual({ text: shown, breaks: false });
    const ofEndpoint = '{"error":{"message":"too long","param":"messages"}}';
    const answer = new Response(ofEndpoint, { status: 400 });
    expect(await json(api, answer)).toEqual({ text: ofEndpoint, breaks: false });
  });

  it("is the error in the form of Anthropic's API", async () => {
    const refused = errorResponse({ code: 'queue_full', message: 'It is full.' });
    const { text, breaks } = await json('messages', refused);
    expect(breaks).toBe(true);
    expect(JSON.parse(text)).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'It is full.' },
      request_id: 'r',
    });
  });

  it.each([
    ['of FastAPI', '{"detail":"W"}', 'application/json'],
    ['a page', '<html><title>W</title></html>', 'text/html'],
    ['a text', 'W', 'text/plain'],
  ])('keeps the words of an error that is %s', async (_what, body, type) => {
    for (const format of ['openai', 'messages'] as const) {
      for (const status of [400, 500]) {
        const answer = new Response(body, { status, headers: { 'content-type': type } });
        const { text, breaks } = await json(format, answer);
        expect(JSON.parse(text).error.message).toBe('W');
        expect(breaks).toBe(status === 500);
      }
    }
  });

  it.each([
    ['a page', new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['a stream', answered()],
    ['nothing', new Response(null, { status: 204 })],
    ['too much', new Response(`{"error":{"x":"${'x'.repeat(300_000)}"}}`, { status: 500 })],
    [
      'what is encoded',
      new Response('x', {
        headers: { 'content-type': 'application/json', 'content-encoding': 'zstd' },
      }),
    ],
  ])('is an error if the endpoint answers %s', async (_what, answer) => {
    for (const format of ['openai', 'messages'] as const) {
      const { text, breaks } = await json(format, answer.clone());
      expect(JSON.parse(text).error.message).toBe('The endpoint answered without JSON.');
      expect(breaks).toBe(true);
    }
  });
});
