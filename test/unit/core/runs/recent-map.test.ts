import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairRecentMap } from '../../../../src/core/runs/fair-recent-map.ts';
import { RecentMap } from '../../../../src/core/runs/recent-map.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const steps = fc.array(
  fc.record({
    act: fc.constantFrom('set', 'set', 'set', 'delete'),
    key,
    owner: fc.constantFrom('x', 'y', 'z'),
  }),
  { maxLength: 80 },
);

describe('RecentMap', () => {
  it('holds what was set last, and gives it from the oldest on', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), (acts, limit) => {
        const map = new RecentMap<number>(limit);
        let expected: [string, number][] = [];
        for (const [i, { act, key }] of acts.entries()) {
          expected = expected.filter(([known]) => known !== key);
          if (act === 'delete') map.delete(key);
          else {
            map.set(key, i);
            expected = [...expected, [key, i] as [string, number]].slice(-limit);
          }
          expect([...map.entries()]).toEqual(expected);
          expect([...map.values()]).toEqual(expected.map(([, value]) => value));
          expect(map.size).toBe(expected.length);
          for (const [known, value] of expected) expect(map.get(known)).toBe(value);
        }
      }),
    );
  });

  it('may lose the entry that was given last while its entries are read', () => {
    const map = new RecentMap<number>(9);
    for (const name of ['a', 'b', 'c']) map.set(name, 1);
    const read: string[] = [];
    for (const [name] of map.entries()) {
      read.push(name);
      map.delete(name);
    }
    expect(read).toEqual(['a', 'b', 'c']);
    expect(map.size).toBe(0);
  });
});

describe('FairRecentMap', () => {
  it('drops the oldest entry of an owner with the most entries, and no other', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), (acts, limit) => {
        const map = new FairRecentMap<number>(limit);
        let held: { key: string; owner: string; value: number }[] = [];
        for (const [value, { act, key, owner }] of acts.entries()) {
          held = held.filter((entry) => entry.key !== key);
          if (act === 'delete') map.delete(key);
          else {
            map.set(key, value, owner);
            held.push({ key, owner, value });
          }
          const kept = held.filter((entry) => map.get(entry.key) === entry.value);
          expect(map.size).toBe(kept.length);
          expect(kept.length).toBe(Math.min(held.length, limit));
          for (const lost of held.filter((entry) => !kept.includes(entry))) {
            const counts = ['x', 'y', 'z'].map((o) => held.filter((e) => e.owner === o).length);
            const own = held.filter((entry) => entry.owner === lost.owner);
            expect(own.length).toBe(Math.max(...counts));
            expect(own[0]).toBe(lost);
          }
          held = kept;
        }
      }),
    );
  });
});
