/**
 * A model-based test of loans: random sequences of what isolates of the Worker, the network, the
 * operator and the machine can do, with the Worker's own code against the tenant's object, checked
 * after each step. `TALARIA_LOAN_STEPS` sets the number of steps and `TALARIA_MODEL_SEED` the seed. A
 * failing sequence is shrunk to the fewest steps and printed with its seed.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { inLoanWorld } from './in-loan-world.ts';
import type { LoanCall } from './loan-isolate.ts';
import type { LoanSettings } from './loan-settings.ts';
import type { LoanWorld } from './loan-world.ts';

const STEPS = Number(process.env.TALARIA_LOAN_STEPS ?? 2_000);
/** A failing sequence is reported as it is. */
const endOnFailure = process.env.TALARIA_MODEL_UNSHRUNK === '1';
const SEED = Number(process.env.TALARIA_MODEL_SEED ?? 20_261_127);
/** Longest time for the worlds of one seed and for shrinking, ms. */
const SHRINK_MS = 120_000;
/** The most commands of one world; below, the worlds of one seed. */
const LENGTH = 60;
const WORLDS = 40;
const MOST_CALLS = 60;
/** Calls of one burst: so many within 250 ms begin a loan. */
const BURST = 14;

type Command = fc.AsyncCommand<object, LoanWorld>;
/** False if the command did nothing, which does not count as a step. */
type Done = Promise<unknown> | boolean;

let steps = 0;
let borrowed = 0;
const taken = new Map<string, number>();

function command<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): fc.Arbitrary<Command> {
  return argument.map((value) => ({
    check: () => true,
    run: async (_, world) => {
      if ((await act(world, value)) === false) return;
      steps += 1;
      taken.set(name, (taken.get(name) ?? 0) + 1);
      world.reference.check();
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

/** Something out of the ordinary, after which not all is known to the last call. */
function unrest<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): fc.Arbitrary<Command> {
  return command(name, argument, (world, value) => {
    world.reference.isCalm = false;
    return act(world, value);
  });
}

const number = fc.nat(1_000);
const takes = fc.constantFrom(3, 30, 30, 400, 3_000, 15_000);

function isFull(world: LoanWorld): boolean {
  return world.calls.filter((c) => c.state !== 'over').length >= MOST_CALLS;
}

function ofRun(n: number): { runId?: string; final?: boolean } {
  return n % 3 === 0 ? {} : { runId: `r${n % 5}`, final: n % 11 === 0 };
}

const burst = command('burst', fc.tuple(number, takes), async (world, [n, takesMs]) => {
  if (isFull(world)) return false;
  const isolate = world.isolate(n);
  for (let i = 0; i < BURST && !isolate.isDead; i += 1) {
    world.submit(isolate, { takesMs: i % 2 === 0 ? takesMs : 5, ...ofRun(n + i) });
    await world.pass(3);
  }
  return true;
});
const submit = command('submit', fc.tuple(number, takes), (world, [n, takesMs]) => {
  if (isFull(world)) return false;
  world.submit(world.isolate(n), { takesMs, ...ofRun(n) });
  return world.pass(0);
});
const plain = command(
  'plain',
  fc.tuple(number, takes, fc.nat(9)),
  async (world, [n, takesMs, count]) => {
    if (isFull(world)) return false;
    for (let i = 0; i <= count; i += 1) {
      world.submit(world.isolate(n), { takesMs, isPlain: true, ...ofRun(n + i) });
    }
    return world.pass(0);
  },
);
const onCall = (name: string, state: LoanCall['state'], act: (w: LoanWorld, c: LoanCall) => void) =>
  command(name, number, async (world, n) => {
    const call = world.pick(n, state);
    if (!call) return false;
    act(world, call);
    return world.pass(0);
  });
const pass = command('pass', fc.constantFrom(1, 5, 25, 100, 600, 2_500, 7_000), (world, ms) =>
  world.pass(ms),
);

const jump = command(
  'isolateJumps',
  fc.tuple(number, fc.constantFrom(-3_600_000, -5_000, -1_200, -300, 300, 1_200, 5_000, 3_600_000)),
  (world, [n, ms]) => {
    world.isolate(n).jump(ms);
    return true;
  },
);

const calm = [
  jump,
  ...[burst, burst, burst, submit, submit, submit, plain, plain, pass, pass, pass, pass],
  onCall('end', 'running', (_, call) => call.end?.('ok')),
  onCall('end', 'running', (_, call) => call.end?.('ok')),
  onCall('fail', 'running', (_, call) => call.end?.('failed')),
  onCall('leave', 'running', (_, call) => call.leave()),
  onCall('giveUp', 'asking', (_, call) => call.leave()),
  command('latency', fc.tuple(number, fc.constantFrom(0, 2, 30)), (world, [n, latencyMs]) => {
    world.isolate(n).link.latencyMs = latencyMs;
    return true;
  }),
];

const slots = fc.integer({ min: 1, max: 16 });
const settings: fc.Arbitrary<LoanSettings> = fc.record({
  slots: fc.oneof(
    { arbitrary: slots.map((a) => ({ a })), weight: 6 },
    { arbitrary: fc.tuple(slots, slots).map(([a, b]) => ({ a, b })), weight: 3 },
    { arbitrary: slots.map((b) => ({ b })), weight: 1 },
    { arbitrary: fc.constant({}), weight: 1 },
  ),
  leaseMs: fc.constantFrom(6_000, 9_000),
  revoked: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
});

const wild = [
  ...calm,
  onCall('again', 'running', (_, call) => call.end?.('again')),
  unrest('restart', fc.constant(0), (world) => world.restart()),
  unrest('dyingNext', fc.constant(0), (world) => {
    world.network.dyingNext = true;
    return true;
  }),
  unrest('die', fc.tuple(number, fc.boolean()), async (world, [n, told]) => {
    const call = world.pick(n, 'running');
    if (!call) return false;
    world.die(call, told);
    return true;
  }),
  unrest('dieHolder', fc.tuple(number, fc.boolean()), async (world, [n, told]) => {
    const call = world.pickHolder(n);
    if (!call) return false;
    world.die(call, told);
    return true;
  }),
  unrest('dieIsolate', fc.tuple(number, fc.boolean()), async (world, [n, told]) => {
    world.dieIsolate(world.isolate(n), told);
    return true;
  }),
  unrest('mute', number, async (world, n) => {
    const isolate = world.isolate(n);
    world.mute(isolate, !isolate.link.isMute);
    return true;
  }),
  unrest('lose', fc.tuple(number, fc.integer({ min: 1, max: 3 })), async (world, [n, count]) => {
    world.isolate(n).link.losing = count;
    return true;
  }),
  unrest('repeatTurn', number, (world, n) => world.repeatTurn(n)),
  unrest('configure', settings, (world, to) => world.configure(to)),
  unrest(
    'failWrites',
    fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(4)),
    async (world, [n, after]) => {
      world.host.failingWrites = n;
      world.host.writesBefore = after;
      return true;
    },
  ),
];

async function holds(name: string, commands: Array<fc.Arbitrary<Command>>): Promise<void> {
  const until = steps + STEPS / 2;
  const live = (list: Iterable<Command>) =>
    inLoanWorld(async (world) => {
      await fc.asyncModelRun(() => ({ model: {}, real: world }), list);
      borrowed += world.reference.borrowed;
    });
  const worlds = fc.asyncProperty(
    fc.commands(commands, { maxCommands: LENGTH, size: 'max' }),
    live,
  );
  for (let seed = SEED; steps < until; seed += 1) {
    const found = await fc.check(worlds, {
      seed,
      numRuns: WORLDS,
      endOnFailure,
      interruptAfterTimeLimit: SHRINK_MS,
    });
    const how = `${name}: again with TALARIA_MODEL_SEED=${seed} TALARIA_LOAN_STEPS=1`;
    const what = `${fc.defaultReportMessage(found)}\n${found.errorInstance}`;
    if (found.failed) throw new Error(`${how}\n${what}`, { cause: found.errorInstance });
  }
}

afterAll(() => {
  const each = [...taken].map(([name, n]) => `${name} ${n}`).join(', ');
  console.log(`loans: ${steps} steps, ${borrowed} calls on borrowed slots (${each})`);
});

describe('loans of slots', () => {
  it('count every call once and starve nobody while all goes well', async () => {
    await holds('calm', calm);
    expect(borrowed).toBeGreaterThan(0);
  });

  it('never give an endpoint more calls than slots, whatever dies, gets lost or changes', () =>
    holds('wild', wild));
});
