/**
 * The schema of a tenant's limits for the bodies that its clients send: what may be in them, how fast
 * they must arrive, and how many a Worker holds. The other limits are in `schema.ts`.
 */
import * as z from 'zod';

const milliseconds = z.int().min(1).max(86_400_000);
const bytesPerSecond = z.int().min(0).max(1_000_000_000);

export const bodyLimits = {
  /** Longest body, bytes. */
  bodyBytes: z.int().min(1_024).max(100_000_000).default(10_000_000),
  body: z
    .strictObject({
      /** Most levels of lists and objects within each other in a JSON body. */
      depth: z.int().min(8).max(10_000).default(500),
      /** Most lists and objects in a JSON body. */
      parts: z.int().min(100).max(10_000_000).default(250_000),
      /** Longest silence of a client in the middle of its body. */
      idleMs: milliseconds.default(20_000),
      /** Longest time that a body takes to arrive. */
      totalMs: milliseconds.default(300_000),
      /** Slowest arrival, on average, after the first `graceMs`; 0: no such limit. */
      bytesPerSecond: bytesPerSecond.default(1_000),
      graceMs: milliseconds.default(10_000),
    })
    .prefault({}),
  /** What one Worker holds in memory of one API key, from the first byte until it was sent on. */
  inHand: z
    .strictObject({
      bodies: z.int().min(1).max(1_000_000).default(10_000),
      bytes: z.int().min(1_024).max(10_000_000_000).default(64_000_000),
    })
    .prefault({}),
  /** Bodies of tool calls that are relayed as they arrive, so that they hold a slot meanwhile. */
  uploads: z
    .strictObject({
      /** Most of one API key in one Worker that wait for a slot or are relayed. */
      count: z.int().min(1).max(100_000).default(100),
      /**
       * Slowest arrival, on average and after the first `graceMs`, until the endpoint answers; 0: no
       * such limit.
       */
      bytesPerSecond: bytesPerSecond.default(16_000),
      graceMs: milliseconds.default(5_000),
    })
    .prefault({}),
};
