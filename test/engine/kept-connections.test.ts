/**
 * llama-server closes a kept connection some milliseconds after the end of a stream, whatever it
 * announces, and the next grant may go out on it. No call may fail by that.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineBench, eventData, startBench } from './engine-bench.ts';

let bench: EngineBench;

beforeAll(async () => {
  bench = await startBench();
});

afterAll(() => bench?.close());

const messages = [{ role: 'user', content: 'Say a word.' }];

/** How calls ended, by their status and, for streams, by their last event. */
async function outcomes(
  count: number,
  concurrency: number,
  body: (index: number) => { path: string; body: object },
): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  let next = 0;
  const client = async () => {
    while (next < count) {
      const index = next++;
      const { path, body: sent } = body(index);
      const response = await bench.post(path, sent);
      const text = await response.text();
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
      const last = isStream ? (eventData(text).at(-1) ?? '') : '';
      const detail = response.status === 200 ? (/error/.test(last) ? last : '') : text;
      const end = `${response.status} ${detail}`.trim();
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return ends;
}

const stream = { path: '/chat/completions', body: { messages, max_tokens: 3, stream: true } };

it('no stream of 400 fails, one after the other', async () => {
  expect([...(await outcomes(400, 1, () => stream))]).toEqual([['200', 400]]);
});

it('no stream of 400 fails, eight at a time for four slots', async () => {
  expect([...(await outcomes(400, 8, () => stream))]).toEqual([['200', 400]]);
});

it('no mixed call of 200 fails', async () => {
  const kinds = [
    stream,
    { path: '/chat/completions', body: { messages, max_tokens: 3 } },
    { path: '/messages', body: { messages, max_tokens: 3, stream: true } },
    { path: '/responses', body: { input: 'Say a word.', max_output_tokens: 3, stream: true } },
    { path: '/completions', body: { prompt: 'Say', max_tokens: 3 } },
  ];
  const ends = await outcomes(200, 6, (index) => kinds[index % kinds.length] ?? stream);
  expect([...ends]).toEqual([['200', 200]]);
});
