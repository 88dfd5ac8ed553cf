/** The rule that wakes an endpoint ahead of need, and the paper's rule for comparison. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePrewarm, needProbability } from '../../../../src/core/prewarm/prewarm.ts';

const tenAt40 = Array.from({ length: 10 }, () => 0.4);

describe('needProbability', () => {
  it('is the chance that at least one of independent needs comes', () => {
    expect(needProbability({ runs: [], arrivals: 0 })).toBe(0);
    expect(needProbability({ runs: [], arrivals: 0.5 })).toBe(0.5);
    expect(needProbability({ runs: [0.5, 0.5], arrivals: 0.5 })).toBe(0.875);
    expect(needProbability({ runs: [0.3, 1, 0.2], arrivals: 0 })).toBe(1);
  });

  it('equals the sum over all outcomes in which somebody needs it', () => {
    const chance = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(chance, { maxLength: 6 }), chance, (runs, arrivals) => {
        const all = [arrivals, ...runs];
        let some = 0;
        for (let outcome = 1; outcome < 2 ** all.length; outcome += 1) {
          some += all.reduce((p, q, i) => p * (outcome & (1 << i) ? q : 1 - q), 1);
        }
        expect(needProbability({ runs, arrivals })).toBeCloseTo(some, 9);
      }),
    );
  });
});

describe('decidePrewarm', () => {
  it('wakes for ten runs at 40 %, none of which would be enough for the rule of the paper', () => {
    const together = decidePrewarm({ runs: tenAt40, arrivals: 0 }, 0.25);
    expect(together.wake).toBe(true);
    expect(together.probability).toBeCloseTo(0.994, 3);
    for (const q of tenAt40) {
      expect(decidePrewarm({ runs: [q], arrivals: 0 }, 0.5).wake).toBe(false);
    }
  });

  it('wakes at exactly theta and not below', () => {
    expect(decidePrewarm({ runs: [0.25], arrivals: 0 }, 0.25).wake).toBe(true);
    expect(decidePrewarm({ runs: [0.25 - 2 ** -50], arrivals: 0 }, 0.25).wake).toBe(false);
    expect(decidePrewarm({ runs: [0.5], arrivals: 0.5 }, 0.75).wake).toBe(true);
    expect(decidePrewarm({ runs: [0.5], arrivals: 0.5 }, 0.75 + 2 ** -50).wake).toBe(false);
  });

  it('wakes for arrivals alone', () => {
    expect(decidePrewarm({ runs: [], arrivals: 0.3 }, 0.25).wake).toBe(true);
    expect(decidePrewarm({ runs: [], arrivals: 0.2 }, 0.25).wake).toBe(false);
  });

  it('says why', () => {
    expect(decidePrewarm({ runs: [0.5, 0, 0.5], arrivals: 0 }, 0.25).reason).toBe(
      'P(need)=0.750 theta=0.250 runs=2 P(arrival)=0.000',
    );
  });
});
