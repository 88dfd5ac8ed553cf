/**
 * The speeds that Talaria learns are the engine's own: milliseconds for each token of input that
 * was not in its cache, and for each token of output, as its `timings` tell them.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { type EngineBench, eventData, ownsEngines, startBench, words } from './engine-bench.ts';

/** How far a learned figure may be from the engine's own, as a ratio. */
const TOLERANCE = 1.5;
const CALLS = 32;

let bench: EngineBench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

interface Timings {
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
}

/** A call of a mixed load: long prompts with short answers, short ones with long answers. */
function mixed(index: number): object {
  const [input, output] = index % 2 === 0 ? [900, 5] : [40, 120];
  // Each begins with a word of its own, so that the engine has none of it in its cache.
  const content = `${index} ${words(input - (index % 7) * 3)}`;
  return { messages: [{ role: 'user', content }], max_tokens: output };
}

/** Makes the calls and returns what the engine says of each. */
async function timingsOf(
  one: EngineBench,
  streams: boolean,
  concurrency: number,
  sent: (index: number) => object = mixed,
): Promise<Timings[]> {
  const all: Timings[] = [];
  let next = 0;
  const client = async () => {
    while (next < CALLS) {
      const usage = streams ? { stream: true, stream_options: { include_usage: true } } : {};
      const response = await one.post('/chat/completions', { ...sent(next++), ...usage });
      const text = await response.text();
      const answers = streams ? eventData(text).filter((data) => data !== '[DONE]') : [text];
      for (const answer of answers) {
        const { timings } = JSON.parse(answer) as { timings?: Timings };
        if (timings) all.push(timings);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return all;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** The engine's ms a token, of the median token: a machine that stands still for a while is no speed. */
function ownSpeed(timings: readonly Timings[]): { inputMs: number; outputMs: number } {
  return {
    inputMs: ofMedianToken(timings.map((t) => [t.prompt_ms, t.prompt_n])),
    outputMs: ofMedianToken(timings.map((t) => [t.predicted_ms, t.predicted_n])),
  };
}

function ofMedianToken(calls: ReadonlyArray<readonly [ms: number, tokens: number]>): number {
  const bySpeed = calls.filter(([, tokens]) => tokens > 0).sort(([a, m], [b, n]) => a / m - b / n);
  let left = sum(bySpeed.map(([, tokens]) => tokens)) / 2;
  for (const [ms, tokens] of bySpeed) {
    left -= tokens;
    if (left <= 0) return ms / tokens;
  }
  return Number.NaN;
}

/** Expects a figure near the engine's own, or between its two own figures. */
function expectNear(learned: number, own: number, what: string, ownToo = own): void {
  const [low, high] = [Math.min(own, ownToo), Math.max(own, ownToo)];
  const range = low === high ? low.toFixed(3) : `${low.toFixed(3)} to ${high.toFixed(3)}`;
  const said = `${what}: learned ${learned.toFixed(3)}, the engine's own ${range}`;
  expect(learned, said).toBeGreaterThan(low / TOLERANCE);
  expect(learned, said).toBeLessThan(high * TOLERANCE);
}

it.each([
  ['streams, one at a time', true, 1],
  ['plain answers, one at a time', false, 1],
  ['streams, four at a time', true, 4],
  ['plain answers, four at a time', false, 4],
])('are learned from %s', async (_, streams, concurrency) => {
  const one = await startBench();
  bench = one;
  // Beside others the engine's own figure for input holds their prompts, too: what a token takes
  // lies between that and what it takes alone, which calls past the dispatcher show.
  const alone: Timings[] = [];
  for (let index = 0; index < CALLS / 4; index += 1) {
    const answer = await one.postToEngine('/chat/completions', mixed(1_000 + index));
    alone.push((await answer.json()).timings);
  }
  const timings = await timingsOf(one, streams, concurrency);
  expect(timings.length).toBe(CALLS);
  const { speed } = await one.status();
  const [own, ownAlone] = [ownSpeed(timings), ownSpeed(alone)];
  expectNear(speed.inputMs, own.inputMs, 'ms an input token', ownAlone.inputMs);
  // On a machine that is busy with other things the mean is far above the median.
  const tokens = sum(timings.map((t) => t.predicted_n));
  const meanMs = sum(timings.map((t) => t.predicted_ms)) / tokens;
  expectNear(speed.outputMs, own.outputMs, 'ms an output token', meanMs);
});

it('of input are per token that was not cached', async () => {
  bench = await startBench();
  const prompt = words(900);
  const timings = await timingsOf(bench, true, 1, (index) => ({
    messages: [{ role: 'user', content: `${index % 4 === 0 ? index : ''} ${prompt}` }],
    max_tokens: 20,
  }));
  const { speed } = await bench.status();
  // Only calls that prefill much tell it: one token alone has the cost of a whole pass.
  const long = timings.filter(({ prompt_n }) => prompt_n > 100);
  expectNear(speed.inputMs, ownSpeed(long).inputMs, 'ms an input token');
});

it.each([false, true])(
  'count each of several answers in a call (streamed: %s)',
  async (streams) => {
    bench = await startBench();
    const timings = await timingsOf(bench, streams, 1, () => ({
      messages: [{ role: 'user', content: 'Tell me.' }],
      max_tokens: 60,
      n: 3,
    }));
    const { speed } = await bench.status();
    // The service time of the call is that of one answer, which is decoded beside the others.
    expectNear(speed.outputMs, ownSpeed(timings).outputMs, 'ms an output token');
    const recent = await bench.post('/chat/completions', {
      messages: [{ role: 'user', content: 'Tell me.' }],
      max_tokens: 10,
      n: 3,
      stream: streams,
    });
    await recent.text();
    const id = recent.headers.get('x-talaria-call');
    const entry = await (
      await fetch(`${bench.baseURL}/calls/${id}`, {
        headers: { authorization: `Bearer ${bench.apiKey}` },
      })
    ).json();
    expect(entry.result).toMatchObject({ output_tokens: 30 });
  },
);

describe.runIf(ownsEngines)('calls without output tokens', () => {
  it('teach the speed of input: embeddings', async () => {
    const more = ['--embeddings', '--pooling', 'mean', '-ub', '2048'];
    const one = await startBench({ engines: [{ more }] });
    bench = one;
    await expectInputLearned(one, (index) =>
      one.post('/embeddings', { input: `${index} ${words(1_000)}` }),
    );
  });

  it('teach the speed of input: rerank', async () => {
    const more = ['--embeddings', '--pooling', 'rank', '--rerank', '-ub', '2048'];
    const one = await startBench({ engines: [{ model: 'rerank', more }] });
    bench = one;
    await expectInputLearned(one, (index) =>
      one.post('/rerank', {
        query: `${index} river`,
        documents: [words(300), words(300, 'sea'), words(300, 'moon')],
      }),
    );
  });
});

/** These answers hold no timings: what the client measured is compared. */
async function expectInputLearned(
  one: EngineBench,
  send: (index: number) => Promise<Response>,
): Promise<void> {
  let tookMs = 0;
  let tokens = 0;
  for (let index = 0; index < CALLS; index += 1) {
    const startedAt = performance.now();
    const response = await send(index);
    const answer = await response.json();
    tookMs += performance.now() - startedAt;
    expect(response.status).toBe(200);
    tokens += answer.usage.prompt_tokens;
  }
  const { speed } = await one.status();
  expectNear(speed.inputMs, tookMs / tokens, 'ms an input token');
}
