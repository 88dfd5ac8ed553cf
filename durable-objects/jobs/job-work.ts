/**
 * The work of a tenant's jobs object (jobs.ts has its RPC methods): it starts a bounded number of
 * jobs, settles their outcomes, moves batches on, sends webhooks and deletes what has expired.
 * Turns run one at a time, and every change asks for one. A single attempt is in job-attempt.ts.
 */

import type { JobSettings } from '../../src/config/job-settings.ts';
import { afterAttempt } from '../../src/core/limits/job-rules.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import { BatchWork } from './batch-work.ts';
import { type Attempted, attemptJob, type Runner } from './job-attempt.ts';
import type { JobFigures } from './job-figures.ts';
import type { JobRow } from './job-row.ts';
import { JobStarts, type RunningJob } from './job-starts.ts';
import type { JobEnd } from './job-store.ts';
import type { JobStores } from './job-stores.ts';
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
  /** Keeps the object alive until the task has ended. */
  background(task: Promise<void>): void;
  /** Counts for the metrics. */
  readonly figures: Pick<JobFigures, 'ended' | 'retried'>;
  /** Called after each turn. */
  turned(): void;
  /** Makes sure that the alarm fires at `at` (epoch ms) or before. */
  arm(at: number): Promise<void>;
}

export class JobWork {
  readonly #stores: JobStores;
  readonly #world: JobWorld;
  readonly #batches: BatchWork;
  readonly #webhooks: JobWebhooks;
  readonly #starts: JobStarts;
  readonly #running = new Map<string, RunningJob & { readonly abort: AbortController }>();
  #retentionMs = 0;
  #isTurning = false;
  #isTurnWanted = false;
  /** The tenant was deleted: another work may have begun on the same tables. */
  #isAbandoned = false;

  constructor(stores: JobStores, world: JobWorld) {
    this.#stores = stores;
    this.#world = world;
    this.#batches = new BatchWork(stores, (line, now) => this.cancel(line, now));
    this.#webhooks = new JobWebhooks(stores.webhooks, world.env);
    this.#starts = new JobStarts(stores.jobs, stores.accounts);
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
      while (this.#isTurnWanted && !this.#isAbandoned) {
        this.#isTurnWanted = false;
        await this.#runTurn();
      }
    } catch (error) {
      logFailure('jobs_failed', error);
      if (this.#isAbandoned) return;
      await this.#world.arm(Date.now() + RECHECK_MS).catch(() => {});
    } finally {
      this.#isTurning = false;
      if (!this.#isAbandoned) this.#world.turned();
    }
  }

  /** Jobs whose calls wait for a slot or run. */
  get running(): Iterable<RunningJob> {
    return this.#running.values();
  }

  /** Ends a job that waits or runs, at its client's request. */
  cancel(job: JobRow, now: number): void {
    this.#stop(job, { state: 'cancelled', error: errorOf(job, 'cancelled') }, now);
  }

  /** Stops all running jobs and every further turn, because the tenant was deleted. */
  abandon(): void {
    this.#isAbandoned = true;
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  async #runTurn(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const settings = await this.#world.settings();
    if (this.#isAbandoned) return;
    if (!settings) return this.#recheckLater();
    const now = Date.now();
    this.#retentionMs = settings.retentionMs;
    this.#stores.transaction(() => {
      jobs.forget(now);
      files.forget(now);
      batches.forget(now);
      this.#restartInterrupted(settings, now);
      for (const job of jobs.overdue(now)) {
        this.#stop(job, { state: 'expired', error: errorOf(job, 'expired') }, now);
      }
    });
    if (await this.#moveBatches(settings, now)) this.#isTurnWanted = true;
    if (this.#isAbandoned) return;
    const startAt = this.#starts.startAll(this.#running, settings, now, (job, kind) => {
      // Durable before the call leaves: the runtime holds back requests until writes are stored.
      jobs.start(job.id, now);
      const abort = new AbortController();
      this.#running.set(job.id, { kind, keyHash: job.keyHash, abort });
      this.#world.background(this.#run(job, abort, settings, now));
    });
    for (const delivery of this.#webhooks.send(settings, now)) {
      this.#world.background(delivery.then(() => this.turn()));
    }
    await this.#world.arm(
      Math.min(
        startAt,
        jobs.dueAt,
        files.dueAt,
        batches.dueAt,
        this.#webhooks.dueAt(settings, now),
        this.#running.size > 0 ? now + HEARTBEAT_MS : Infinity,
      ),
    );
  }

  /** Without a configuration nothing is done; the alarm is set only where there is work left. */
  async #recheckLater(): Promise<void> {
    const { jobs, files, batches, accounts } = this.#stores;
    const dueAt = Math.min(jobs.dueAt, files.dueAt, batches.dueAt);
    if (dueAt < Infinity || accounts.total.jobs > 0 || batches.areUnderWay) {
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

  /**
   * One step for each key that has batches to move, of its oldest batch that has one to make; true
   * where any made one. Requests to the object run between two steps.
   */
  async #moveBatches(settings: JobSettings, now: number): Promise<boolean> {
    let moved = false;
    for (const ids of this.#stores.batches.moving().values()) {
      if (!ids.some((id) => this.#moveBatch(id, settings, now))) continue;
      moved = true;
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#isAbandoned) break;
    }
    return moved;
  }

  #moveBatch(id: string, settings: JobSettings, now: number): boolean {
    try {
      return this.#stores.transaction(() => {
        const batch = this.#stores.batches.batch(id);
        return batch !== undefined && this.#batches.step(batch, settings, now);
      });
    } catch (error) {
      // The other batches go on; the next turn tries this one again.
      logFailure('batch_not_moved', error, { batch: id });
      return false;
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
        this.#stores.transaction(() => this.#settle(row, attempted, settings, now));
      }
    } catch (error) {
      // It is still stored as running: the next turn finds it and starts it again.
      logFailure('job_not_settled', error, { job: job.id });
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
    const wasRefused = outcome.type === 'again' && !outcome.counts;
    this.#starts.ended(job.keyHash, wasRefused, startedAt, now);
    if (outcome.type === 'again') {
      this.#world.figures.retried();
      return this.#stores.jobs.putBack(job.id, now + outcome.pauseMs, outcome.counts);
    }
    const { state } = outcome;
    if (!answered) return this.#end(job, { state, error: BROKEN_OFF_ERROR }, now);
    const { status, headers, body } = answered;
    this.#end(job, { state, answer: { status, headers }, body }, now);
  }

  #stop(job: JobRow, end: JobEnd, now: number): void {
    const running = this.#running.get(job.id);
    this.#running.delete(job.id);
    this.#end(job, end, now);
    running?.abort.abort();
  }

  #end(job: JobRow, end: JobEnd, now: number): void {
    this.#stores.jobs.end(job, end, now, this.#retentionMs);
    this.#world.figures.ended(end.state);
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
