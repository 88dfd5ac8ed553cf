/**
 * The open runs of each API key, and their bound: a run is in memory until it ends, and each check
 * of a forecast reads all of them. Where a key has as many as it may have, its run that has been
 * without calls for the longest time makes room. Runs themselves are kept in run-register.ts.
 */

import type { LiveRun } from '../runs/live-run.ts';
import { type Listed, RecencyList } from '../runs/recency-list.ts';

interface OpenRun extends Listed<OpenRun> {
  readonly run: LiveRun;
  isIdle: boolean;
}

interface RunsOfKey {
  readonly open: Map<LiveRun, OpenRun>;
  /** Those without waiting or running calls, the one that is idle for the longest time first. */
  readonly idle: RecencyList<OpenRun>;
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
    return !runs || runs.open.size < this.limit || !runs.idle.isEmpty;
  }

  /** The run that has to end before the key opens one more; undefined where none has to. */
  toEnd(keyId: string): LiveRun | undefined {
    const runs = this.#keys.get(keyId);
    if (!runs || runs.open.size < this.limit) return undefined;
    return runs.idle.oldest?.run;
  }

  opened(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId) ?? { open: new Map(), idle: new RecencyList() };
    this.#keys.set(run.keyId, runs);
    if (runs.open.has(run)) return;
    runs.open.set(run, { run, isIdle: false, older: undefined, newer: undefined });
  }

  /** A call of the run was submitted. */
  busy(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId);
    const open = runs?.open.get(run);
    if (!runs || !open?.isIdle) return;
    runs.idle.remove(open);
    open.isIdle = false;
  }

  /** The run has no waiting or running calls, and was active just now. */
  idle(run: LiveRun): void {
    const runs = this.#keys.get(run.keyId);
    const open = runs?.open.get(run);
    if (!runs || !open) return;
    if (open.isIdle) return runs.idle.renew(open);
    runs.idle.push(open);
    open.isIdle = true;
  }

  closed(run: LiveRun): void {
    this.busy(run);
    const runs = this.#keys.get(run.keyId);
    runs?.open.delete(run);
    if (runs?.open.size === 0) this.#keys.delete(run.keyId);
  }
}
