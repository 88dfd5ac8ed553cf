/** What prompts have in common from run to run: shares, bounds, and what survives a restart. */
import { describe, expect, it } from 'vitest';
import { UnitPrefixes } from '../../../../src/core/affinity/unit-prefixes.ts';

const chain = (...ids: string[]) => ids.map((id, i) => ({ id, tokens: 1_000 * (i + 1) }));

describe('the prefixes of a unit', () => {
  it('count as likely as runs have them, and little is believed of few runs', () => {
    const prefixes = new UnitPrefixes();
    prefixes.saw('a', 'u', chain('tools', 'own 1'), true);
    expect(prefixes.shareOf('a', 'u', 'tools')).toBe(0.5);
    expect(prefixes.bestOf('a', 'u', chain('tools', 'own 1'))).toBeUndefined();
    for (let i = 2; i <= 40; i += 1) {
      prefixes.saw('a', 'u', chain(i % 2 === 0 ? 'even' : 'odd', `own ${i}`), true);
    }
    expect(prefixes.shareOf('a', 'u', 'even')).toBeCloseTo(0.47, 1);
    expect(prefixes.shareOf('a', 'u', 'odd')).toBeCloseTo(0.42, 1);
    expect(prefixes.shareOf('a', 'u', 'tools')).toBe(0);
    expect(prefixes.shareOf('a', 'elsewhere', 'even')).toBe(0);
  });

  it('are worth their length times how likely they are', () => {
    const prefixes = new UnitPrefixes();
    for (let i = 0; i < 8; i += 1) prefixes.saw('a', 'u', chain('tools', 'system'), true);
    expect(prefixes.bestOf('a', 'u', chain('tools', 'system'))?.id).toBe('system');
    // Of the last eight runs one in four has had the longer one.
    for (let i = 0; i < 32; i += 1) {
      prefixes.saw('a', 'u', chain('tools', i % 4 === 0 ? 'system' : `other ${i}`), true);
    }
    expect(prefixes.bestOf('a', 'u', chain('tools', 'system'))?.id).toBe('tools');
  });

  it('of runs to come are those of the units that runs begin with', () => {
    const prefixes = new UnitPrefixes();
    for (let i = 0; i < 30; i += 1) {
      prefixes.saw('a', 'first', chain('one'), true);
      prefixes.saw('a', 'later', chain('two'), false);
    }
    expect(prefixes.shareOfArrivals('one')).toBeCloseTo(8 / 9, 1);
    expect(prefixes.shareOfArrivals('two')).toBe(0);
  });

  it('are bounded, whatever clients name and send, and survive a restart', () => {
    const prefixes = new UnitPrefixes();
    for (let i = 0; i < 1_000; i += 1) {
      const own = Array.from({ length: 16 }, (_, n) => `${i} ${n}`);
      prefixes.saw('a', `unit ${i}`, chain('tools', ...own), true);
      prefixes.saw('a', 'usual', chain('tools', ...own), true);
    }
    const text = JSON.stringify(prefixes.snapshot());
    expect(text.length).toBeLessThan(16_384);
    const restored = new UnitPrefixes();
    restored.restore(JSON.parse(text));
    expect(restored.shareOf('a', 'usual', 'tools')).toBe(prefixes.shareOf('a', 'usual', 'tools'));
    expect(restored.shareOf('a', 'usual', 'tools')).toBeGreaterThan(0.85);
    expect(restored.shareOf('a', 'unit 0', 'tools')).toBe(0);
    expect(restored.shareOf('a', 'unit 999', 'tools')).toBeGreaterThan(0);
  });
});
