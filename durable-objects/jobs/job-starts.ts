/**
 * Chooses the job that starts next. Places are shared between API keys: the key with the fewest
 * running jobs goes first, so that one key's thousands of jobs do not delay another key's only one.
 * A key whose jobs are refused pauses alone. The rules are in src/core/limits.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { leastServed, mayTakePlace } from '../../src/core/limits/fair-share.ts';
import { nextToStart, restMs } from '../../src/core/limits/job-rules.ts';
import { isKeyFull } from './job-bounds.ts';
import type { JobRow } from './job-row.ts';
import type { JobKind, JobStore } from './job-store.ts';
import type { KeyAccounts } from './key-accounts.ts';

/** Interval at which a lack of room is checked again, ms. */
const RECHECK_MS = 30_000;
/** Most keys whose turns and refusals are remembered. */
const MAX_KEYS = 2_000;

/** A job whose call waits for a slot or runs. */
export interface RunningJob {
  readonly kind: JobKind;
  readonly keyHash: string;
}

interface KeyState {
  lastTurn: number;
  /** Attempts refused in a row, and the pause that they caused, epoch ms. */
  refusedInARow: number;
  pausedSince: number;
  pausedUntil: number;
}

type Waiting = Record<JobKind, Map<string, number>>;

export class JobStarts {
  readonly #jobs: JobStore;
  readonly #accounts: KeyAccounts;
  readonly #keys = new Map<string, KeyState>();
  #turns = 0;
  #singlesInARow = 0;

  constructor(jobs: JobStore, accounts: KeyAccounts) {
    this.#jobs = jobs;
    this.#accounts = accounts;
  }

  /**
   * Starts jobs by `start`, which adds them to `running`, until nothing may start. Answers when
   * the next one may without anything else happening, epoch ms.
   */
  startAll(
    running: ReadonlyMap<string, RunningJob>,
    settings: JobSettings,
    now: number,
    start: (job: JobRow, kind: JobKind) => void,
  ): number {
    if (running.size >= settings.concurrency) return Infinity;
    if (this.#accounts.total.jobs === 0) return Infinity;
    if (this.#accounts.total.bytes >= settings.totalBytes) return now + RECHECK_MS;
    const waiting: Waiting = {
      single: this.#jobs.waiting('single'),
      line: this.#jobs.waiting('line'),
    };
    for (;;) {
      const chosen = this.#choose(waiting, running, settings, now);
      if (!chosen) return this.#dueAt(waiting, settings, now);
      const { kind, keyHash } = chosen;
      const job = this.#jobs.next(kind, keyHash, now);
      if (job) {
        this.#singlesInARow = kind === 'line' ? 0 : this.#singlesInARow + 1;
        this.#turns += 1;
        this.#state(keyHash).lastTurn = this.#turns;
        start(job, kind);
      }
      const at = this.#jobs.firstOf(kind, keyHash);
      if (at === undefined) waiting[kind].delete(keyHash);
      else waiting[kind].set(keyHash, at);
      if (running.size >= settings.concurrency) return Infinity;
    }
  }

  /**
   * Pauses the jobs of a key after refusals. Attempts that had started when the pause began do not
   * count: they say nothing of the time after it.
   */
  ended(keyHash: string, wasRefused: boolean, startedAt: number, now: number): void {
    const key = this.#state(keyHash);
    if (startedAt <= key.pausedSince) return;
    key.refusedInARow = wasRefused ? key.refusedInARow + 1 : 0;
    key.pausedUntil = now + restMs(key.refusedInARow);
    if (wasRefused) key.pausedSince = now;
  }

  #choose(
    waiting: Waiting,
    running: ReadonlyMap<string, RunningJob>,
    settings: JobSettings,
    now: number,
  ): { kind: JobKind; keyHash: string } | undefined {
    const free = settings.concurrency - running.size;
    const own = new Map<string, number>();
    let linesRunning = 0;
    for (const { keyHash, kind } of running.values()) {
      own.set(keyHash, (own.get(keyHash) ?? 0) + 1);
      if (kind === 'line') linesRunning += 1;
    }
    const mayStart = (kind: JobKind) =>
      [...waiting[kind]].flatMap(([keyHash, at]) => {
        const places = own.get(keyHash) ?? 0;
        const isOpen = settings.keyShare === 1 || mayTakePlace(places, free);
        if (!isOpen || this.#readyAt(keyHash, at, settings, now) > now) return [];
        return { keyHash, own: places, lastTurn: this.#keys.get(keyHash)?.lastTurn ?? 0 };
      });
    const keys = { single: mayStart('single'), line: mayStart('line') };
    const kind = nextToStart({
      places: settings.concurrency,
      linesRunning,
      singlesInARow: this.#singlesInARow,
      singlesRunning: running.size - linesRunning,
      singlesWaiting: keys.single.length > 0,
      linesWaiting: keys.line.length > 0,
    });
    const key = kind && leastServed(keys[kind]);
    return key && { kind, keyHash: key.keyHash };
  }

  /** What may start now has no place, which the end of a job brings. */
  #dueAt(waiting: Waiting, settings: JobSettings, now: number): number {
    let due = Infinity;
    for (const keys of Object.values(waiting)) {
      for (const [keyHash, at] of keys) {
        const ready = this.#readyAt(keyHash, at, settings, now);
        if (ready > now) due = Math.min(due, ready);
      }
    }
    return due;
  }

  #readyAt(keyHash: string, at: number, settings: JobSettings, now: number): number {
    const isFull = isKeyFull(this.#accounts.of(keyHash), keyHash, settings);
    const pausedUntil = this.#keys.get(keyHash)?.pausedUntil ?? 0;
    return Math.max(at, pausedUntil, isFull ? now + RECHECK_MS : 0);
  }

  #state(keyHash: string): KeyState {
    const known = this.#keys.get(keyHash) ?? {
      ...{ lastTurn: 0, refusedInARow: 0, pausedSince: 0, pausedUntil: 0 },
    };
    // The most recently used is the last one.
    this.#keys.delete(keyHash);
    this.#keys.set(keyHash, known);
    if (this.#keys.size > MAX_KEYS) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    return known;
  }
}
