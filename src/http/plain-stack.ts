/**
 * Errors of streams that must not keep what they came from.
 *
 * V8 keeps, until the stack of an error is read, the receivers of all methods that wait for it. The
 * platform keeps the error with the stream that failed, out of the collector's reach. So a stream that
 * fails while a method waits for it, whose object leads to the stream, stays in memory for ever, with all
 * of its call: 20 kB for each client that left in the middle of an answer, before this was done.
 */

/** Reads the error's stack, and so has it forget the objects in it. */
export function forgetReceivers(error: unknown): void {
  if (error instanceof Error) void error.stack;
}

/** The same for the rejection of a promise, which stays rejected. */
export function rejectedPlainly(error: unknown): never {
  forgetReceivers(error);
  throw error;
}
