/**
 * What was learned since the last flush. It goes to storage as one batch every few seconds or
 * hundred observations: a crash loses at most that, and never counts anything twice.
 */
import type { Backend } from '../src/core/backend.ts';
import type { Dispatcher } from '../src/core/dispatcher.ts';
import type { BackendSnapshot, Batch, FinishedRun, WakeRecord } from './tenant-store.ts';

const FLUSH_MS = 5_000;
const FLUSH_COUNT = 100;

export class PendingBatch {
  #finished: FinishedRun[] = [];
  #endedRuns: string[] = [];
  #wakes: WakeRecord[] = [];
  #observations = 0;
  /** When it must be written, epoch ms; Infinity while there is nothing to write. */
  dueAt = Infinity;

  observed(now: number): void {
    this.#observations += 1;
    this.dueAt = this.#observations >= FLUSH_COUNT ? now : Math.min(this.dueAt, now + FLUSH_MS);
  }

  runEnded(runId: string, finished: FinishedRun | undefined): void {
    this.#endedRuns.push(runId);
    if (finished) this.#finished.push(finished);
  }

  wakeEnded(wake: WakeRecord): void {
    this.#wakes.push(wake);
  }

  /** Empties it into what is to be written. */
  take(dispatcher: Dispatcher, now: number): Batch {
    const { register, backends, accounts } = dispatcher;
    const running = [...register.changed].flatMap((id) => {
      const run = register.runs.get(id);
      return run ? [run.snapshot()] : [];
    });
    register.changed.clear();
    const batch = {
      finished: this.#finished,
      running,
      endedRuns: this.#endedRuns.filter((id) => !register.runs.has(id)),
      wakes: this.#wakes,
      days: accounts.ledger.take(),
      accounts: accounts.snapshot(now),
      backends: Object.fromEntries([...backends].map(([name, b]) => [name, snapshotOf(b)])),
    };
    this.#finished = [];
    this.#endedRuns = [];
    this.#wakes = [];
    this.#observations = 0;
    this.dueAt = Infinity;
    return batch;
  }
}

function snapshotOf(backend: Backend): BackendSnapshot {
  return {
    speed: backend.speed.snapshot(),
    arrivals: backend.arrivals.snapshot(),
    endpoints: Object.fromEntries([...backend.endpoints].map(([id, e]) => [id, e.snapshot()])),
  };
}
