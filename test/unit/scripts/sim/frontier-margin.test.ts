/** Frontiers are compared at the same warm time, also between two settings. */
import { describe, expect, it } from 'vitest';
import type { Frontier, FrontierPoint } from '../../../../scripts/sim/frontier.ts';
import { coldWaitAt, excessOver } from '../../../../scripts/sim/frontier-margin.ts';

const at = (warmShare: number, coldWaitShare: number): FrontierPoint => ({
  parameter: 0,
  warmShare,
  coldWaitShare,
});

describe('a frontier', () => {
  const points = [at(1.4, 0.5), at(1.2, 0.9), at(2, 0.4), at(1.6, 0.6), at(0.8, 1.5)];

  it('is the lower hull of its settings and of waking on demand', () => {
    expect(coldWaitAt(points, 1)).toBe(1);
    expect(coldWaitAt(points, 0.9)).toBeCloseTo(1.25);
    expect(coldWaitAt(points, 1.4)).toBe(0.5);
    // A mix of half on demand and half the setting at 1.4 is better than the setting at 1.2.
    expect(coldWaitAt(points, 1.2)).toBeCloseTo(0.75);
    expect(coldWaitAt(points, 1.7)).toBeCloseTo(0.45);
  });

  it('is undefined below its least warm time, and constant beyond its best setting', () => {
    expect(coldWaitAt(points, 0.7)).toBeUndefined();
    expect(coldWaitAt(points, 5)).toBe(0.4);
    expect(coldWaitAt([], 0.99)).toBeUndefined();
    expect(coldWaitAt([], 1)).toBe(1);
  });

  it('is compared with another at warm times that the other can reach', () => {
    const talaria = [at(1.2, 0.2)];
    const curves = new Map([
      ['talaria', talaria],
      ['keep-alive', points],
    ] as const);
    const frontier: Frontier = { warmMs: 1, coldWaitMs: 1, curves };
    expect(excessOver(frontier, 'keep-alive', 1.4)).toBeCloseTo(-0.3);
    expect(excessOver(frontier, 'keep-alive', 0.9)).toBe(Infinity);
    expect(excessOver(frontier, 'keep-alive', 0.5)).toBeUndefined();
    expect(excessOver(frontier, 'paper', 0.9)).toBeUndefined();
  });
});
