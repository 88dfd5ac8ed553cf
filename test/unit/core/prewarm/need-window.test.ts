/** The runs that a forecast has to look at, against a plain list. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NeedWindow, SERVED } from '../../../../src/core/prewarm/need-window.ts';

interface Row {
  place: number;
  first: number;
  last: number;
}

function found(window: NeedWindow, now: number, withinMs: number, waitsMs: number[]): number[] {
  const indices: number[] = [];
  for (let i = window.next(0, now, withinMs, waitsMs); i < window.size; ) {
    indices.push(i);
    i = window.next(i + 1, now, withinMs, waitsMs);
  }
  return indices;
}

interface Step {
  readonly act: string;
  readonly at: number;
  readonly place: number;
  readonly first: number;
  readonly span: number;
}

/** Applies a step to the window and to the list. */
function apply({ act, at, place, first, span }: Step, window: NeedWindow, rows: Row[]): void {
  const index = rows.length > 0 ? at % rows.length : 0;
  const row = rows[index];
  if (act === 'add') {
    expect(window.add()).toBe(rows.length);
    rows.push({ place: SERVED, first: Infinity, last: -Infinity });
  } else if (row && act === 'set') {
    Object.assign(row, { place, first, last: first + span });
    window.set(index, place, first, first + span);
  } else if (row) {
    window.remove(index);
    const moved = rows.pop();
    if (moved && moved !== row) rows[index] = moved;
  }
}

describe('NeedWindow', () => {
  const step = fc.record({
    act: fc.constantFrom('add', 'add', 'set', 'remove'),
    at: fc.nat({ max: 300 }),
    place: fc.integer({ min: 0, max: 2 }),
    first: fc.integer({ min: -50, max: 50 }),
    span: fc.nat({ max: 30 }),
  });

  it('finds the runs that may need the backend within the horizon, or are late by no more', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: -60, max: 60 }),
        fc.nat({ max: 40 }),
        (steps, now, withinMs) => {
          const window = new NeedWindow();
          const rows: Row[] = [];
          for (const step of steps) apply(step, window, rows);
          expect(window.size).toBe(rows.length);
          const waitsMs = [0, 5, 20];
          const expected = rows.flatMap(({ place, first, last }, i) => {
            const start = place === SERVED ? now : -(waitsMs[place] ?? 0);
            return first <= start + withinMs && last >= start - withinMs ? [i] : [];
          });
          expect(found(window, now, withinMs, waitsMs)).toEqual(expected);
        },
      ),
    );
  });
});
