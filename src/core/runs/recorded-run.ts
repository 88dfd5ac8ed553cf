/**
 * A finished run as it is learned from, exported and replayed: one line of the JSON Lines format. A
 * run in flight is in live-run.ts. Field names are snake_case because these objects are that
 * format, byte for byte. Times are milliseconds, tokens are counts.
 */

/** A call to a language model. */
export interface LlmCallRecord {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Input tokens that were in the engine's prefix cache; absent where it did not tell. */
  readonly cached_tokens?: number;
}

/** Any other call: a tool, a search, a smaller model. */
export interface ServiceCallRecord {
  readonly service_ms: number;
}

export type CallRecord = LlmCallRecord | ServiceCallRecord;

/** One visit of a unit; all its calls are submitted together. */
export interface VisitRecord {
  readonly unit: string;
  readonly backend: string;
  /** The adapter that its calls asked for; absent where it is the backend's base model. */
  readonly adapter?: string;
  /** Time from the end of this visit to the submission of the next; the run holds no slot in it. */
  readonly gap_ms?: number;
  /** What people read beside a name that is a fingerprint. */
  readonly label?: string;
  readonly calls: readonly CallRecord[];
}

export interface RecordedRun {
  readonly run: string;
  readonly app: string;
  /** What people read beside an application's name that is a fingerprint. */
  readonly label?: string;
  /** When the run's first unit was submitted; in an export, relative to the first run's arrival. */
  readonly arrival_ms: number;
  /** Deadline, relative to the run's arrival. */
  readonly deadline_ms?: number;
  readonly units: readonly VisitRecord[];
}

/** The name under which the need of an adapter is learned, beside those of backends. */
export function adapterNeed(backend: string, adapter: string): string {
  return `${backend}\n${adapter}`;
}
