/**
 * A call in flight, the visit of a unit that it belongs to, and the slot that it holds: plain data,
 * kept by its run (live-run.ts).
 */
import type { Demand } from './demand.ts';
import type { LiveRun } from './live-run.ts';
import type { CallRecord } from './recorded-run.ts';

/** Where units run that the client runs itself; no call is ever sent there. */
export const CLIENT_BACKEND = 'client';

/** What the edge, or the simulator, knows of a call when it is submitted. */
export interface CallRequest {
  readonly callId: string;
  readonly runId: string;
  readonly app: string;
  readonly unit: string;
  readonly backend: string;
  /** `llm` is measured in tokens, `service` in milliseconds. */
  readonly kind: 'llm' | 'service';
  /** Estimate from the request's text; 0 for a call that is not a model call. */
  readonly inputTokens: number;
  /** The client's own limit of output tokens, where it set one. */
  readonly maxOutputTokens?: number;
  /** Epoch ms at which the call first arrived; a call that is submitted again keeps it. */
  readonly arrivedAt: number;
  /** Epoch ms by which the run should be complete. */
  readonly deadlineAt?: number;
  /** The client would rather be refused than served when its run has hardly a chance in time. */
  readonly refuseIfLate?: boolean;
  /** Longest time that the call may wait for a slot, in ms. */
  readonly maxWaitMs?: number;
  /** Nobody holds a connection for it: it may wait for `maxWaitMs`, whatever its backend says. */
  readonly patient?: boolean;
  /** Multiplies its application's weight; 1 where absent. */
  readonly weight?: number;
  /** The run's last call. */
  readonly final: boolean;
  /** The call is a run of its own, which nobody can add to. */
  readonly sole?: boolean;
  /** The session that began this one: both are one run. */
  readonly parentRunId?: string;
  /** Messages of the conversation so far, where the run is known by the conversation's beginning. */
  readonly turn?: number;
  /** Fingerprint of the body: a call that is sent again has the same. */
  readonly print?: string;
  /** The client says that it sends this call again. */
  readonly retry?: boolean;
  /** Length of the body, which its Worker holds while the call waits. */
  readonly bodyBytes?: number;
}

/** A call of a visit that has ended: what it asked for, to be taken out if it is sent again. */
export interface EndedCall {
  readonly print: string | undefined;
  readonly demand: Demand;
}

export interface LiveVisit {
  readonly unit: string;
  readonly backend: string;
  /** 1 for the run's first visit of the unit. */
  readonly number: number;
  startedAt: number;
  /** When its first call got a slot; undefined while all of them wait. */
  servingSince: number | undefined;
  readonly callsBefore: number;
  fanOut: number;
  /** Calls that wait or run. */
  outstanding: number;
  /** Calls that were outstanding when the object died and may be submitted again. */
  missing: number;
  largestInput: number;
  done: Demand;
  endedAt: number;
  readonly records: CallRecord[];
  /** One for each record. */
  readonly ended: EndedCall[];
  /** Fingerprints of calls that did not come about: the same again is no new visit. */
  readonly failedPrints: string[];
}

export interface LiveCall {
  readonly request: CallRequest;
  readonly run: LiveRun;
  readonly visit: LiveVisit;
  /** Order of submission, the tie-break of every policy. */
  readonly seq: number;
  /** Since when it waits with no endpoint warm, epoch ms; undefined where one was when it came into the line. */
  coldSince: number | undefined;
  /** How long it has waited in the line for cold starts, over all its attempts, ms. */
  coldMs: number;
  /** From then on its run is too late, and the client does not want it served, epoch ms. */
  lostAt: number;
  lease: Lease | undefined;
  /** It was granted before others for its deadline's sake. */
  urgent: boolean;
  /** Calls at its endpoint when it was granted, itself included. */
  concurrency: number;
  /** Slots that it was granted so far. */
  attempts: number;
  /** Endpoints that failed it. */
  avoid: Set<string> | undefined;
}

/** A granted slot. */
export interface Lease {
  readonly endpoint: string;
  readonly grantedAt: number;
  /** How long it lasts from its grant and from each renewal, as its Worker was told, ms. */
  readonly lengthMs: number;
  /** Epoch ms up to which its Worker counts on it; it is taken back a little later. */
  expiresAt: number;
  /** It was not renewed when it should have been; the next time that it is due, it ends. */
  doubted?: boolean;
}

/** How much of a run survives a restart of its object. */
export interface RunSnapshot {
  readonly id: string;
  readonly app: string;
  readonly arrivedAt: number;
  readonly deadlineAt?: number;
  readonly lastActiveAt: number;
  readonly broken: boolean;
  /** Absent in what older versions stored, as the next two. */
  readonly final?: boolean;
  readonly turn?: number;
  readonly callCount?: number;
  readonly visits: ReadonlyArray<
    Omit<LiveVisit, 'outstanding' | 'missing' | 'ended' | 'failedPrints'> &
      // Absent in what older versions stored.
      Partial<Pick<LiveVisit, 'ended' | 'failedPrints'>>
  >;
}
