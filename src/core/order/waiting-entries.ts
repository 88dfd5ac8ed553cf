/**
 * The waiting runs of one backend by run, place and application: those of which calls wait for any
 * endpoint, and those of which calls are held back for one (waiting-queue.ts).
 */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Load } from './ranked-queue.ts';
import { presentKey, type RunEntry, seqOf } from './run-entry.ts';

const NO_LOAD: Load = { calls: 0, workMs: 0 };

export class WaitingEntries {
  /** Of the calls that are not held back. */
  readonly #free = new Map<LiveRun, RunEntry>();
  /** Of those that are, by endpoint; without the endpoints that hold none. */
  readonly #held = new Map<string, Map<LiveRun, RunEntry>>();
  readonly #ofApp = new Map<string, Set<RunEntry>>();
  #runs = 0;

  /** Endpoints for which calls are held back. */
  get places(): Iterable<string> {
    return this.#held.keys();
  }

  /** Number of runs. */
  get runs(): number {
    return this.#runs;
  }

  /** The entry in which a call waits. */
  of({ run, placed }: LiveCall): RunEntry | undefined {
    return this.#at(placed.heldFor ?? '')?.get(run);
  }

  /** The run's calls that are not held back, or else some that are. */
  ofRun(run: LiveRun): RunEntry | undefined {
    const entry = this.#free.get(run);
    if (entry || this.#held.size === 0) return entry;
    for (const entries of this.#held.values()) {
      const held = entries.get(run);
      if (held) return held;
    }
    return undefined;
  }

  /** All entries of a run. */
  *allOfRun(run: LiveRun): Iterable<RunEntry> {
    const entry = this.#free.get(run);
    if (entry) yield entry;
    for (const entries of this.#held.values()) {
      const held = entries.get(run);
      if (held) yield held;
    }
  }

  /** The entries of an application. */
  ofApp(app: string): Iterable<RunEntry> {
    return this.#ofApp.get(app) ?? [];
  }

  /** The entries that are held back, in their order. */
  heldInOrder(): RunEntry[] {
    const entries = [...this.#held.values()].flatMap((e) => [...e.values()]);
    const keyOf = (entry: RunEntry) => presentKey(entry) ?? 0;
    return entries.sort((a, b) => keyOf(a) - keyOf(b) || seqOf(a) - seqOf(b));
  }

  *all(): Iterable<RunEntry> {
    yield* this.#free.values();
    for (const entries of this.#held.values()) yield* entries.values();
  }

  /** The entry for a call that begins to wait. */
  enter({ run, placed }: LiveCall): RunEntry {
    const place = placed.heldFor ?? '';
    let entries = this.#at(place);
    if (!entries) {
      entries = new Map();
      this.#held.set(place, entries);
    }
    const existing = entries.get(run);
    if (existing) return existing;
    if (!this.ofRun(run)) this.#runs += 1;
    const { app } = run;
    const entry: RunEntry = {
      run,
      place,
      calls: [],
      app,
      slots: 0,
      workMs: 0,
      load: NO_LOAD,
      lane: undefined,
      promisedKey: Infinity,
    };
    entries.set(run, entry);
    this.#enterApp(entry);
    return entry;
  }

  /** The application of an entry's run may have changed. */
  renamed(entry: RunEntry): void {
    if (entry.app === entry.run.app) return;
    this.#leaveApp(entry);
    entry.app = entry.run.app;
    this.#enterApp(entry);
  }

  /** Removes an entry of which no call waits any more. */
  leave(entry: RunEntry): void {
    const { run, place } = entry;
    this.#leaveApp(entry);
    const entries = this.#at(place);
    if (entries?.delete(run) && !this.ofRun(run)) this.#runs -= 1;
    if (place !== '' && entries?.size === 0) this.#held.delete(place);
  }

  #at(place: string): Map<LiveRun, RunEntry> | undefined {
    return place === '' ? this.#free : this.#held.get(place);
  }

  #enterApp(entry: RunEntry): void {
    const entries = this.#ofApp.get(entry.app);
    if (entries) entries.add(entry);
    else this.#ofApp.set(entry.app, new Set([entry]));
  }

  #leaveApp(entry: RunEntry): void {
    const entries = this.#ofApp.get(entry.app);
    entries?.delete(entry);
    if (entries?.size === 0) this.#ofApp.delete(entry.app);
  }
}
