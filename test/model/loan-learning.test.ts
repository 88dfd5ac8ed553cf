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
/** Applications; the clients of the first one may report on its runs. */
const APPS = 3;
/** Time in which the runs begin, ms: few enough run at a time that nobody waits. */
const WITHIN_MS = 3_000;

/** Calls that are sent together, and the pause of the client after the last of them has ended. */
interface Step {
  readonly calls: ReadonlyArray<CallFields & { readonly tokens: number }>;
  readonly pauseMs: number;
}

interface How {
  /** How far the clock of their isolate is ahead, ms. */
  readonly aheadMs?: number;
  /** Their clients report that they are over. */
  readonly reports?: boolean;
}

interface ScriptedRun {
  readonly app: string;
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
          app: `app${r % APPS}`,
          unit: `u${isFanOut ? first : first + c}`,
          final: isMarked && s === count - 1 && c === width - 1,
          takesMs: 20 + below(random, 120),
          ends: endOf(random()),
          tokens,
        };
      });
      return { calls, pauseMs: 30 + below(random, 200) };
    });
    return { app: `app${r % APPS}`, startsAt: below(random, WITHIN_MS), steps };
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
async function made(
  script: readonly ScriptedRun[],
  lends: boolean,
  { aheadMs = 0, reports = false }: How,
) {
  const found = { runs: [] as RecordedRun[], borrowed: 0 };
  await inLoanWorld(async (world) => {
    await world.owner.configure({ ...world.settings, lends });
    await world.pass(100);
    world.isolate(0).jump(aheadMs);
    const clients = script.map((run) => new Client(world, run, reports && run.app === 'app0'));
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
  /** It reports the end of its run, in place of a mark on the last call. */
  #reports: boolean;

  constructor(world: LoanWorld, run: ScriptedRun, reports: boolean) {
    this.#world = world;
    this.#run = run;
    this.#reports = reports;
    this.#goesOnAt = world.host.elapsed + run.startsAt;
  }

  get isDone(): boolean {
    return this.#next === this.#run.steps.length && this.#isAnswered && !this.#reports;
  }

  goOn(): void {
    const { elapsed } = this.#world.host;
    const step = this.#run.steps[this.#next];
    if (!this.#isAnswered) return;
    if (!step) return this.#report();
    const before = this.#run.steps[this.#next - 1];
    if (before && this.#sent.length > 0) {
      this.#sent = [];
      this.#goesOnAt = elapsed + before.pauseMs;
    }
    if (elapsed < this.#goesOnAt) return;
    const isolate = this.#world.isolate(0);
    const ofStep = this.#reports
      ? step.calls.map((call) => ({ ...call, final: false }))
      : step.calls;
    this.#sent = ofStep.map((fields) => this.#world.submit(isolate, fields));
    this.#next += 1;
  }

  #report(): void {
    const { calls } = this.#run.steps.at(-1) ?? { calls: [] };
    const last = calls.find(({ final }) => final);
    if (this.#reports && last?.runId !== undefined) void this.#world.owner.finish(last.runId);
    this.#reports = false;
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

async function areLearnedAlike(seed: number, how: How = {}): Promise<void> {
  const script = scriptOf(seed);
  const asked = await made(script, false, how);
  const lent = await made(script, true, how);
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
      for (const seed of [1, 2, 3]) await areLearnedAlike(seed, { aheadMs });
    },
  );

  it('are learned like others where their clients report that they are over', async () => {
    for (const seed of [1, 2, 3, 4, 5]) await areLearnedAlike(seed, { reports: true });
  });
});
