/**
 * What was learned since the last flush, in memory. It is written as one batch (tenant-store.ts)
 * every few seconds or hundred observations: a crash loses at most that much, and nothing is ever
 * counted twice.
 */
import { snapshotOf } from '../../src/core/backends/backend-snapshot.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { LiveRun } from '../../src/core/runs/live-run.ts';
import type { EndpointSegment } from './console/timeline-store.ts';
import type { WakeRecord } from './prewarm-store.ts';
import type { FinishedRun } from './recorded-runs.ts';
import type { RunRows } from './running-runs.ts';
import type { Batch } from './tenant-store.ts';

const FLUSH_MS = 5_000;
const FLUSH_COUNT = 100;
/** Observations from which a batch is written with a lease, if one is written: one commit less. */
const RIDE_COUNT = 75;
/** Delay after a batch that could not be written, ms. */
const RETRY_MS = 5_000;
/** Finished runs, and wakes, that are kept while nothing can be written, the newest. */
const MAX_KEPT = 1_000;

export class PendingBatch {
  #finished: FinishedRun[] = [];
  #endedRuns: string[] = [];
  #wakes: WakeRecord[] = [];
  /** The runs whose rows are stored, by id: a run that ended may have another of its id after it. */
  readonly #stored = new Map<string, LiveRun>();
  /** Parts of timelines that could not be written. */
  #segments: EndpointSegment[] = [];
  #observations = 0;
  /** When the batch must be written, epoch ms; Infinity while there is nothing to write. */
  dueAt = Infinity;

  /** Counts an observation, and makes the batch due accordingly. */
  observed(now: number): void {
    this.#observations += 1;
    this.dueAt = this.#observations >= FLUSH_COUNT ? now : Math.min(this.dueAt, now + FLUSH_MS);
  }

  /** Whether the batch is to be written now; `isWriting`: a lease is written in the same event. */
  isDue(now: number, isWriting: boolean): boolean {
    return now >= this.dueAt || (isWriting && this.#observations >= RIDE_COUNT);
  }

  /** The dispatcher was restored: these runs have rows. */
  restored(runs: ReadonlyMap<string, LiveRun>): void {
    for (const [id, run] of runs) this.#stored.set(id, run);
  }

  runEnded(runId: string, finished: FinishedRun | undefined): void {
    this.#endedRuns.push(runId);
    if (finished) this.#finished.push(finished);
  }

  wakeSettled(wake: WakeRecord): void {
    this.#wakes.push(wake);
  }

  /** A batch was written, of the runs in flight these. */
  written(batch: Batch, running: readonly RunRows[], dispatcher: Dispatcher): void {
    for (const id of batch.endedRuns) this.#stored.delete(id);
    for (const rows of running) {
      const run = dispatcher.register.runs.get(rows.head.id);
      run?.written(rows);
      if (run) this.#stored.set(run.id, run);
    }
  }

  /** Puts back a batch that could not be written, for another try later. */
  putBack(batch: Batch, dispatcher: Dispatcher, now: number): void {
    this.#finished = [...batch.finished, ...this.#finished].slice(-MAX_KEPT);
    this.#endedRuns = [...batch.endedRuns, ...this.#endedRuns];
    this.#wakes = [...batch.wakes, ...this.#wakes].slice(-MAX_KEPT);
    this.#segments = batch.segments.slice(-MAX_KEPT);
    for (const { id } of batch.running.map(({ head }) => head)) {
      if (dispatcher.register.runs.has(id)) dispatcher.register.changed.add(id);
    }
    dispatcher.accounts.daily.putBack(batch.days);
    this.dueAt = now + RETRY_MS;
  }

  /** Returns everything as a batch, and starts an empty one. */
  take(dispatcher: Dispatcher, now: number): Batch {
    const { register, backends, accounts } = dispatcher;
    const running = [...register.changed].flatMap((id) => {
      const run = register.runs.get(id);
      if (!run) return [];
      const stored = this.#stored.get(id);
      return [{ ...run.unwritten(), replaces: stored !== undefined && stored !== run }];
    });
    register.changed.clear();
    const segments = [...backends].flatMap(([name, { endpoints }]) =>
      [...endpoints].flatMap(([endpoint, { timeline, spec }]) =>
        spec.coldStart ? timeline.take(now).map((s) => ({ backend: name, endpoint, ...s })) : [],
      ),
    );
    const batch = {
      at: now,
      segments: [...this.#segments, ...segments],
      finished: this.#finished,
      running,
      // A run that ended before it was stored has no rows.
      endedRuns: this.#endedRuns.filter((id) => this.#stored.has(id) && !register.runs.has(id)),
      wakes: this.#wakes,
      days: accounts.daily.take(),
      accounts: accounts.snapshot(now),
      backends: Object.fromEntries([...backends].map(([name, b]) => [name, snapshotOf(b)])),
    };
    this.#empty();
    return batch;
  }

  /** Drops everything: all rows are deleted. */
  clear(): void {
    this.#stored.clear();
    this.#empty();
  }

  #empty(): void {
    this.#finished = [];
    this.#endedRuns = [];
    this.#wakes = [];
    this.#segments = [];
    this.#observations = 0;
    this.dueAt = Infinity;
  }
}
