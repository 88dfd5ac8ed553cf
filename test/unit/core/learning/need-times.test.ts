/** Probabilities of a need against a count over each sample. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_TIMES, needChances, needTimes } from '../../../../src/core/learning/need-times.ts';

/** The probabilities by their definition, sample by sample. */
function bruteForce(
  needs: readonly number[],
  question: { elapsedMs: number; inVisit: boolean; withinMs: number },
) {
  let [possible, ever, within] = [1, 0, 0];
  for (const need of needs) {
    let inMs = need - question.elapsedMs;
    if (inMs < 0 && !question.inVisit) continue;
    inMs = Math.abs(inMs);
    possible += 1;
    if (inMs < Infinity) ever += 1;
    if (inMs <= question.withinMs) within += 1;
  }
  return { within: within / possible, ever: ever / possible };
}

describe('needChances', () => {
  it('counts the samples that needed it in time, also those that are late', () => {
    const need = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(Infinity));
    fc.assert(
      fc.property(
        fc.array(need, { maxLength: 40 }),
        fc.record({
          elapsedMs: fc.integer({ min: -10, max: 40 }),
          inVisit: fc.boolean(),
          withinMs: fc.integer({ min: 0, max: 40 }),
        }),
        (needs, question) => {
          const found = needChances(needTimes(Float64Array.from(needs)), question);
          const expected = bruteForce(needs, question);
          expect(found.within).toBeCloseTo(expected.within, 12);
          expect(found.ever).toBeCloseTo(expected.ever, 12);
        },
      ),
    );
  });

  it('is 0 without samples', () => {
    const question = { elapsedMs: 0, inVisit: true, withinMs: 1e9 };
    expect(needChances(NO_TIMES, question)).toEqual({ within: 0, ever: 0 });
  });
});
