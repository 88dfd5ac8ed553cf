/** A stream that begins before its answer exists: its content for every kind and time of answer. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Admission } from '../../../src/calls/admission.ts';
import { QueuedStream } from '../../../src/calls/queued-stream.ts';

const AFTER_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A call that has waited so long that its stream has begun. */
async function begun() {
  const stream = new QueuedStream(AFTER_MS, 'openai', 'r', new AbortController().signal);
  const made = Promise.withResolvers<Response>();
  const asked: Array<PromiseWithResolvers<{ position: number; etaMs: number }>> = [];
  const where = () => {
    const told = Promise.withResolvers<{ position: number; etaMs: number }>();
    asked.push(told);
    return told.promise;
  };
  stream.follow({ where } as unknown as Admission);
  const response = stream.responseOrStream(made.promise);
  await vi.advanceTimersByTimeAsync(AFTER_MS);
  const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  const rest = async () => {
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
  };
  return { stream, made, asked, read, rest };
}

const answered = () =>
  new Response('data: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } });

describe('a stream that was begun early', () => {
  it('sends its position until its answer comes', async () => {
    const { made, asked, read, rest, stream } = await begun();
    asked[0]?.resolve({ position: 3, etaMs: 41.6 });
    expect(await read()).toBe(': queued position=3 eta_ms=42\n\n');
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    asked[1]?.resolve({ position: 0, etaMs: 0 });
    expect(await read()).toBe(': waiting for the endpoint\n\n');
    made.resolve(answered());
    expect(await rest()).toBe('data: [DONE]\n\n');
    expect(stream.signal.aborted).toBe(false);
  });

  it('is complete if its answer comes while its position is being read', async () => {
    const { made, asked, read, rest, stream } = await begun();
    asked[0]?.resolve({ position: 1, etaMs: 1 });
    await read();
    await vi.advanceTimersByTimeAsync(AFTER_MS);
    made.resolve(answered());
    const all = rest();
    await vi.advanceTimersByTimeAsync(0);
    asked[1]?.resolve({ position: 1, etaMs: 1 });
    expect(await all).toBe('data: [DONE]\n\n');
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.signal.aborted).toBe(false);
  });

  it('reports an answer that breaks off, and one that never comes', async () => {
    const broken = await begun();
    broken.asked[0]?.resolve({ position: 1, etaMs: 1 });
    await broken.read();
    const body = new ReadableStream({ pull: (c) => c.error(new Error('reset')) });
    broken.made.resolve(new Response(body, { status: 502 }));
    expect(await broken.rest()).toMatch(/^data: \{"error":\{.*upstream_error/);

    const failed = await begun();
    failed.asked[0]?.resolve({ position: 1, etaMs: 1 });
    await failed.read();
    failed.made.reject(new Error('a bug'));
    await expect(failed.rest()).rejects.toThrow();
    expect(failed.stream.signal.aborted).toBe(true);
  });
});
