/**
 * How many calls wait inside an engine that is sent more than it has slots for, by the times that it
 * tells: what a call took beyond the engine's own prefill and decoding, it waited there. Engines that
 * report their queue need no such guess.
 */
import type { CallResult } from '../runs/call-result.ts';

/** A shorter wait may be the network's. */
const LEAST_WAIT_MS = 500;
/** So may a wait that is a smaller share of the call. */
const LEAST_SHARE = 0.2;

/**
 * Of `running` calls, those that wait there; undefined where the call does not tell. In a stream only
 * the time to the first byte counts: the rest also depends on how fast the client reads.
 */
export function queuedInEngine(result: CallResult, running: number): number | undefined {
  const { outcome, serviceMs, firstByteMs, prefillMs, decodeMs } = result;
  if (outcome !== 'ok' || prefillMs === undefined || decodeMs === undefined) return undefined;
  const waitedMs =
    firstByteMs === undefined ? serviceMs - prefillMs - decodeMs : firstByteMs - prefillMs;
  const share = waitedMs / (waitedMs + prefillMs + decodeMs);
  if (running < 2 || waitedMs < LEAST_WAIT_MS || share < LEAST_SHARE) return 0;
  // By Little's law, the share of time that a call waits is the share of calls that wait.
  return Math.min(running - 1, Math.round(running * share));
}
