/** The kinds of commands in the model of loans, by what they may disturb, and how often each was taken. */
import fc from 'fast-check';
import type { LoanCall } from './loan-isolate.ts';
import type { LoanWorld } from './loan-world.ts';

export type Command = fc.AsyncCommand<object, LoanWorld>;
export type Commands = fc.Arbitrary<Command>;
/** False if the command did nothing, which does not count as a step. */
type Done = Promise<unknown> | boolean;

const MOST_CALLS = 60;

export const taken = new Map<string, number>();

export function command<T>(
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
export function unrest<T>(
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

/** The same, after which messages may be late, or nobody be there who takes them. */
export function accident<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): Commands {
  return unrest(name, argument, (world, value) => {
    world.reference.recalls.isPunctual = false;
    return act(world, value);
  });
}

/** The same, after which not all is known to the last call. */
export function loss<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  act: (world: LoanWorld, argument: T) => Done,
): Commands {
  return accident(name, argument, (world, value) => {
    world.reference.counts.isExact = false;
    return act(world, value);
  });
}

export const number = fc.nat(1_000);

/** Something that happens to one of the calls in this state. */
export const onCall = (
  name: string,
  state: LoanCall['state'],
  act: (w: LoanWorld, c: LoanCall) => void,
) =>
  command(name, number, async (world, n) => {
    const call = world.pick(n, state);
    if (!call) return false;
    act(world, call);
    return world.pass(0);
  });

/** True where no more calls are to come. */
export function isFull(world: LoanWorld): boolean {
  return world.calls.filter((c) => c.state !== 'over').length >= MOST_CALLS;
}
