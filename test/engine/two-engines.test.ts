/** Two engines that each remember what they have read: a long conversation stays with its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineBench, ownsEngines, startBench, words } from './engine-bench.ts';

let bench: EngineBench;

beforeAll(async () => {
  if (!ownsEngines) return;
  bench = await startBench({ engines: [{ slots: 2 }, { slots: 2 }] });
});

afterAll(() => bench?.close());

const TURNS = 10;

describe.runIf(ownsEngines)('a long conversation beside short calls', () => {
  it.each([
    ['a run that the client names', { 'x-talaria-run': 'one-conversation' }],
    ['its beginning alone', {}],
  ])('is served by the engine that has it in its cache: by %s', async (name, headers) => {
    const history = [{ role: 'user', content: `${name}: ${words(700)}` }];
    let cached = 0;
    let sent = 0;
    const endpoints: Array<string | null> = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const others = Array.from({ length: turn % 3 }, (_, n) =>
        bench.post('/chat/completions', {
          messages: [{ role: 'user', content: `${turn} ${n} ${words(20, 'sea')}` }],
          max_tokens: 30,
        }),
      );
      const response = await bench.post(
        '/chat/completions',
        { messages: history, max_tokens: 20 },
        { headers },
      );
      const answer = await response.json();
      expect(response.status).toBe(200);
      endpoints.push(response.headers.get('x-talaria-endpoint'));
      if (turn > 0) {
        sent += answer.usage.prompt_tokens;
        cached += answer.usage.prompt_tokens_details?.cached_tokens ?? 0;
      }
      history.push(
        { role: 'assistant', content: answer.choices[0].message.content },
        { role: 'user', content: `And then? ${words(20)}` },
      );
      for (const other of others) await (await other).text();
    }
    expect(cached / sent, endpoints.join(' ')).toBeGreaterThan(0.8);
  });
});
