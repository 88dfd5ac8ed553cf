/**
 * What is learned of runs is the same whether their calls borrow slots or not. The same runs are made
 * twice, by the Worker's own code against the tenant's object: agents that call one unit after the other,
 * several at a time or several calls of one, with failures, and clients that leave.
 */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/learning/random.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { inLoanWorld } from './in-loan-world.ts';
import type { AttemptEnd, CallFields, LoanCall } from './loan-isolate.ts';
import type { LoanWorld } from './loan-world.ts';

/** Requests take so long each way: calls that borrow do not wait for that. */
const ROUND_TRIP_MS = 4;
const RUNS = 24;
/** Time in which the runs begin, ms: few enough run at a time that nobody waits. */
const WITHIN_MS = 3_000;

/** Calls that are sent together, and the pause of the client after the last of them has ended. */
interface Step {
  readonly calls: ReadonlyArray<CallFields & { readonly tokens: number }>;
  readonly pauseMs: number;
}

interface ScriptedRun {
  readonly startsAt: number;
  readonly steps: readonly Step[];
}

function scriptOf(seed: number): ScriptedRun[] {
  const random = seededRandom(seed);
  let tokens = 0;
  return Array.from({ length: RUNS }, (_, r) => {
    const count = 1 + below(random, 5);
    const isMarked = random() < 0.7;
    const steps = Array.from({ length: count }, (_, s) => {
      const width = random() < 0.5 ? 1 : 1 + below(random, 3);
      const isFanOut = random() < 0.5;
      const first = below(random, 3);
      const calls = Array.from({ length: width }, (_, c) => {
        tokens += 1;
        return {
          runId: `r${r}`,
          unit: `u${isFanOut ? first : first + c}`,
          final: isMarked && s === count - 1 && c === width - 1,
          takesMs: 20 + below(random, 120),
          ends: endOf(random()),
          tokens,
        };
      });
      return { calls, pauseMs: 30 + below(random, 200) };
    });
    return { startsAt: below(random, WITHIN_MS), steps };
  });
}

function endOf(random: number): AttemptEnd {
  if (random < 0.1) return 'failed';
  return random < 0.15 ? 'left' : 'ok';
}

function below(random: Random, n: number): number {
  return Math.floor(random() * n);
}

/** Makes the runs; returns what was recorded of them, by name, and how many calls borrowed. */
async function made(script: readonly ScriptedRun[], lends: boolean, aheadMs = 0) {
  const found = { runs: [] as RecordedRun[], borrowed: 0 };
  await inLoanWorld(async (world) => {
    await world.owner.configure({ ...world.settings, lends });
    await world.pass(100);
    world.isolate(0).jump(aheadMs);
    const clients = script.map((run) => new Client(world, run, world.host.elapsed));
    while (clients.some((client) => !client.isDone)) {
      for (const client of clients) client.goOn();
      await world.pass(1);
    }
    // Runs of which no call was marked as the last end by their silence.
    for (let i = 0; i < 40; i += 1) await world.pass(1_000);
    const rows = world.host.rows('SELECT record FROM recorded');
    found.runs = rows.map(({ record }) => JSON.parse(String(record)));
    found.borrowed = world.reference.borrowed;
  });
  return found;
}

/** Sends the calls of one run. */
class Client {
  readonly #world: LoanWorld;
  readonly #run: ScriptedRun;
  #next = 0;
  #goesOnAt: number;
  #sent: LoanCall[] = [];

  constructor(world: LoanWorld, run: ScriptedRun, now: number) {
    this.#world = world;
    this.#run = run;
    this.#goesOnAt = now + run.startsAt;
  }

  get isDone(): boolean {
    return this.#next === this.#run.steps.length && this.#isAnswered;
  }

  goOn(): void {
    const { elapsed } = this.#world.host;
    const step = this.#run.steps[this.#next];
    if (!step || !this.#isAnswered) return;
    const before = this.#run.steps[this.#next - 1];
    if (before && this.#sent.length > 0) {
      this.#sent = [];
      this.#goesOnAt = elapsed + before.pauseMs;
    }
    if (elapsed < this.#goesOnAt) return;
    const isolate = this.#world.isolate(0);
    this.#sent = step.calls.map((fields) => this.#world.submit(isolate, fields));
    this.#next += 1;
  }

  get #isAnswered(): boolean {
    return this.#sent.every(({ state }) => state === 'over');
  }
}

/** A run without its times. */
function shapeOf({ run, app, units }: RecordedRun) {
  const visits = units.map(({ unit, backend, calls }) => ({
    unit,
    backend,
    // Those of a fan-out are in the order in which they ended.
    calls: calls.map((call) => JSON.stringify(call)).sort(),
  }));
  return { run, app, visits };
}

const byName = (a: RecordedRun, b: RecordedRun) => a.run.localeCompare(b.run);

async function areLearnedAlike(seed: number, aheadMs = 0): Promise<void> {
  const script = scriptOf(seed);
  const asked = await made(script, false, aheadMs);
  const lent = await made(script, true, aheadMs);
  expect(asked.borrowed).toBe(0);
  expect(lent.borrowed).toBeGreaterThan(0);
  const [a, b] = [asked.runs.sort(byName), lent.runs.sort(byName)];
  expect(b.map(shapeOf)).toEqual(a.map(shapeOf));
  expect(b.map((run) => run.arrival_ms)).toEqual(a.map((run) => run.arrival_ms));
  for (const [i, run] of a.entries()) {
    for (const [v, { gap_ms: gapMs = 0 }] of run.units.entries()) {
      const other = b[i]?.units[v]?.gap_ms ?? 0;
      const where = `the pause after visit ${v} of ${run.run}: ${gapMs} and ${other}`;
      expect(Math.abs(other - gapMs), where).toBeLessThanOrEqual(2 * ROUND_TRIP_MS);
    }
  }
}

describe('runs whose calls borrow slots', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('are learned like others: seed %i', (seed) =>
    areLearnedAlike(seed),
  );

  it.each([-3_000, -400, 400, 3_000])(
    'are learned like others where the clock of their isolate is %i ms ahead',
    async (aheadMs) => {
      for (const seed of [1, 2, 3]) await areLearnedAlike(seed, aheadMs);
    },
  );
});
