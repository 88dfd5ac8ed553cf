/**
 * What the owner of the tenant and its endpoints do in the model of loans while nothing gets lost: the
 * configuration changes, the tenant is deleted, and attempts fail. Loans are recalled by it at once,
 * while calls go on to come.
 */
import fc from 'fast-check';
import { type Commands, number, onCall, unrest } from './loan-command.ts';
import { burst, busy, calm } from './loan-commands.ts';
import type { AttemptEnd } from './loan-isolate.ts';
import type { LoanSettings } from './loan-settings.ts';

/** So long calls come after a change, ms. */
const BUSY_MS = 60;

const slots = fc.integer({ min: 1, max: 16 });
const settings: fc.Arbitrary<LoanSettings> = fc.record({
  slots: fc.oneof(
    { arbitrary: slots.map((a) => ({ a })), weight: 6 },
    { arbitrary: fc.tuple(slots, slots).map(([a, b]) => ({ a, b })), weight: 3 },
    { arbitrary: slots.map((b) => ({ b })), weight: 1 },
    { arbitrary: fc.constant({}), weight: 1 },
  ),
  lends: fc.integer({ min: 0, max: 5 }).map((n) => n !== 5),
  limited: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
  knownAfterMs: fc.constantFrom(0, 40, 2_500),
  leaseMs: fc.constantFrom(6_000, 9_000),
  revoked: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
  cold: fc.integer({ min: 0, max: 4 }).map((n) => n === 4),
});
/** All isolates are busy while it changes. */
const changed = unrest('configureBusy', settings, async (world, to) => {
  await busy(world, world.isolates, BUSY_MS);
  await world.owner.configure(to);
  await busy(world, world.isolates, BUSY_MS);
});
const recreated = unrest(
  'recreate',
  fc.tuple(fc.constantFrom(0, 300, 9_000), settings),
  async (world, [ms, to]) => {
    await busy(world, world.isolates, BUSY_MS);
    await world.owner.recreate(to, () => world.pass(ms));
    await busy(world, world.isolates, BUSY_MS);
  },
);
const deleted = unrest('recreateBusy', settings, async (world, to) => {
  await busy(world, world.isolates, BUSY_MS);
  await world.owner.recreate(to, () => busy(world, world.isolates, BUSY_MS));
});

/** An attempt fails while other isolates are busy, and loans of theirs are recalled. */
const failing = fc.constantFrom<AttemptEnd>('again', 'busy', 'cold');
const failed = unrest('failBusy', fc.tuple(number, failing), async (world, [n, how]) => {
  await busy(world, world.isolates, BUSY_MS);
  const call = world.pick(n, 'running');
  if (!call) return false;
  call.end?.(how);
  await busy(
    world,
    world.isolates.filter((isolate) => isolate !== call.isolate),
    BUSY_MS,
  );
  return true;
});

export const changes: Commands[] = [
  onCall('again', 'running', (_, call) => call.end?.('again')),
  onCall('busy', 'running', (_, call) => call.end?.('busy')),
  onCall('busy', 'running', (_, call) => call.end?.('busy')),
  onCall('cold', 'running', (_, call) => call.end?.('cold')),
  unrest('configure', settings, (world, to) => world.owner.configure(to)),
  recreated,
];

/** All that takes slots away, where every message arrives. */
export const owned: Commands[] = [
  ...[...calm, burst, burst, burst, burst],
  ...[...changes, changed, changed, deleted, failed, failed, failed],
];
