/**
 * The work of a tenant's jobs object (jobs.ts has its RPC methods): it starts a bounded number of
 * jobs, settles their outcomes, moves batches on, sends webhooks and deletes what has expired.
 * Turns run one at a time, and every change asks for one. A single attempt is in job-attempt.ts.
 */

import type { JobSettings } from '../../src/config/job-settings.ts';
import { afterAttempt, nextToStart, restMs } from '../../src/core/limits/job-rules.ts';
import { type BatchStores, BatchWork } from './batch-work.ts';
import { type Attempted, attemptJob, type Runner } from './job-attempt.ts';
import type { JobRow } from './job-row.ts';
import type { JobEnd } from './job-store.ts';
import { JobWebhooks } from './job-webhooks.ts';

/** Alarm interval while jobs run, ms: keeps the object awake, and restarts one that has died. */
const HEARTBEAT_MS = 30_000;
/** Interval at which a lack of room or of a configuration is checked again, ms. */
const RECHECK_MS = 30_000;

/** What the work needs of its object. */
export interface JobWorld {
  readonly tenant: string;
  readonly runner: Runner;
  readonly env: Readonly<Record<string, unknown>>;
  /** Undefined where the tenant has no valid configuration. */
  settings(): Promise<JobSettings | undefined>;
  transaction<T>(act: () => T): T;
  /** Keeps the object alive until the task has ended. */
  background(task: Promise<void>): void;
  /** Makes sure that the alarm fires at `at` (epoch ms) or before. */
  arm(at: number): Promise<void>;
}

export class JobWork {
  readonly #stores: BatchStores;
  readonly #world: JobWorld;
  readonly #batches: BatchWork;
  readonly #webhooks: JobWebhooks;
  readonly #running = new Map<string, { isLine: boolean; abort: AbortController }>();
  #retentionMs = 0;
  #singlesInARow = 0;
  /** Attempts refused in a row, and the pause that they caused: no job starts in it. Epoch ms. */
  #refusedInARow = 0;
  #pausedSince = 0;
  #pausedUntil = 0;
  #isTurning = false;
  #isTurnWanted = false;

  constructor(stores: BatchStores, world: JobWorld) {
    this.#stores = stores;
    this.#world = world;
    this.#batches = new BatchWork(stores, (line, now) => this.cancel(line, now));
    this.#webhooks = new JobWebhooks(stores.jobs, world.env);
  }

  /** Asks for a turn, and returns at once. */
  kick(): void {
    this.#world.background(this.turn());
  }

  /** Does what is due, and sets the alarm for what will be. Never throws. */
  async turn(): Promise<void> {
    this.#isTurnWanted = true;
    if (this.#isTurning) return;
    this.#isTurning = true;
    try {
      while (this.#isTurnWanted) {
        this.#isTurnWanted = false;
        await this.#runTurn();
      }
    } catch (error) {
      console.error(JSON.stringify({ event: 'jobs_failed', error: String(error) }));
      await this.#world.arm(Date.now() + RECHECK_MS).catch(() => {});
    } finally {
      this.#isTurning = false;
    }
  }

  /** Ends a job that waits or runs, at its client's request. */
  cancel(job: JobRow, now: number): void {
    this.#stop(job, { state: 'cancelled', error: errorOf(job, 'cancelled') }, now);
  }

  /** Stops all running jobs, because the tenant was deleted. */
  abandon(): void {
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  async #runTurn(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const settings = await this.#world.settings();
    if (!settings) return this.#recheckLater();
    const now = Date.now();
    this.#retentionMs = settings.retentionMs;
    this.#world.transaction(() => {
      jobs.forget(now);
      files.forget(now);
      batches.forget(now);
      this.#restartInterrupted(settings, now);
      for (const job of jobs.overdue(now)) {
        this.#stop(job, { state: 'expired', error: errorOf(job, 'expired') }, now);
      }
    });
    if (this.#moveBatches(settings, now)) {
      this.#isTurnWanted = true;
      // Lets requests to the object run between two steps.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const isFull = this.#stores.chunks.total >= settings.totalBytes;
    if (!isFull && now >= this.#pausedUntil) this.#startJobs(settings, now);
    for (const delivery of this.#webhooks.send(settings, now)) {
      this.#world.background(delivery.then(() => this.turn()));
    }
    const canStart = !isFull && this.#running.size < settings.concurrency;
    await this.#world.arm(
      Math.min(
        canStart ? Math.max(jobs.startDueAt, this.#pausedUntil) : Infinity,
        jobs.dueAt,
        files.dueAt,
        batches.dueAt,
        this.#webhooks.dueAt,
        this.#running.size > 0 ? now + HEARTBEAT_MS : Infinity,
        isFull ? now + RECHECK_MS : Infinity,
      ),
    );
  }

  /** Without a configuration nothing is done; the alarm is set only where there is work left. */
  async #recheckLater(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const dueAt = Math.min(jobs.startDueAt, jobs.dueAt, files.dueAt, batches.dueAt);
    if (dueAt < Infinity || batches.underWay().length > 0) {
      await this.#world.arm(Date.now() + RECHECK_MS);
    }
  }

  /** Puts back jobs that are stored as running but do not run, because the object has died. */
  #restartInterrupted({ maxAttempts }: JobSettings, now: number): void {
    const { jobs } = this.#stores;
    for (const job of jobs.interrupted()) {
      if (this.#running.has(job.id)) continue;
      if (job.attempts < maxAttempts) jobs.putBack(job.id, now, true);
      else this.#end(job, { state: 'failed', error: BROKEN_OFF_ERROR }, now);
    }
  }

  /** One step of each batch in progress; true where any of them did something. */
  #moveBatches(settings: JobSettings, now: number): boolean {
    let moved = false;
    for (const batch of this.#stores.batches.underWay()) {
      try {
        moved = this.#world.transaction(() => this.#batches.step(batch, settings, now)) || moved;
      } catch (error) {
        // The other batches go on; the next turn tries this one again.
        console.error(
          JSON.stringify({ event: 'batch_not_moved', batch: batch.id, error: String(error) }),
        );
      }
    }
    return moved;
  }

  #startJobs(settings: JobSettings, now: number): void {
    const { jobs } = this.#stores;
    for (;;) {
      const running = [...this.#running.values()];
      const linesRunning = running.filter((r) => r.isLine).length;
      const kind = nextToStart({
        places: settings.concurrency,
        linesRunning,
        singlesInARow: this.#singlesInARow,
        singlesRunning: running.length - linesRunning,
        singlesWaiting: jobs.next('single', now) !== undefined,
        linesWaiting: jobs.next('line', now) !== undefined,
      });
      const job = kind && jobs.next(kind, now);
      if (!job) return;
      this.#singlesInARow = kind === 'line' ? 0 : this.#singlesInARow + 1;
      // Durable before the call leaves: the runtime holds back requests until writes are stored.
      jobs.start(job.id, now);
      const abort = new AbortController();
      this.#running.set(job.id, { isLine: kind === 'line', abort });
      this.#world.background(this.#run(job, abort, settings, now));
    }
  }

  async #run(
    job: JobRow,
    abort: AbortController,
    settings: JobSettings,
    now: number,
  ): Promise<void> {
    const attempted = await attemptJob(this.#world.runner, {
      job,
      tenant: this.#world.tenant,
      body: this.#stores.chunks.read(job.id, 'body'),
      maxBytes: settings.resultBytes,
      now,
      signal: abort.signal,
    });
    // Nobody reads the rest of the answer: cancelling the call gives its slot back.
    if (attempted.type === 'too-long') abort.abort();
    // The job was cancelled or has expired meanwhile: its outcome no longer counts.
    if (this.#running.get(job.id)?.abort !== abort) return;
    this.#running.delete(job.id);
    const row = this.#stores.jobs.job(job.id);
    try {
      if (row?.state === 'in_progress') {
        this.#world.transaction(() => this.#settle(row, attempted, settings, now));
      }
    } catch (error) {
      // It is still stored as running: the next turn finds it and starts it again.
      console.error(
        JSON.stringify({ event: 'job_not_settled', job: job.id, error: String(error) }),
      );
    }
    await this.turn();
  }

  #settle(job: JobRow, attempted: Attempted, settings: JobSettings, startedAt: number): void {
    const now = Date.now();
    if (attempted.type === 'too-long') {
      const message = `The answer has more than ${settings.resultBytes} bytes.`;
      return this.#end(job, { state: 'failed', error: { code: 'result_too_large', message } }, now);
    }
    const answered = attempted.type === 'answered' ? attempted : undefined;
    const outcome = afterAttempt(
      {
        status: answered?.status,
        granted: answered?.granted ?? true,
        retryAfterMs: answered?.retryAfterMs,
        attempts: job.attempts,
        maxAttempts: settings.maxAttempts,
      },
      Math.random(),
    );
    this.#pauseIfRefused(outcome.type === 'again' && !outcome.counts, startedAt, now);
    if (outcome.type === 'again') {
      return this.#stores.jobs.putBack(job.id, now + outcome.pauseMs, outcome.counts);
    }
    const { state } = outcome;
    if (!answered) return this.#end(job, { state, error: BROKEN_OFF_ERROR }, now);
    const { status, headers, body } = answered;
    this.#end(job, { state, answer: { status, headers }, body }, now);
  }

  /**
   * Pauses the start of jobs after refusals. Attempts that had started when the pause began do not
   * count: they say nothing of the time after it.
   */
  #pauseIfRefused(wasRefused: boolean, startedAt: number, now: number): void {
    if (startedAt <= this.#pausedSince) return;
    this.#refusedInARow = wasRefused ? this.#refusedInARow + 1 : 0;
    this.#pausedUntil = now + restMs(this.#refusedInARow);
    if (wasRefused) this.#pausedSince = now;
  }

  #stop(job: JobRow, end: JobEnd, now: number): void {
    const running = this.#running.get(job.id);
    this.#running.delete(job.id);
    this.#end(job, end, now);
    running?.abort.abort();
  }

  #end(job: JobRow, end: JobEnd, now: number): void {
    this.#stores.jobs.end(job.id, end, now, this.#retentionMs);
    if (job.batch === undefined) return;
    const { state } = end;
    const outcome = state === 'completed' || state === 'expired' ? state : 'failed';
    this.#stores.batches.count(job.batch, outcome);
  }
}

const BROKEN_OFF_ERROR = { code: 'upstream_error', message: 'The last attempt broke off.' };

function errorOf(job: JobRow, state: 'cancelled' | 'expired'): { code: string; message: string } {
  const what = job.batch === undefined ? 'job' : 'batch';
  return state === 'cancelled'
    ? { code: `${what}_cancelled`, message: `The ${what} was cancelled.` }
    : { code: `${what}_expired`, message: `The deadline of the ${what} has passed.` };
}
