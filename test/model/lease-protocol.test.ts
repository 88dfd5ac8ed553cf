/**
 * The lease protocol against a reference, in any order of what Workers, the runtime, the operator
 * and the machine can do. `TALARIA_MODEL_STEPS` runs longer, `TALARIA_MODEL_SEED` another way; what
 * fails is shrunk to the fewest steps, which are printed.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { LeaseWorld, type Settings, type WorkerCall } from './lease-world.ts';

const STEPS = Number(process.env.TALARIA_MODEL_STEPS ?? 100_000);
const SEED = Number(process.env.TALARIA_MODEL_SEED ?? 20_261_123);
/** Commands of one world. */
const LENGTH = 120;

/** Numbers of calls that live beside each other; each number is used again when its call is over. */
const number = fc.nat(11);
let steps = 0;
const taken = new Map<string, number>();

/** The reference's own count: which generation of each number is the present one. */
interface Reference {
  readonly generation: Map<number, number>;
}

type Command = fc.AsyncCommand<Reference, LeaseWorld>;

function command<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LeaseWorld, argument: T, reference: Reference) => Promise<unknown> | undefined,
): fc.Arbitrary<Command> {
  return argument.map((value) => ({
    check: () => true,
    run: async (reference, world) => {
      if (OFF.includes(name)) return;
      steps += 1;
      taken.set(name, (taken.get(name) ?? 0) + 1);
      await act(world, value, reference);
      world.check();
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

/** A command on the present call of a number; nothing where there is none. */
function onCall<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LeaseWorld, call: WorkerCall, argument: T) => Promise<unknown> | undefined,
): fc.Arbitrary<Command> {
  return command(name, fc.tuple(number, argument), (world, [n, value], { generation }) => {
    const call = world.calls.get(`c${n}.${generation.get(n) ?? 0}`);
    return call && act(world, call, value);
  });
}

const nothing = fc.constant(undefined);
const settings: fc.Arbitrary<Settings> = fc.record({
  slots: fc.oneof(
    fc.record({ a: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ b: fc.integer({ min: 1, max: 2 }) }),
    fc.record({ a: fc.integer({ min: 1, max: 3 }), b: fc.integer({ min: 1, max: 2 }) }),
  ),
  leaseMs: fc.constantFrom(6_000, 9_000),
  policy: fc.constantFrom('gittins', 'fcfs', 'talaria-ddl', 'vtc'),
});

const submit = command('submit', fc.tuple(number, fc.nat(100)), (world, [n, m], reference) => {
  const last = reference.generation.get(n) ?? 0;
  const present = world.calls.get(`c${n}.${last}`);
  if (present && present.state !== 'over') return undefined;
  reference.generation.set(n, last + 1);
  const own = m % 5 === 0;
  return world.submit(`c${n}.${last + 1}`, {
    app: `a${m % 3}`,
    unit: `u${m % 2}`,
    ...(own ? { final: true, sole: true } : { runId: `r${m % 7}`, final: m % 11 === 0 }),
    ...(m % 13 === 0 ? { maxWaitMs: 3_000 } : {}),
  });
});

const report = onCall('report', fc.constantFrom('ok', 'failed', 'fault'), (world, call, how) =>
  world.report(call, how === 'ok' ? {} : { outcome: 'failed', endpointFault: how === 'fault' }),
);
const pass = command('pass', fc.constantFrom(1, 15, 25, 400, 2_500, 7_000, 20_000), (w, ms) =>
  w.pass(ms),
);

const OFF = (process.env.OFF ?? '').split(',');
const commands = [
  submit,
  submit,
  submit,
  report,
  report,
  pass,
  pass,
  onCall('askAgain', fc.boolean(), (world, call, lost) => world.askAgain(call, lost)),
  onCall('leave', nothing, (world, call) => world.leave(call)),
  onCall('die', nothing, (world, call) => world.die(call)),
  onCall('vanish', nothing, async (world, call) => world.vanish(call)),
  onCall('mute', fc.boolean(), async (world, call, mute) => world.mute(call, mute)),
  onCall('repeat', fc.constantFrom('report', 'cancel', 'renew'), (world, call, what) =>
    world.repeat(call, what),
  ),
  command('finish', fc.nat(6), (world, n) => world.finish(`r${n}`)),
  command('restart', nothing, (world) => world.restart()),
  command('dyingNext', nothing, async (world) => {
    world.dyingNext = true;
  }),
  command('configure', settings, (world, to) => world.configure(to)),
  command('jump', fc.constantFrom(-3_600_000, -4_000, 3_000, 30_000, 3_600_000), async (w, ms) =>
    w.jump(ms),
  ),
  command('failWrites', fc.integer({ min: 1, max: 6 }), async (world, n) => world.failWrites(n)),
];

afterAll(() => {
  const each = [...taken].map(([name, n]) => `${name} ${n}`).join(', ');
  console.log(`lease protocol: ${steps} steps (${each})`);
});

describe('the lease protocol', () => {
  it(`holds over ${STEPS} steps in any order`, { timeout: 24 * 3_600_000 }, async () => {
    const real = { now: Date.now, setTimeout: globalThis.setTimeout };
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const world = fc.commands(commands, { maxCommands: LENGTH, size: 'max' });
    let round = 0;
    try {
      while (steps < STEPS) {
        await fc.assert(
          fc.asyncProperty(world, async (list) => {
            const lease = new LeaseWorld();
            Date.now = () => lease.host.wall;
            globalThis.setTimeout = lease.host.setTimeout as unknown as typeof setTimeout;
            try {
              await lease.configure(lease.settings);
              await fc.asyncModelRun(
                () => ({ model: { generation: new Map<number, number>() }, real: lease }),
                list,
              );
              await lease.rest();
            } finally {
              lease.host.close();
              Date.now = real.now;
              globalThis.setTimeout = real.setTimeout;
            }
          }),
          { seed: SEED + round, numRuns: 200 },
        );
        round += 1;
      }
    } finally {
      vi.restoreAllMocks();
    }
    expect(steps).toBeGreaterThanOrEqual(STEPS);
  });
});
