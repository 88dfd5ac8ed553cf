/**
 * The schema of a tenant's limits for the bodies that its clients send: what may be in them, how fast
 * they must arrive, and how many a Worker holds. The other limits are in `schema.ts`.
 */
import * as z from 'zod/mini';
import { intWithin } from '../http/field-schemas.ts';
import { milliseconds } from './setting-kinds.ts';

const bytesPerSecond = intWithin(0, 1_000_000_000);

export const bodyLimits = {
  /** Longest body, bytes. */
  bodyBytes: z._default(intWithin(1_024, 100_000_000), 10_000_000),
  body: z.prefault(
    z.strictObject({
      /** Most levels of lists and objects within each other in a JSON body. */
      depth: z._default(intWithin(8, 10_000), 500),
      /** Most lists and objects in a JSON body. */
      parts: z._default(intWithin(100, 10_000_000), 250_000),
      /** Longest silence of a client in the middle of its body. */
      idleMs: z._default(milliseconds, 20_000),
      /** Longest time that a body takes to arrive. */
      totalMs: z._default(milliseconds, 300_000),
      /** Slowest arrival, on average, after the first `graceMs`; 0: no such limit. */
      bytesPerSecond: z._default(bytesPerSecond, 1_000),
      graceMs: z._default(milliseconds, 10_000),
    }),
    {},
  ),
  /** What one Worker holds in memory of one API key, from the first byte until it was sent on. */
  inHand: z.prefault(
    z.strictObject({
      bodies: z._default(intWithin(1, 1_000_000), 10_000),
      bytes: z._default(intWithin(1_024, 10_000_000_000), 64_000_000),
    }),
    {},
  ),
  /** Bodies of tool calls that are relayed as they arrive, so that they hold a slot meanwhile. */
  uploads: z.prefault(
    z.strictObject({
      /** Most of one API key in one Worker that wait for a slot or are relayed. */
      count: z._default(intWithin(1, 100_000), 100),
      /**
       * Slowest arrival, on average and after the first `graceMs`, until the endpoint answers; 0: no
       * such limit.
       */
      bytesPerSecond: z._default(bytesPerSecond, 16_000),
      graceMs: z._default(milliseconds, 5_000),
    }),
    {},
  ),
};
