/**
 * Two engines, two conversations with much in common and four callers beside them: what their turns
 * cost by each way to choose the engine. The table of times goes to the log; what is checked is how
 * many tokens the engines had to read.
 */
import { expect, it } from 'vitest';
import type { Affinity } from '../../src/core/backends/backend-spec.ts';
import { type EngineBench, eventData, ownsEngines, startBench, words } from './engine-bench.ts';

const TURNS = 12;
const CALLERS = 4;
const COMMON_TOKENS = 3_000;
/** A turn adds about a hundred tokens; one in ten may be read anew by another engine in part. */
const MOST_READ = 125;

/** What a turn cost: time until its first token, and tokens that were not in the cache. */
interface Cost {
  readonly firstMs: number;
  readonly readTokens: number;
}

interface Usage {
  readonly prompt_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
}

async function turnOf(bench: EngineBench, messages: object[]): Promise<Cost> {
  const sentAt = performance.now();
  const response = await bench.post('/chat/completions', {
    ...{ messages, max_tokens: 30, stream: true, stream_options: { include_usage: true } },
  });
  const decoder = new TextDecoder();
  let text = '';
  let firstMs = Number.NaN;
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    if (Number.isNaN(firstMs) && text.includes('"delta"')) firstMs = performance.now() - sentAt;
  }
  expect(response.status, text).toBe(200);
  const chunks = eventData(text).filter((data) => data !== '[DONE]');
  const usage: Usage | undefined = chunks.map((data) => JSON.parse(data).usage).find(Boolean);
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  messages.push({ role: 'assistant', content: words(30, 'tree') });
  return { firstMs, readTokens: (usage?.prompt_tokens ?? 0) - cached };
}

async function conversation(bench: EngineBench, name: string): Promise<Cost[]> {
  const messages: object[] = [{ role: 'system', content: words(COMMON_TOKENS) }];
  const costs: Cost[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    messages.push({ role: 'user', content: `${name} ${turn} ${words(40, 'sea')}` });
    costs.push(await turnOf(bench, messages));
  }
  return costs;
}

async function costsBy(affinity: Affinity): Promise<Cost[]> {
  const size = { slots: 4, slotContext: 6_144 };
  const bench = await startBench({ engines: [size, size], backend: { affinity } });
  let isOver = false;
  try {
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let n = 0; !isOver; n += 1) {
        const messages = [{ role: 'user', content: `${caller} ${n} ${words(30, 'sky')}` }];
        // Of different lengths, so that now one engine is emptier and now the other.
        const max_tokens = 10 + ((37 * n + 53 * caller) % 150);
        const answer = await bench.post('/chat/completions', { messages, max_tokens });
        await answer.text();
      }
    });
    const costs = await Promise.all(['one', 'two'].map((name) => conversation(bench, name)));
    isOver = true;
    await Promise.all(callers);
    // The first turns are read whole, wherever they go.
    return costs.flatMap(([_first, ...later]) => later);
  } finally {
    isOver = true;
    await bench.close();
  }
}

const meanOf = (values: readonly number[]) =>
  Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);

it.runIf(ownsEngines)('turns read less where they go to the engine that has them', async () => {
  const readBy: Partial<Record<Affinity, number>> = {};
  for (const affinity of ['off', 'prefer', 'hold'] as const) {
    const costs = await costsBy(affinity);
    readBy[affinity] = meanOf(costs.map((cost) => cost.readTokens));
    const firstMs = costs.map((cost) => cost.firstMs).sort((a, b) => a - b);
    const p95 = Math.round(firstMs[Math.ceil(0.95 * firstMs.length) - 1] ?? 0);
    console.log(
      `${affinity}: first token ${meanOf(firstMs)} ms (P95 ${p95}), ${readBy[affinity]} tokens read a turn`,
    );
  }
  expect(readBy.hold).toBeLessThan(MOST_READ);
});
