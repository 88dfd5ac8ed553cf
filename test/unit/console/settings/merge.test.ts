/** Edits that are brought onto a configuration that somebody else has changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSame, merge } from '../../../../src/console/screens/settings/merge.ts';

const json = fc.dictionary(
  fc.constantFrom('a', 'b', '__proto__', 'toString'),
  fc.oneof(
    fc.integer({ min: 0, max: 2 }),
    fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 1 })),
  ),
);

describe('merge', () => {
  it('keeps what each changed', () => {
    const base = { policy: 'gittins', prewarm: { mode: 'on', theta: 0.3 }, alpha: 1 };
    const mine = { policy: 'fcfs', prewarm: { mode: 'on', theta: 0.3, holdMs: 1 }, alpha: 1 };
    const theirs = { policy: 'gittins', prewarm: { mode: 'off', theta: 0.3 } };
    expect(merge(base, mine, theirs)).toEqual({
      config: { policy: 'fcfs', prewarm: { mode: 'off', theta: 0.3, holdMs: 1 } },
      clashes: [],
    });
  });

  it('names what both changed, and lets the edit stand', () => {
    const both = merge({ a: { b: 1, l: [1] } }, { a: { b: 2, l: [1, 2] } }, { a: { b: 3, l: [] } });
    expect(both).toEqual({ config: { a: { b: 2, l: [1, 2] } }, clashes: ['a.b', 'a.l'] });
  });

  it('names a field that one changed and the other took away', () => {
    expect(merge({ a: 1 }, { a: 2 }, {})).toEqual({ config: { a: 2 }, clashes: ['a'] });
    expect(merge({ a: 1 }, {}, { a: 2 })).toEqual({ config: {}, clashes: ['a'] });
  });

  it('is the one side where the other changed nothing, and never clashes then', () => {
    fc.assert(
      fc.property(json, json, (base, changed) => {
        for (const merged of [merge(base, changed, base), merge(base, base, changed)]) {
          expect(merged.clashes).toEqual([]);
          expect(isSame(merged.config, changed)).toBe(true);
        }
        expect(isSame(merge(base, changed, changed).config, changed)).toBe(true);
      }),
      { seed: 21, numRuns: 500 },
    );
  });
});
