/**
 * A model-based test of the lease protocol: random sequences of what Workers, the runtime, the
 * operator and the machine can do, checked against a reference after each step.
 * `TALARIA_MODEL_STEPS` sets the number of steps and `TALARIA_MODEL_SEED` the seed. A failing
 * sequence is shrunk to the fewest steps and printed with its seed.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { inWorld } from './in-world.ts';
import type { LeaseWorld } from './lease-world.ts';
import { type Settings, WITHOUT_BACKEND, type WorkerCall } from './worker-call.ts';

const STEPS = Number(process.env.TALARIA_MODEL_STEPS ?? 20_000);
const SEED = Number(process.env.TALARIA_MODEL_SEED ?? 20_261_123);
/** The most commands of one world; below, the worlds of one seed. */
const LENGTH = 120;
const WORLDS = 100;
const MOST_CALLS = 14;

type Command = fc.AsyncCommand<object, LeaseWorld>;
/** False if the command did nothing, which does not count as a step. */
type Done = Promise<unknown> | boolean;

let steps = 0;
const taken = new Map<string, number>();

function command<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LeaseWorld, argument: T) => Done,
): fc.Arbitrary<Command> {
  return argument.map((value) => ({
    check: () => true,
    run: async (_, world) => {
      if ((await act(world, value)) === false) return;
      steps += 1;
      taken.set(name, (taken.get(name) ?? 0) + 1);
      world.check();
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

/** A command on one of the calls in these states. */
function onCall<T>(
  name: string,
  states: ReadonlyArray<WorkerCall['state']>,
  argument: fc.Arbitrary<T>,
  act: (world: LeaseWorld, call: WorkerCall, argument: T) => Done,
): fc.Arbitrary<Command> {
  return command(name, fc.tuple(fc.nat(1_000), argument), (world, [n, value]) => {
    const call = world.pick(n, states);
    return call ? act(world, call, value) : false;
  });
}

const LIVE = ['asking', 'waiting', 'running'] as const;
const nothing = fc.constant(undefined);
const a = fc.record({ a: fc.integer({ min: 1, max: 3 }) });
const b = fc.record({ b: fc.integer({ min: 1, max: 2 }) });
const both = fc.tuple(a, b).map(([first, second]) => ({ ...first, ...second }));
const settings: fc.Arbitrary<Settings> = fc.record({
  slots: fc.oneof(...[a, b, both].map((arbitrary) => ({ arbitrary, weight: 3 })), {
    arbitrary: fc.constant(WITHOUT_BACKEND),
    weight: 1,
  }),
  leaseMs: fc.constantFrom(6_000, 9_000),
  policy: fc.constantFrom('gittins', 'fcfs', 'talaria-ddl', 'vtc'),
});

const submit = command('submit', fc.nat(10_000), (world, m) => {
  if ([...world.calls.values()].filter((c) => c.state !== 'over').length >= MOST_CALLS)
    return false;
  const own = m % 5 === 0;
  return world.submit({
    app: `a${m % 3}`,
    unit: `u${m % 2}`,
    ...(own ? { final: true, sole: true } : { runId: `r${m % 7}`, final: m % 11 === 0 }),
    ...(m % 13 === 0 ? { maxWaitMs: 3_000 } : {}),
    ...(m % 9 < 3 ? { sequences: 2 + (m % 9) } : {}),
    ...(m % 17 === 0 ? { deadlineAt: world.host.wall + 500 * (m % 19) } : {}),
  });
});
const report = onCall('report', ['running'], fc.constantFrom('ok', 'failed'), (w, call, outcome) =>
  w.report(call, { outcome }),
);
const failures = fc.constantFrom({ endpointFault: true }, { busy: true }, { cold: true });
const again = onCall('again', ['running'], failures, (w, call, how) => w.again(call, how));
const pass = command('pass', fc.constantFrom(1, 15, 25, 400, 2_500, 7_000, 20_000), (w, ms) =>
  w.pass(ms),
);

const commands = [
  ...[submit, submit, submit, submit, report, report, report, again, again],
  ...[pass, pass, pass],
  onCall('break', ['running'], failures, (world, call, how) =>
    world.report(call, { outcome: 'failed', ...how }),
  ),
  onCall('askAgain', ['asking', 'waiting'], fc.boolean(), (world, call, lost) =>
    world.askAgain(call, lost),
  ),
  onCall('leave', LIVE, nothing, (world, call) => world.leave(call)),
  onCall('die', LIVE, nothing, (world, call) => world.die(call)),
  onCall('vanish', LIVE, nothing, (world, call) => {
    world.vanish(call);
    return true;
  }),
  onCall('mute', LIVE, nothing, (world, call) => world.mute(call)),
  onCall(
    'repeat',
    [...LIVE, 'over'],
    fc.constantFrom('report', 'again', 'cancel', 'renew'),
    (world, call, what) => world.repeat(call, what),
  ),
  command('finish', fc.nat(6), (world, n) => world.finish(`r${n}`)),
  command('diesWaiting', nothing, (world) => {
    world.host.diesWaiting = true;
    return true;
  }),
  command('restart', nothing, (world) => world.restart()),
  command('dyingNext', nothing, (world) => {
    world.dyingNext = true;
    return true;
  }),
  command(
    'order',
    fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('pause', 'resume', 'resume', 'wake')),
    (world, [endpoint, order]) => world.order(endpoint, order),
  ),
  command('configure', settings, (world, to) => world.configure(to)),
  command('jump', fc.constantFrom(-3_600_000, -4_000, 3_000, 30_000, 3_600_000), (world, ms) =>
    world.jump(ms),
  ),
  command(
    'failWrites',
    fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(4)),
    (world, [n, after]) => {
      world.failWrites(n, after);
      return true;
    },
  ),
];

function live(list: Iterable<Command>): Promise<void> {
  return inWorld((world) => fc.asyncModelRun(() => ({ model: {}, real: world }), list));
}

afterAll(() => {
  const each = [...taken].map(([name, n]) => `${name} ${n}`).join(', ');
  console.log(`lease protocol: ${steps} steps (${each})`);
});

describe('the lease protocol', () => {
  it(`holds over ${STEPS} steps in any order`, { timeout: 24 * 3_600_000 }, async () => {
    const worlds = fc.asyncProperty(
      fc.commands(commands, { maxCommands: LENGTH, size: 'max' }),
      live,
    );
    for (let seed = SEED; steps < STEPS; seed += 1) {
      const found = await fc.check(worlds, { seed, numRuns: WORLDS });
      const how = `again with TALARIA_MODEL_SEED=${seed} TALARIA_MODEL_STEPS=1`;
      const what = `${fc.defaultReportMessage(found)}\n${found.errorInstance}`;
      if (found.failed) throw new Error(`${how}\n${what}`, { cause: found.errorInstance });
    }
    expect(steps).toBeGreaterThanOrEqual(STEPS);
  });
});
