/**
 * What happens in the model of loans while all goes well: calls come, end and are given up, clocks of
 * isolates differ, and somebody looks.
 */
import fc from 'fast-check';
import { type Commands, command, isFull, number, onCall } from './loan-command.ts';
import type { LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { LoanWorld } from './loan-world.ts';

/** Calls of one burst: so many within 250 ms begin a loan. */
const BURST = 14;
/** A turn is under way within so long where there is a loan, ms. */
const LONGEST_TURN_MS = 600;

/** Time between two calls of busy isolates, ms. */
const BUSY_EACH_MS = 3;

const nothing = fc.constant(0);
const takes = fc.constantFrom(3, 30, 30, 400, 3_000, 15_000);

/** Short calls come to these isolates all the time. */
export async function busy(
  world: LoanWorld,
  isolates: readonly ModelIsolate[],
  ms: number,
): Promise<void> {
  const until = world.host.elapsed + ms;
  while (world.host.elapsed < until) {
    for (const isolate of isolates) {
      if (!isFull(world) && !isolate.isDead) world.submit(isolate, { takesMs: 5 });
    }
    await world.pass(BUSY_EACH_MS);
  }
}

function ofRun(n: number): { runId?: string; final?: boolean } {
  return n % 3 === 0 ? {} : { runId: `r${n % 5}`, final: n % 11 === 0 };
}

export const burst = command('burst', fc.tuple(number, takes), async (world, [n, takesMs]) => {
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
const pass = command('pass', fc.constantFrom(1, 5, 25, 100, 600, 2_500, 7_000), (world, ms) =>
  world.pass(ms),
);
const pause = command(
  'pause',
  fc.tuple(fc.constantFrom('a', 'a', 'b'), fc.constantFrom(false, false, true)),
  (world, to) => world.owner.pause(...to),
);

/** Somebody looks at a call that has ended while an older turn is on its way. */
async function lookTelling(world: LoanWorld, n: number): Promise<boolean> {
  const isolate = world.isolate(n);
  const isBorrowed = ({ loan }: LoanCall) => loan && !loan.isReturned;
  for (let ms = 0; ms < LONGEST_TURN_MS && world.network.underWay === 0; ms += 1) {
    await world.pass(1);
  }
  const running = world.calls.filter((c) => c.state === 'running' && isBorrowed(c));
  const call = running.find((c) => c.isolate === isolate) ?? running[0];
  if (world.network.underWay === 0 || !call) return false;
  call.end?.('ok');
  await world.pass(0);
  void world.owner.look();
  await world.pass(0);
  return true;
}

/** All of them may happen, and every call is seen, counted and served. */
export const calm: Commands[] = [
  ...[burst, burst, burst, submit, submit, submit, plain, plain, pass, pass, pass, pass],
  onCall('end', 'running', (_, call) => call.end?.('ok')),
  onCall('end', 'running', (_, call) => call.end?.('ok')),
  onCall('fail', 'running', (_, call) => call.end?.('failed')),
  onCall('leave', 'running', (_, call) => call.leave()),
  onCall('giveUp', 'asking', (_, call) => call.leave()),
  command('latency', fc.tuple(number, fc.constantFrom(0, 2, 10, 30)), (world, [n, latencyMs]) => {
    world.isolate(n).lag(latencyMs);
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
  command('lookTelling', number, lookTelling),
  command('finish', fc.nat(4), (world, n) => {
    void world.owner.finish(`r${n}`);
    return world.pass(0);
  }),
];
