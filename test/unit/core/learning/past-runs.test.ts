/** Finished runs are kept whole, found by their states, and bounded. */
import { describe, expect, it } from 'vitest';
import { PastRuns } from '../../../../src/core/learning/past-runs.ts';
import { llm, PLAIN, runOf, tool } from '../../../run-builders.ts';

describe('past runs', () => {
  it('keep what followed each visit, and its calls by input', () => {
    const past = new PastRuns();
    const plan = { unit: 'plan', backend: 'llm', gap_ms: 70, calls: [] as object[] };
    plan.calls.push({ input_tokens: 5, output_tokens: 50 }, { input_tokens: 9, output_tokens: 90 });
    past.learn(runOf('app', plan as never, tool('search', 300), llm('answer', [7])), PLAIN);
    const [visit] = past.inState('app', { unit: 'plan', visit: 1 });
    expect([...(visit?.inputs ?? [])]).toEqual([9, 5]);
    expect([...(visit?.outputs ?? [])]).toEqual([90, 50]);
    expect(visit?.gapMs).toBe(70);
    expect(visit?.next?.backend).toBe('tool');
    expect(visit?.next?.next?.state).toMatchObject({ unit: 'answer', visit: 1, fanOutBefore: 3 });
    expect(visit?.next?.next?.next).toBeUndefined();
  });

  it('answer with an earlier visit of the unit where the number was never seen', () => {
    const past = new PastRuns();
    past.learn(runOf('app', llm('loop', [1]), llm('loop', [2])), PLAIN);
    const outputsOf = (visit: number) =>
      past.inState('app', { unit: 'loop', visit }).map(({ outputs }) => outputs[0]);
    expect([outputsOf(1), outputsOf(2), outputsOf(5)]).toEqual([[1], [2], [2]]);
    expect(past.inState('app', { unit: 'other', visit: 1 })).toEqual([]);
    expect(past.inState('constructor', { unit: 'loop', visit: 1 })).toEqual([]);
  });

  it('forget the oldest of an application that has too many, and none of another', () => {
    const past = new PastRuns();
    past.learn(runOf('rare', llm('unit', [1])), PLAIN);
    for (let i = 0; i < 3_000; i += 1) past.learn(runOf('busy', llm('unit', [i])), PLAIN);
    const busy = past.inState('busy', { unit: 'unit', visit: 1 });
    expect(busy).toHaveLength(1_024);
    expect(busy[0]?.outputs[0]).toBe(3_000 - 1_024);
    expect(past.inState('rare', { unit: 'unit', visit: 1 })).toHaveLength(1);
  });

  it('leave out a run that is larger than all that may be kept', () => {
    const past = new PastRuns();
    past.learn(runOf('app', llm('unit', Array(5_000).fill(1))), PLAIN);
    expect(past.inState('app', { unit: 'unit', visit: 1 })).toEqual([]);
  });

  it('are bounded over all applications', () => {
    const past = new PastRuns();
    const names = Array.from({ length: 9_000 }, (_, i) => `app${i}`);
    for (const name of names) past.learn(runOf(name, llm('unit', [1])), PLAIN);
    const known = names.filter((name) => past.inState(name, { unit: 'unit', visit: 1 }).length > 0);
    expect(known).toHaveLength(8_192);
    expect(known[0]).toBe('app808');
  });
});
