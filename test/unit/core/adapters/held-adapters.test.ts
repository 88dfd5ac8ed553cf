/** What an engine holds of adapters, in the order of their use, and how the loads turned out. */
import { describe, expect, it } from 'vitest';
import type { AdapterLoad } from '../../../../src/core/adapters/adapter-load.ts';
import { HeldAdapters } from '../../../../src/core/adapters/held-adapters.ts';

const loadOf = (adapter: string): AdapterLoad => {
  const why = { cause: 'prewarm', reason: 'a need is likely', probability: 0.5 } as const;
  return { adapter, source: 's', at: 0, unload: [], ...why };
};

/** Holds adapters of the source `s` that were loaded and not used yet. */
function holding(...adapters: string[]): HeldAdapters {
  const held = new HeldAdapters();
  for (const adapter of adapters) {
    held.hold(adapter, { source: 's', isSure: true, loadedAt: 0, load: loadOf(adapter) });
  }
  return held;
}

const outcomes = (held: HeldAdapters) =>
  held.takeEnded().map(({ load, outcome }) => `${load.adapter} ${outcome}`);

describe('held adapters', () => {
  it('are in the order of their use', () => {
    const held = holding('a', 'b', 'c');
    held.used('a', false);
    expect(held.byUse).toEqual(['b', 'c', 'a']);
  });

  it('are told as they were used for the first time, or not at all', () => {
    const held = holding('a', 'b', 'c', 'd');
    held.used('a', false);
    held.used('a', true);
    held.used('b', true);
    held.drop('c');
    held.drop('a');
    expect(outcomes(held)).toEqual(['a used', 'b late', 'c wasted']);
    expect(outcomes(held)).toEqual([]);
    expect([held.isUnused('b'), held.isUnused('d')]).toEqual([false, true]);
  });

  it('take room where nobody knows whether they are there, and serve no call', () => {
    const held = holding('a', 'b');
    held.keep('a', { source: 's', isSure: false, loadedAt: 0, load: undefined });
    expect([held.size, held.byUse, held.names]).toEqual([2, ['a', 'b'], ['b']]);
    expect([held.has('a', 's'), held.has('b', 's'), held.has('b', 'other')]).toEqual([
      ...[false, true, false],
    ]);
    expect(held.snapshot()).toEqual([
      ['a', ''],
      ['b', 's'],
    ]);
  });

  it('were not loaded at a time to come when the clock goes back', () => {
    const held = new HeldAdapters();
    held.hold('a', { source: 's', isSure: true, loadedAt: 5_000, load: undefined });
    held.clockWentBack(1_000);
    expect([held.loadedAt('a'), held.loadedAt('b')]).toEqual([1_000, undefined]);
  });
});
