/**
 * Processor time of this thread, for measurements that another load of the machine disturbs little:
 * what others run in the meantime is not counted, nor the threads that compile and collect beside it.
 */

/** Calls of `act` between two looks at the clock, which takes some microseconds. */
const CHUNK = 32;

/**
 * Calls `act` for at least so much processor time; answers the mean of one call, us. The clock ticks
 * in milliseconds on some systems, so it is read from one tick to another.
 */
export function meanUs(act: () => unknown, leastMs: number, chunk = CHUNK): number {
  const first = processorUs();
  let from = first;
  for (; from === first; from = processorUs()) act();
  for (let calls = chunk; ; calls += chunk) {
    for (let i = 0; i < chunk; i += 1) act();
    const tookUs = processorUs() - from;
    if (tookUs >= leastMs * 1_000) return tookUs / calls;
  }
}

/** Processor time of this thread so far, us. */
function processorUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
