/**
 * A visit of a unit by a run in flight, and the part of a run that survives a restart: plain data,
 * kept by live-run.ts. What a rank needs of a visit is in visit-state.ts.
 */
import type { Demand } from './demand.ts';
import type { CallRecord, VisitRecord } from './recorded-run.ts';

/**
 * A call that succeeded. Its demand is subtracted from the visit if the client retries the call.
 */
export interface EndedCall {
  /** Fingerprint of the body. */
  readonly print: string | undefined;
  readonly demand: Demand;
}

/** Times are epoch ms. */
export interface LiveVisit {
  /** Its place among the run's visits, from 0. */
  readonly index: number;
  readonly unit: string;
  readonly backend: string;
  /** The adapter that its first call asked for. */
  readonly adapter?: string;
  /** What people read beside a unit's name that is a fingerprint. */
  readonly label?: string;
  /** 1 for the run's first visit of the unit. */
  readonly number: number;
  startedAt: number;
  /** When its first call got a slot; undefined while all of them wait. */
  servingSince: number | undefined;
  /** Calls of the run's earlier visits. */
  readonly callsBefore: number;
  /** Calls of the visit, without those that failed or were cancelled. */
  fanOut: number;
  /** Calls that wait or run. */
  outstanding: number;
  /** Calls that were outstanding when the tenant's object stopped and may be submitted again. */
  missing: number;
  /** Largest input of its calls, tokens. */
  largestInput: number;
  /** Demand of its ended calls. */
  done: Demand;
  /** When its latest call ended; its start until one has. */
  endedAt: number;
  readonly records: CallRecord[];
  /** One for each record, in the same order. */
  readonly ended: EndedCall[];
  /** Fingerprints of calls that did not succeed: a repetition of one begins no new visit. */
  readonly failedPrints: string[];
}

/** A visit as it is stored, in whole or what was added to it since an earlier part (visit-log.ts). */
export type StoredVisit = Omit<
  LiveVisit,
  'index' | 'outstanding' | 'missing' | 'ended' | 'failedPrints'
> &
  // Absent in snapshots of older versions.
  Partial<Pick<LiveVisit, 'ended' | 'failedPrints'>> & {
    /** The visit's index; absent where all visits are stored together, in their order. */
    readonly at?: number;
    /** Indices of earlier records, and failed prints, that were taken out, one after the other. */
    readonly recordsGone?: readonly number[];
    readonly printsGone?: readonly number[];
  };

/** The part of a run that survives a restart of the tenant's object. */
export interface RunSnapshot {
  readonly id: string;
  readonly app: string;
  /** API key that opened the run; absent in snapshots of older versions. */
  readonly keyId?: string;
  readonly arrivedAt: number;
  readonly deadlineAt?: number;
  readonly lastActiveAt: number;
  readonly broken: boolean;
  /** Absent in snapshots of older versions, as the next two. */
  readonly final?: boolean;
  readonly turn?: number;
  readonly callCount?: number;
  /** The name that it may share with other runs; absent for a run with a name of its own. */
  readonly conversation?: string;
  /** Tool calls whose results have not come back: id and unit. */
  readonly awaited?: ReadonlyArray<readonly [id: string, unit: string]>;
  readonly guessedApp?: 'main' | 'side';
  readonly label?: string;
  readonly visits: readonly StoredVisit[];
  /** Older parts of a long run, in their order; `visits` is then what changed since the last. */
  readonly parts?: ReadonlyArray<readonly StoredVisit[]>;
}

/** What is to be written of a run: its row, and parts that are written once. */
export interface RunWrite {
  /** Without `parts`. */
  readonly head: RunSnapshot;
  readonly parts: ReadonlyArray<readonly StoredVisit[]>;
  /** Number of the first of these parts; earlier ones are stored. */
  readonly firstPart: number;
}

/** The visits as they are learned from: those of which a call succeeded. */
export function recordedVisits(all: readonly LiveVisit[]): VisitRecord[] {
  const visits = all.filter((v) => v.records.length > 0);
  return visits.map((v, i) => {
    const next = visits[i + 1];
    // Overlapping visits are written one after the other: the format has no parallel units.
    const gapMs = next ? Math.max(0, next.startedAt - v.endedAt) : 0;
    return {
      unit: v.unit,
      backend: v.backend,
      ...(v.adapter === undefined ? {} : { adapter: v.adapter }),
      ...(gapMs > 0 ? { gap_ms: gapMs } : {}),
      ...(v.label === undefined ? {} : { label: v.label }),
      calls: v.records,
    };
  });
}
