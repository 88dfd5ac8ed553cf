/** The conversion of a rank to an engine's priority. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { levelOf, priorityOf } from '../../../src/endpoints/engine-priority.ts';

const rank = fc.double({ min: 0, max: 1e12, noNaN: true });

describe('engine priority', () => {
  it('has sixteen levels, for any rank, that rise with it', () => {
    fc.assert(
      fc.property(rank, rank, (a, b) => {
        const [low, high] = [levelOf(Math.min(a, b)), levelOf(Math.max(a, b))];
        expect(low).toBeLessThanOrEqual(high);
        for (const level of [low, high]) {
          expect(Number.isInteger(level) && level >= 0 && level <= 15).toBe(true);
        }
      }),
    );
    const levels = Array.from({ length: 400 }, (_, i) => levelOf(1.1 ** i));
    expect(new Set(levels).size).toBe(16);
    for (const odd of [0, -1, Number.NaN, Infinity]) {
      expect(levelOf(odd)).toBeGreaterThanOrEqual(0);
      expect(levelOf(odd)).toBeLessThanOrEqual(15);
    }
  });

  it('goes the way of each engine: vLLM lower first, SGLang higher first', () => {
    expect(priorityOf(0, 'vllm')).toBe(0);
    expect(priorityOf(1e12, 'vllm')).toBe(15);
    expect(priorityOf(0, 'sglang')).toBe(15);
    expect(priorityOf(1e12, 'sglang')).toBe(0);
  });
});
