/** How many slots an endpoint can actually serve, learned from reports of overload. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EffectiveSlots } from '../../../../src/core/backends/effective-slots.ts';

describe('EffectiveSlots', () => {
  it('are all of them until it says that it is overloaded', () => {
    expect(new EffectiveSlots().of(16)).toBe(16);
    expect(new EffectiveSlots().of(Infinity)).toBe(Infinity);
  });

  it('halve with what ran then, and come back by one for each round of successes', () => {
    const slots = new EffectiveSlots();
    slots.overloaded(16, 12, 0, 10);
    expect(slots.of(16)).toBe(6);
    for (let i = 0; i < 7; i += 1) slots.succeeded(16);
    expect(slots.of(16)).toBe(7);
    for (let i = 0; i < 200; i += 1) slots.succeeded(16);
    expect(slots.of(16)).toBe(16);
  });

  it('halve once for all calls that were under way together', () => {
    const slots = new EffectiveSlots();
    for (let running = 16; running > 12; running -= 1) slots.overloaded(16, running, 5, 10);
    expect(slots.of(16)).toBe(8);
    slots.overloaded(16, 8, 11, 20);
    expect(slots.of(16)).toBe(4);
  });

  it('are reduced to the calls that the engine has not put back into its own queue', () => {
    const slots = new EffectiveSlots();
    slots.queued(16, 16, 5);
    expect(slots.of(16)).toBe(11);
    slots.queued(16, 8, 0);
    expect(slots.of(16)).toBe(11);
  });

  it('are one at the least and never more than there are, whatever it says', () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('overloaded' as const), running: fc.nat(50) }),
      fc.record({ kind: fc.constant('queued' as const), running: fc.nat(50) }),
      fc.record({ kind: fc.constant('succeeded' as const), running: fc.nat(50) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(act), (n, acts) => {
        const slots = new EffectiveSlots();
        for (const { kind, running } of acts) {
          if (kind === 'overloaded') slots.overloaded(n, running, running, 30);
          else if (kind === 'queued') slots.queued(n, running, running % 7);
          else slots.succeeded(n);
          expect(slots.of(n)).toBeGreaterThanOrEqual(1);
          expect(slots.of(n)).toBeLessThanOrEqual(n);
        }
      }),
    );
  });
});
