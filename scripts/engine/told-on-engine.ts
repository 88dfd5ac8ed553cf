/**
 * Told waits on a real engine: a mix of short and long runs arrives at random for a while, at a rate
 * that its slots can just not serve for part of the time.
 */
import type { PolicyName } from '../../src/core/order/policies/registry.ts';
import { ToldWaits } from '../sim/told-waits.ts';
import { type DrivenCall, DrivenDispatcher, type EngineAddress } from './driven-dispatcher.ts';

/** Kinds of runs: one long prompt, one long answer, and a loop of calls. */
const APPLICATIONS: ReadonlyArray<readonly [app: string, calls: readonly DrivenCall[]]> = [
  ['extract', [{ unit: 'read', input: 900, output: 5 }]],
  ['write', [{ unit: 'write', input: 40, output: 250 }]],
  [
    'agent',
    [
      { unit: 'plan', input: 300, output: 60 },
      { unit: 'act', input: 400, output: 30 },
      { unit: 'answer', input: 500, output: 120 },
    ],
  ],
];
/** Runs that arrive together, and the mean of such groups in one time of a group's work. */
const GROUP = 12;
const LOAD = 0.9;
/** Share of the runs that teach the speeds and the applications before waits are compared. */
const LEARNING_SHARE = 0.25;

/** Makes `runs` runs and compares the waits that were told with those that came. */
export async function toldOnEngine(
  engine: EngineAddress,
  policy: PolicyName,
  slots: number,
  runs: number,
  random: () => number,
): Promise<ToldWaits> {
  const told = new ToldWaits();
  const backend = {
    endpoints: [{ id: 'engine', slots }],
    queueDepth: 10_000,
    maxWaitMs: 3_600_000,
    maxWaitColdMs: 3_600_000,
    whileCold: 'hold',
    speed: { inputMs: 0.1, outputMs: 25 },
    prewarm: { mode: 'off', theta: 1 },
  } as const;
  const driven = new DrivenDispatcher(
    {
      policy,
      alpha: 0.5,
      weights: {},
      runSilenceMs: 60_000,
      leaseMs: 600_000,
      backends: { llm: backend },
    },
    engine,
    (dispatcher, now, events, effects) => {
      if (made > runs * LEARNING_SHARE) told.observe(dispatcher, now, events, effects);
    },
  );
  let made = GROUP;
  const one = () => {
    const [app, calls] = APPLICATIONS[Math.floor(random() * APPLICATIONS.length)] ?? ['', []];
    // Answers of one application differ in length by a factor of up to four.
    const factor = 0.4 + 1.2 * random();
    return driven.run(
      app,
      calls.map((call) => ({ ...call, output: Math.ceil(call.output * factor) })),
    );
  };
  // What a group takes is measured by the first one.
  const startedAt = Date.now();
  await Promise.all(Array.from({ length: GROUP }, one));
  const groupMs = (Date.now() - startedAt) / LOAD;
  const all: Array<Promise<void>> = [];
  for (; made < runs; made += GROUP) {
    all.push(...Array.from({ length: GROUP }, one));
    await new Promise((resolve) => setTimeout(resolve, -Math.log(1 - random()) * groupMs));
  }
  await Promise.all(all);
  driven.stop();
  return told;
}
