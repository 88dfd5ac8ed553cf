/**
 * A call in flight as data: the visit that it belongs to, the lease that it holds, and what happened
 * to it so far. Its run is in live-run.ts.
 */
import type { AwaitedTool } from './awaited-tools.ts';
import { type CallPlace, unplaced } from './call-place.ts';
import type { CallRequest } from './call-request.ts';
import type { Lease } from './lease.ts';
import type { LiveVisit } from './live-visit.ts';

/** A call in flight, without its run. */
export interface CallState {
  readonly request: CallRequest;
  readonly visit: LiveVisit;
  /** Order of submission, the tie-break of every policy. */
  readonly seq: number;
  /**
   * Since when it waits in the queue for a cold start, epoch ms; undefined where an endpoint was
   * warm when it was queued.
   */
  coldSince: number | undefined;
  /** Time that it waited in the queue for cold starts, over all its attempts, ms. */
  coldMs: number;
  /** Time that it is expected to take once it has a slot, ms. */
  expectedMs: number;
  /** What explained its wait when it was first told of it. */
  told: ExplainedWait | undefined;
  /** When it is refused because its run's deadline cannot be met, epoch ms; Infinity for never. */
  lostAt: number;
  lease: Lease | undefined;
  /**
   * Slots that its API key is charged for while it has the lease, or that it is expected to take while
   * it waits: at most those that there are.
   */
  slots: number;
  /** It was granted ahead of the queue's order because of its deadline. */
  urgent: boolean;
  /** Slots in use at its endpoint at the grant, its own included. */
  concurrency: number;
  /** Number of grants so far. */
  attempts: number;
  /** Ids of the endpoints that failed it. */
  avoid: Set<string> | undefined;
  /** How often an endpoint refused it (overloaded, cold). */
  refusals: number;
  /** It was sent once more after its connection was lost. */
  sentAgain?: boolean;
  /** Tool calls whose results it brings; they are awaited again where it does not succeed. */
  readonly answers: readonly AwaitedTool[];
  /** Its stay behind a busy endpoint, and what was expected at its grant. */
  readonly placed: CallPlace;
}

/** A wait as the calls ahead explain it. */
export interface ExplainedWait {
  /** Epoch ms. */
  readonly at: number;
  readonly callsAhead: number;
  readonly explainedMs: number;
  /** It was forecast by draws. */
  readonly isForecast?: boolean;
}

/** A call that has just been submitted. */
export function submittedCall(
  call: Pick<CallState, 'request' | 'visit' | 'seq' | 'answers'>,
): CallState {
  const grant = { lease: undefined, slots: 1, urgent: false, concurrency: 1 };
  const attempts = { attempts: 0, avoid: undefined, refusals: 0, lostAt: Infinity };
  const cold = { coldSince: undefined, coldMs: 0, expectedMs: 0, told: undefined };
  return { ...call, ...grant, ...attempts, ...cold, placed: unplaced() };
}
