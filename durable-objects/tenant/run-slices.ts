/**
 * Reads a tenant's recorded runs after a restart, in slices that take at most some milliseconds, so
 * that no call is held up: the newest 256 first, then all that were recorded at the restart, from the
 * oldest on. Runs that are deleted meanwhile to make room are not read.
 */
import type { RunsRead } from '../../src/core/dispatch/dispatch-events.ts';
import type { StoredRun } from '../../src/core/learning/application-models.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { logError } from '../../src/protocol/log-line.ts';
import type { RecordedRuns } from './recorded-runs.ts';

/** Runs that are read before all others, to decide by until all are read. */
const NEWEST_RUNS = 256;
/**
 * Characters of the first slice and of the longest. A slice has a fixed length, since no clock runs
 * while it is read; the first ones are short, since code that has hardly run takes ten times as long.
 */
const FIRST_CHARS = 12_000;
const MOST_CHARS = 64_000;
const GROWTH = 1.2;

export class RunSlices {
  readonly #recorded: RecordedRuns;
  readonly #lastSeq: number;
  /** Sequence number of the last run that was read. */
  #readTo: number;
  #part: 'newest' | 'next';
  #chars = FIRST_CHARS;

  constructor(recorded: RecordedRuns) {
    this.#recorded = recorded;
    this.#lastSeq = recorded.lastSeq;
    const newest = recorded.seqOfNewest(NEWEST_RUNS + 1);
    this.#readTo = newest;
    this.#part = newest > 0 ? 'newest' : 'next';
  }

  /** The next slice. */
  next(): RunsRead {
    const [part, runs] = [this.#part, this.#read()];
    if (this.#readTo < this.#lastSeq) return { type: 'runs-read', part, runs };
    if (part === 'next') return { type: 'runs-read', part: 'last', runs };
    this.#readTo = 0;
    this.#part = 'next';
    return { type: 'runs-read', part, runs };
  }

  #read(): StoredRun[] {
    const runs: StoredRun[] = [];
    let left = this.#chars;
    this.#chars = Math.min(MOST_CHARS, this.#chars * GROWTH);
    for (const { seq, finishedAt, text } of this.#recorded.learned(this.#readTo, this.#lastSeq)) {
      const record = parsed(text);
      if (record) runs.push({ record, finishedAt });
      this.#readTo = seq;
      left -= text.length;
      if (left <= 0) return runs;
    }
    this.#readTo = this.#lastSeq;
    return runs;
  }
}

/** Undefined for a row that is no run: it is left out, and the others are learned. */
function parsed(text: string): RecordedRun | undefined {
  try {
    const record = JSON.parse(text);
    if (Array.isArray(record.units)) return record;
  } catch {}
  logError('run_not_read', { record: text.slice(0, 200) });
  return undefined;
}
