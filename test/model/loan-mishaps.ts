/** Whatever goes wrong in the model of loans: messages, requests, isolates, the object and its storage. */
import fc from 'fast-check';
import { changes } from './loan-changes.ts';
import { accident, type Commands, loss, number, unrest } from './loan-command.ts';
import { burst, busy, calm } from './loan-commands.ts';

/** A turn is under way within so long where there is a loan, ms. */
const LONGEST_TURN_MS = 600;

/** So long calls come before and after all is written, ms. */
const WRITTEN_MS = 30;

const nothing = fc.constant(0);
const told = fc.tuple(number, fc.boolean());

/** Whatever fails, dies, gets lost or changes. */
export const wild: Commands[] = [
  // Few things at a time, so that calls borrow meanwhile.
  ...[...calm, ...calm, burst, burst, burst, burst],
  ...changes,
  accident('jump', fc.constantFrom(-3_600_000, -4_000, 3_000, 30_000, 3_600_000), (world, ms) =>
    world.accidents.jump(ms),
  ),
  unrest('slow', fc.tuple(number, fc.constantFrom(300, 1_500)), (world, [n, latencyMs]) => {
    world.isolate(n).lag(latencyMs);
    return true;
  }),
  accident('straggle', fc.tuple(number, fc.constantFrom(50, 900, 4_000)), (world, [n, ms]) => {
    world.isolate(n).link.straggleMs = ms;
    return true;
  }),
  accident('repeatTurn', number, (world, n) => world.accidents.repeatTurn(n)),
  accident('die', told, async (world, [n, isTold]) => {
    const call = world.pick(n, 'running');
    if (!call) return false;
    world.accidents.die(call, isTold);
    return true;
  }),
  accident('dieHolder', told, async (world, [n, isTold]) => {
    const call = world.pickHolder(n);
    if (!call) return false;
    world.accidents.die(call, isTold);
    return true;
  }),
  accident('dieIsolate', told, async (world, [n, isTold]) => {
    world.accidents.dieIsolate(world.isolate(n), isTold);
    return true;
  }),
  accident('dieTelling', told, async (world, [n, isTold]) => {
    for (let ms = 0; ms < LONGEST_TURN_MS && world.network.underWay === 0; ms += 1) {
      await world.pass(1);
    }
    if (world.network.underWay === 0) return false;
    world.accidents.dieIsolate(world.isolate(n), isTold);
    return true;
  }),
  loss('restart', nothing, (world) => world.accidents.restart()),
  loss('restartWritten', number, async (world, n) => {
    const isolate = world.isolate(n);
    await busy(world, [isolate], WRITTEN_MS);
    void world.owner.write();
    await busy(world, [isolate], WRITTEN_MS);
    await world.accidents.restart();
  }),
  loss('dyingNext', nothing, (world) => {
    world.network.dyingNext = true;
    return true;
  }),
  loss('mute', number, async (world, n) => {
    const isolate = world.isolate(n);
    world.accidents.mute(isolate, !isolate.link.isMute);
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
