/**
 * A model-based test of loans: random sequences of what isolates of the Worker, the network, the
 * operator and the machine can do, with the Worker's own code against the tenant's object, checked
 * after each step. `TALARIA_LOAN_STEPS` sets the number of steps and `TALARIA_MODEL_SEED` the seed. A
 * failing sequence is shrunk to the fewest steps and printed with its seed.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { inLoanWorld } from './in-loan-world.ts';
import { owned } from './loan-changes.ts';
import { type Command, taken } from './loan-command.ts';
import { calm } from './loan-commands.ts';
import { wild } from './loan-mishaps.ts';

const STEPS = Number(process.env.TALARIA_LOAN_STEPS ?? 2_000);
/** A failing sequence is reported as it is. */
const endOnFailure = process.env.TALARIA_MODEL_UNSHRUNK === '1';
const SEED = Number(process.env.TALARIA_MODEL_SEED ?? 20_261_127);
/** Longest time for shrinking, ms. */
const SHRINK_MS = 120_000;
const LONGEST_MS = 24 * 3_600_000;
/** The most commands of one world; below, the worlds of one seed. */
const LENGTH = 60;
const WORLDS = 40;

let borrowed = 0;
const steps = () => [...taken.values()].reduce((sum, n) => sum + n, 0);

async function holds(name: string, commands: ReadonlyArray<fc.Arbitrary<Command>>): Promise<void> {
  const until = steps() + STEPS / 2;
  let shrinksUntil = Infinity;
  const live = async (list: Iterable<Command>) => {
    // A world is never left half-way: it would go on beside the next one, with the same clock.
    if (performance.now() > shrinksUntil) return;
    try {
      await inLoanWorld(async (world) => {
        await fc.asyncModelRun(() => ({ model: {}, real: world }), list);
        borrowed += world.reference.borrowed;
      });
    } catch (error) {
      shrinksUntil = Math.min(shrinksUntil, performance.now() + SHRINK_MS);
      throw error;
    }
  };
  const worlds = fc.asyncProperty(
    fc.commands([...commands], { maxCommands: LENGTH, size: 'max' }),
    live,
  );
  for (let seed = SEED; steps() < until; seed += 1) {
    const found = await fc.check(worlds, {
      seed,
      numRuns: WORLDS,
      endOnFailure,
    });
    const how = `${name}: again with TALARIA_MODEL_SEED=${seed} TALARIA_LOAN_STEPS=1`;
    const what = `${fc.defaultReportMessage(found)}\n${found.errorInstance}`;
    if (found.failed) throw new Error(`${how}\n${what}`, { cause: found.errorInstance });
  }
}

afterAll(() => {
  const each = [...taken].map(([name, n]) => `${name} ${n}`).join(', ');
  console.log(`loans: ${steps()} steps, ${borrowed} calls on borrowed slots (${each})`);
});

describe('loans of slots', { timeout: LONGEST_MS }, () => {
  it('count every call once and starve nobody while all goes well', async () => {
    await holds('calm', calm);
    expect(borrowed).toBeGreaterThan(0);
  });

  it('are recalled at once where the owner or an endpoint takes slots away', () =>
    holds('owned', owned));

  it('never give an endpoint more calls than slots, whatever dies, gets lost or changes', () =>
    holds('wild', wild));
});
