/**
 * The open runs of each API key, and their bound: a run is in memory until it ends, and each check
 * of a forecast reads all of them. Where a key has as many as it may have, its run that has been
 * without calls for the longest time makes room. Runs themselves are kept in run-register.ts.
 */
import type { LiveRun } from '../runs/live-run.ts';

interface RunsOfKey {
  readonly open: Set<LiveRun>;
  /** Those without waiting or running calls, the one that is idle for the longest time first. */
  readonly idle: Set<LiveRun>;
}

export class OpenRuns {
  /** Most open runs of one API key. */
  limit = Infinity;
  readonly #keys = new Map<string, RunsOfKey>();

  /** Number of open runs by the id of the API key; keys without any are absent. */
  counts(): ReadonlyArray<readonly [keyId: string, runs: number]> {
    return [...this.#keys].map(([keyId, { open }]) => [keyId, open.size]);
  }

  /** True where the key may open one more run, if only in place of an idle one. */
  hasRoom(keyId: string): boolean {
    const runs = this.#keys.get(keyId);
    return !runs || runs.open.size < this.limit || runs.idle.size > 0;
  }

  /** The run that has to end before the key opens one more; undefined where none has to. */
  toEnd(keyId: string): LiveRun | undefined {
    const runs = this.#keys.get(keyId);
    if (!runs || runs.open.size < this.limit) return undefined;
    const [oldest] = runs.idle;
    return oldest;
  }

  opened(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId);
    if (runs) runs.open.add(run);
    else this.#keys.set(run.keyId, { open: new Set([run]), idle: new Set() });
  }

  /** A call of the run was submitted. */
  busy(run: LiveRun): void {
    this.#keys.get(run.keyId)?.idle.delete(run);
  }

  /** The run has no waiting or running calls, and was active just now. */
  idle(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId);
    if (!runs?.open.has(run)) return;
    runs.idle.delete(run);
    runs.idle.add(run);
  }

  closed(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId);
    if (!runs) return;
    runs.idle.delete(run);
    runs.open.delete(run);
    if (runs.open.size === 0) this.#keys.delete(run.keyId);
  }
}
