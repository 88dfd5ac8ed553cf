/**
 * The life of a batch: its input is read and checked as a whole (batch-input.ts), its lines run as
 * jobs (job-work.ts), and their results are written to files (batch-output.ts). Each step is one
 * transaction of bounded size that stores its progress in the batch's row (batch-store.ts), so that a
 * restart goes on from there.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { readInput } from './batch-input.ts';
import { writeOutput } from './batch-output.ts';
import type { BatchRow } from './batch-store.ts';
import type { JobRow } from './job-row.ts';
import type { JobStores } from './job-stores.ts';

export class BatchWork {
  readonly #stores: JobStores;
  readonly #cancel: (line: JobRow, now: number) => void;

  /** `cancel` ends a line that waits or runs. */
  constructor(stores: JobStores, cancel: (line: JobRow, now: number) => void) {
    this.#stores = stores;
    this.#cancel = cancel;
  }

  /** Makes one step of a batch; false where there is nothing to do for it at present. */
  step(batch: BatchRow, settings: JobSettings, now: number): boolean {
    const stores = this.#stores;
    switch (batch.state) {
      case 'validating':
        readInput(stores, batch, settings, now);
        return true;
      case 'in_progress': {
        const { total, completed, failed } = batch.counts;
        if (completed + failed < total) return false;
        stores.batches.change(batch, 'finalizing', now);
        return true;
      }
      case 'cancelling': {
        const unfinished = stores.lines.unfinished(batch.id);
        for (const line of unfinished) this.#cancel(line, now);
        return unfinished.length > 0 || writeOutput(stores, batch, settings, now);
      }
      case 'finalizing':
        return writeOutput(stores, batch, settings, now);
      default:
        return false;
    }
  }
}
