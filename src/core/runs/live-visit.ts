/** A visit of a unit by a run in flight, and how much of a run survives a restart: plain data, kept by live-run.ts. */
import type { Demand } from './demand.ts';
import type { CallRecord } from './recorded-run.ts';

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
