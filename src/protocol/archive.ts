/** The export of what a tenant's object has recorded, and what an import of it came to. */
import type { RecordedRun } from '../core/runs/recorded-run.ts';

/** A recorded run in an export: a line of the trace format with what an import needs beside it. */
export interface ArchivedRun extends RecordedRun {
  /** The original name, where `run` was changed to be unique within the export. */
  readonly id?: string;
  /** When it ended, ms; counts from the same time as `arrival_ms`. */
  readonly finished_ms?: number;
  /** Absent: true. */
  readonly learned?: boolean;
}

/** The head of an export, which also says where the export ends. */
export interface ArchiveHead {
  /** Epoch ms that times in the export count from. */
  readonly startMs: number;
  /** Sequence number of the last run in the export. */
  readonly lastSeq: number;
  /** The tenant's document, as JSON text. */
  readonly document: string;
}

/** A page of JSON Lines, and the sequence number after which to go on; the last has no `next`. */
export interface ArchivePage {
  readonly text: string;
  readonly next?: number;
}

/** How many runs of an import were added, and how many were not and why. */
export interface ImportCount {
  readonly imported: number;
  readonly known: number;
  /** The tenant already has as many runs as are kept, or the run is too long. */
  readonly no_room: number;
}
