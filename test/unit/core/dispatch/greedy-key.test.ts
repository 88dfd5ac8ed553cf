/**
 * Fairness between API keys: whatever key A does and however its calls are answered, key B gets at
 * least half of the backend's capacity, and waits at most twice as long as it does alone plus one
 * service time. TALARIA_GREEDY_LISTS sets the number of random behaviours.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICY_NAMES } from '../../../../src/core/order/policies/registry.ts';
import { type Answer, type Behaviour, beside, SERVICE_B_MS, type Setting } from './two-keys.ts';

const LISTS = Number(process.env.TALARIA_GREEDY_LISTS ?? 500);
const ANSWERS: readonly Answer[] = [
  ...(['ok', 'busy', 'busy-long', 'cold', 'fault', 'forbidden', 'leaves'] as const),
];

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  callers: fc.constantFrom(1, 2, 5, 20, 60),
  thinkMs: fc.constantFrom(0, 1, 10, 100),
  answers: fc.array(fc.constantFrom(...ANSWERS), { minLength: 1, maxLength: 3 }),
  serviceMs: fc.array(fc.constantFrom(1, 5, 50, 100, 400, 1_500), { minLength: 1, maxLength: 3 }),
  inputTokens: fc.constantFrom(0, 1, 100_000),
  runs: fc.constantFrom('each-its-own', 'one', 'few'),
  apps: fc.constantFrom(1, 3, 1_000),
  deadlineMs: fc.constantFrom(undefined, 0.001, 100, 60_000),
});

const setting: fc.Arbitrary<Setting> = fc.record({
  seed: fc.nat(1_000_000),
  policy: fc.constantFrom(...POLICY_NAMES),
  slots: fc.constantFrom(1, 2, 4, 8),
  coldStart: fc.boolean(),
  callersB: fc.constantFrom(1, 2, 4),
});

/** B's results without A, which depend on slots, callers and cold starts only. */
const alone = new Map<string, ReturnType<typeof beside>>();

function aloneAt(at: Setting) {
  const key = `${at.slots} ${at.callersB} ${at.coldStart}`;
  let outcome = alone.get(key);
  if (!outcome) {
    outcome = beside(undefined, at);
    alone.set(key, outcome);
  }
  return outcome;
}

describe('a greedy key', () => {
  it('leaves another key half of the capacity and bounded waits', () => {
    fc.assert(
      fc.property(behaviour, setting, (a, at) => {
        const own = aloneAt(at);
        const outcome = beside(a, at);
        const longestMs = Math.max(SERVICE_B_MS, ...a.serviceMs);
        expect(outcome.refused).toBe(0);
        // B's share, less half of a call of A in each slot at both ends of the measured time.
        const edge = at.slots * (1 + longestMs / SERVICE_B_MS / 2);
        expect(outcome.answered).toBeGreaterThanOrEqual(0.5 * own.answered - edge);
        // Calls do not pre-empt, so by chance some of A's longest calls come directly one after the
        // other.
        expect(outcome.p95Ms).toBeLessThanOrEqual(1.2 * (2 * own.p95Ms + longestMs));
        expect(outcome.mostAttempts).toBeLessThanOrEqual(4);
      }),
      { numRuns: LISTS, seed: Number(process.env.TALARIA_GREEDY_SEED ?? 15) },
    );
  });
});
