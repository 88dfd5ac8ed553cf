/** What can happen in the model of loans: commands of the random sequences, and how often each was taken. */
import fc from 'fast-check';
import type { LoanCall } from './loan-isolate.ts';
import type { LoanSettings } from './loan-settings.ts';
import type { LoanWorld } from './loan-world.ts';

export type Command = fc.AsyncCommand<object, LoanWorld>;
type Commands = fc.Arbitrary<Command>;
/** False if the command did nothing, which does not count as a step. */
type Done = Promise<unknown> | boolean;

const MOST_CALLS = 60;
/** Calls of one burst: so many within 250 ms begin a loan. */
const BURST = 14;
/** A turn is under way within so long where there is a loan, ms. */
const LONGEST_TURN_MS = 600;

export const taken = new Map<string, number>();

function command<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): Commands {
  return argument.map((value) => ({
    check: () => true,
    run: async (_, world) => {
      if ((await act(world, value)) === false) return;
      taken.set(name, (taken.get(name) ?? 0) + 1);
      world.reference.check();
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

/** Something after which calls may wait beside a free slot, and not every isolate can be heard of. */
function unrest<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): Commands {
  return command(name, argument, (world, value) => {
    world.reference.isCalm = false;
    world.reference.counts.isWhole = false;
    return act(world, value);
  });
}

/** The same, after which not all is known to the last call. */
function loss<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): Commands {
  return unrest(name, argument, (world, value) => {
    world.reference.counts.isExact = false;
    return act(world, value);
  });
}

const number = fc.nat(1_000);
const nothing = fc.constant(0);
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
const pause = command(
  'pause',
  fc.tuple(fc.constantFrom('a', 'a', 'b'), fc.constantFrom(false, false, true)),
  (world, to) => world.owner.pause(...to),
);

/** All of them may happen, and every call is seen, counted and served. */
export const calm: Commands[] = [
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
  command(
    'isolateJumps',
    fc.tuple(
      number,
      fc.constantFrom(-3_600_000, -5_000, -1_200, -300, 300, 1_200, 5_000, 3_600_000),
    ),
    (world, [n, ms]) => {
      world.isolate(n).jump(ms);
      return true;
    },
  ),
  pause,
  command('look', nothing, (world) => {
    void world.owner.look();
    return world.pass(0);
  }),
  command('finish', fc.nat(4), (world, n) => {
    void world.owner.finish(`r${n}`);
    return world.pass(0);
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
  revoked: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
  cold: fc.integer({ min: 0, max: 4 }).map((n) => n === 4),
});
const told = fc.tuple(number, fc.boolean());

/** Whatever fails, dies, gets lost or changes. */
export const wild: Commands[] = [
  // Few things at a time, so that calls borrow meanwhile.
  ...[...calm, ...calm, burst, burst, burst, burst],
  onCall('again', 'running', (_, call) => call.end?.('again')),
  onCall('busy', 'running', (_, call) => call.end?.('busy')),
  onCall('busy', 'running', (_, call) => call.end?.('busy')),
  onCall('cold', 'running', (_, call) => call.end?.('cold')),
  unrest('jump', fc.constantFrom(-3_600_000, -4_000, 3_000, 30_000, 3_600_000), (world, ms) =>
    world.jump(ms),
  ),
  unrest('slow', fc.tuple(number, fc.constantFrom(300, 1_500)), (world, [n, latencyMs]) => {
    world.isolate(n).link.latencyMs = latencyMs;
    return true;
  }),
  unrest('straggle', fc.tuple(number, fc.constantFrom(50, 900, 4_000)), (world, [n, ms]) => {
    world.isolate(n).link.straggleMs = ms;
    return true;
  }),
  unrest('repeatTurn', number, (world, n) => world.repeatTurn(n)),
  unrest('configure', settings, (world, to) => world.owner.configure(to)),
  unrest('recreate', fc.tuple(fc.constantFrom(0, 300, 9_000), settings), (world, [ms, to]) =>
    world.owner.recreate(ms, to),
  ),
  unrest('die', told, async (world, [n, isTold]) => {
    const call = world.pick(n, 'running');
    if (!call) return false;
    world.die(call, isTold);
    return true;
  }),
  unrest('dieHolder', told, async (world, [n, isTold]) => {
    const call = world.pickHolder(n);
    if (!call) return false;
    world.die(call, isTold);
    return true;
  }),
  unrest('dieIsolate', told, async (world, [n, isTold]) => {
    world.dieIsolate(world.isolate(n), isTold);
    return true;
  }),
  unrest('dieTelling', told, async (world, [n, isTold]) => {
    for (let ms = 0; ms < LONGEST_TURN_MS && world.network.underWay === 0; ms += 1) {
      await world.pass(1);
    }
    if (world.network.underWay === 0) return false;
    world.dieIsolate(world.isolate(n), isTold);
    return true;
  }),
  loss('restart', nothing, (world) => world.restart()),
  loss('dyingNext', nothing, (world) => {
    world.network.dyingNext = true;
    return true;
  }),
  loss('mute', number, async (world, n) => {
    const isolate = world.isolate(n);
    world.mute(isolate, !isolate.link.isMute);
    return true;
  }),
  loss('lose', fc.tuple(number, fc.integer({ min: 1, max: 3 })), async (world, [n, count]) => {
    world.isolate(n).link.losing = count;
    return true;
  }),
  loss('failWrites', fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(4)), (world, [n, after]) => {
    world.host.failingWrites = n;
    world.host.writesBefore = after;
    return true;
  }),
];
