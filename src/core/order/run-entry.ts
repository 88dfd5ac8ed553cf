/** A run with its waiting calls of one place, in the order in which they go (waiting-queue.ts). */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Load, RankedQueue } from './ranked-queue.ts';
import type { SharedQueue } from './shared-queue.ts';

/** Order of the waiting calls within a run. */
export type CallOrder = 'submission' | 'longest-first';

/** Runs with waiting calls of one API key; `place`: held back for an endpoint, or empty. */
export interface Lane {
  readonly key: string;
  readonly place: string;
  /** One for each lane. */
  readonly seq: number;
  readonly queue: RankedQueue<RunEntry> | SharedQueue<RunEntry>;
}

export interface RunEntry {
  readonly run: LiveRun;
  /** The endpoint that its calls are held back for, or empty. */
  readonly place: string;
  readonly calls: LiveCall[];
  /** The application under which it is found; that of the run may have changed since. */
  app: string;
  /** Slots that its calls take, and for how long in all by what is expected, slot-ms. */
  slots: number;
  workMs: number;
  /** What goes before others once it is reached. */
  load: Load;
  /** That of the API key of its next call. */
  lane: Lane | undefined;
  /** Key of the last re-key in both directions; `lowerApp` leaves it unchanged. */
  promisedKey: number;
}

/** Present key of an entry in its lane. */
export function presentKey(entry: RunEntry): number | undefined {
  return entry.lane?.queue.keyOf(entry);
}

/** Submission number of the run's next call, the tie-break of equal keys. */
export function seqOf(entry: RunEntry): number {
  return entry.calls[0]?.seq ?? Infinity;
}

/** Puts a call where it belongs among the calls of its run. */
export function insertCall(calls: LiveCall[], call: LiveCall, order: CallOrder): void {
  const before = (other: LiveCall) =>
    order === 'longest-first'
      ? expectedSize(other) > expectedSize(call) ||
        (expectedSize(other) === expectedSize(call) && other.seq < call.seq)
      : other.seq < call.seq;
  let at = calls.length;
  while (at > 0) {
    const other = calls[at - 1];
    if (!other || before(other)) break;
    at -= 1;
  }
  calls.splice(at, 0, call);
}

/** Size by which `longest-first` orders a fan-out, tokens: the visit ends with its last call. */
function expectedSize(call: LiveCall): number {
  return call.request.inputTokens + (call.request.maxOutputTokens ?? 0);
}
