/** How much of an answer wakes, probes and releases read, however long it is. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS } from '../../../src/endpoints/registry.ts';
import { releaseEndpoint } from '../../../src/endpoints/release.ts';
import { wakeEndpoint } from '../../../src/endpoints/wake.ts';
import { readBeginning } from '../../../src/http/read-answer.ts';

afterEach(() => vi.restoreAllMocks());

const TARGET = { url: 'http://127.0.0.1/v1', auth: {} };

/**
 * The length at which an answer ends after all, so that an unbounded reader fails instead of
 * hanging.
 */
const END_BYTES = 10_000_000;

/** An endless answer, and a count of how much of it was read. */
function endless(beginning = '') {
  const read = { bytes: 0, cancelled: false };
  const pieces = [new TextEncoder().encode(beginning)];
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (sink) => {
        if (read.bytes > END_BYTES) return sink.close();
        const piece = pieces.shift() ?? new Uint8Array(4_096).fill(120);
        read.bytes += piece.length;
        sink.enqueue(piece);
      },
      cancel: () => {
        read.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { read, body };
}

/** Makes all answers of the endpoint endless; `beginning` by the end of the path. */
function answering(beginning: Readonly<Record<string, string>> = {}) {
  const answers: Array<{ path: string; read: { bytes: number; cancelled: boolean } }> = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const path = new URL(input instanceof Request ? input.url : String(input)).pathname;
    const { read, body } = endless(beginning[path]);
    answers.push({ path, read });
    return new Response(body);
  });
  return answers;
}

describe('an answer without end', () => {
  it('to a probe, a wake and the first call is cancelled', async () => {
    const answers = answering({
      '/is_sleeping': '{"is_sleeping": true, "x": "',
      '/v1/chat/completions': '{"choices":[{"message":{"content":"',
    });
    const woken = await wakeEndpoint(ADAPTERS.vllm, { ...TARGET, model: 'm' }, 60_000);
    expect(woken.ok).toBe(true);
    const paths = ['/is_sleeping', '/wake_up', '/v1/chat/completions'];
    expect(answers.map(({ path }) => path)).toEqual(paths);
    for (const { read } of answers) {
      expect(read.cancelled).toBe(true);
      expect(read.bytes).toBeLessThanOrEqual(32_768);
    }
  });

  it('to a release is cancelled', async () => {
    const answers = answering();
    const target = { ...TARGET, releasePath: '/go-cold' };
    expect(await releaseEndpoint(ADAPTERS['openai-generic'], target)).toEqual({ ok: true });
    expect(answers).toMatchObject([{ path: '/go-cold', read: { cancelled: true } }]);
  });
});

describe('the beginning of an answer', () => {
  it.each([
    ['', 10, '', true],
    ['abc', 10, 'abc', true],
    ['abc', 3, 'abc', true],
    ['abcd', 3, 'abc', false],
    ['grüße', 3, 'gr', false],
    ['a', 0, '', false],
  ])('of %j up to %i bytes', async (text, most, wanted, isWhole) => {
    expect(await readBeginning(new Response(text), most)).toEqual({ text: wanted, isWhole });
    expect(await readBeginning(new Response(null), most)).toEqual({ text: '', isWhole: true });
  });

  it('rejects if the answer breaks off before', async () => {
    const body = new ReadableStream({ pull: (sink) => sink.error(new Error('reset')) });
    await expect(readBeginning(new Response(body), 10)).rejects.toThrow('reset');
  });
});
