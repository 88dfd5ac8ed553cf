/** Two engines that each remember what they have read: a long conversation stays with its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineBench, ownsEngines, startBench, words } from './engine-bench.ts';

let bench: EngineBench;

beforeAll(async () => {
  if (!ownsEngines) return;
  bench = await startBench({ engines: [{ slots: 2 }, { slots: 2 }] });
});

afterAll(() => bench?.close());

const TURNS = 12;
/** Turns whose history the engine had read before; the others may have been sent elsewhere. */
const LEAST_SHARE = 0.8;

describe.runIf(ownsEngines)('a long conversation beside short calls', () => {
  it.each([
    ['a run that the client names', { 'x-talaria-run': 'one-conversation' }],
    ['its beginning alone', {}],
  ])('is served by the engine that has it in its cache: by %s', async (name, headers) => {
    const history = [{ role: 'user', content: `${name}: ${words(60)}` }];
    const endpoints: Array<string | null> = [];
    let before = 0;
    let hits = 0;
    for (let turn = 0; turn < TURNS; turn += 1) {
      // None, one or two other calls are running when the turn comes.
      const others = Array.from({ length: turn % 3 }, (_, n) =>
        bench.post('/chat/completions', {
          messages: [{ role: 'user', content: `${turn} ${n} ${words(20, 'sea')}` }],
          max_tokens: 30,
        }),
      );
      const response = await bench.post(
        '/chat/completions',
        { messages: history, max_tokens: 60 },
        { headers },
      );
      const answer = await response.json();
      expect(response.status).toBe(200);
      endpoints.push(response.headers.get('x-talaria-endpoint'));
      const { prompt_tokens, prompt_tokens_details } = answer.usage;
      // The last answer is new to the engine as a prompt only by the words around it.
      if (turn > 0 && (prompt_tokens_details?.cached_tokens ?? 0) >= before - 5) hits += 1;
      before = prompt_tokens;
      history.push(
        { role: 'assistant', content: answer.choices[0].message.content },
        { role: 'user', content: `And then? ${words(50)}` },
      );
      for (const other of others) await (await other).text();
    }
    expect(hits / (TURNS - 1), endpoints.join(' ')).toBeGreaterThanOrEqual(LEAST_SHARE);
  });
});
