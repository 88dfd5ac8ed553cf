/**
 * One read of a prefix at an endpoint: how long it may take, and which calls it is for. When reads begin
 * and end is in prefix-reads.ts.
 */
import type { LiveCall } from '../runs/live-run.ts';
import type { KeptPrefix } from '../runs/prefix.ts';
import type { PrefixRead } from './prefix-events.ts';

/** A read is given up after so many times its expected time, and this in addition, ms. */
const PATIENCE = 4;
const LEAST_PATIENCE_MS = 10_000;
const LONGEST_PATIENCE_MS = 120_000;
/** The same while a call waits that begins with the prefix. */
const PATIENCE_OF_CALLS = 2;
const GRACE_MS = 1_000;

export interface Reading extends PrefixRead {
  /** As `at`, but never later than now when the clock goes back. */
  startedAt: number;
  readonly expectedMs: number;
  readonly patienceMs: number;
  isBooked: boolean;
  /** When the endpoint had read it, epoch ms; undefined until then. */
  endedAt?: number;
}

/** A read that begins now and is expected to take so long, ms. */
export function readingOf(
  chosen: Omit<PrefixRead, 'at'>,
  expectedMs: number,
  now: number,
): Reading {
  const patienceMs = Math.min(LONGEST_PATIENCE_MS, LEAST_PATIENCE_MS + PATIENCE * expectedMs);
  return { ...chosen, at: now, startedAt: now, expectedMs, patienceMs, isBooked: false };
}

/** When a read is given up, epoch ms. */
export function endOf({ startedAt, patienceMs }: Reading): number {
  return startedAt + patienceMs + GRACE_MS;
}

/** The same while calls wait that begin with the prefix: they would have read it in that time. */
export function endForCalls({ startedAt, expectedMs }: Reading): number {
  return startedAt + PATIENCE_OF_CALLS * expectedMs + GRACE_MS;
}

/** True where a call begins with the prefix. */
export function beginsWith({ request }: LiveCall, { chain }: KeptPrefix): boolean {
  const id = chain.at(-1)?.id;
  return request.prefix?.some((link) => link.id === id) ?? false;
}
