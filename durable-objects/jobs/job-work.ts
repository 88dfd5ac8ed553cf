/**
 * What a tenant's jobs' object does: starts jobs in bounded number, settles what they come to, moves
 * batches on, sends webhooks, forgets what is old. One turn at a time; whatever changes asks for one.
 */

import type { JobSettings } from '../../src/config/job-settings.ts';
import { afterAttempt, nextToStart, restMs } from '../../src/core/limits/job-rules.ts';
import { type BatchStores, BatchWork } from './batch-work.ts';
import { type Attempted, attemptJob, type Runner } from './job-attempt.ts';
import type { JobRow } from './job-row.ts';
import type { JobEnd } from './job-store.ts';
import { JobWebhooks } from './job-webhooks.ts';

/** A sign of life while jobs run: keeps the object awake, and wakes one that has died. */
const HEARTBEAT_MS = 30_000;
/** Between two looks for room, or for a configuration. */
const LOOK_MS = 30_000;

/** What the work needs of its object. */
export interface JobWorld {
  readonly tenant: string;
  readonly runner: Runner;
  readonly env: Readonly<Record<string, unknown>>;
  /** Undefined where the tenant has no valid configuration. */
  settings(): Promise<JobSettings | undefined>;
  transaction<T>(act: () => T): T;
  /** Keeps the object alive meanwhile. */
  background(task: Promise<void>): void;
  arm(at: number): Promise<void>;
}

export class JobWork {
  readonly #stores: BatchStores;
  readonly #world: JobWorld;
  readonly #batches: BatchWork;
  readonly #webhooks: JobWebhooks;
  readonly #running = new Map<string, { isLine: boolean; abort: AbortController }>();
  #keptMs = 0;
  #singlesInARow = 0;
  /** Attempts that were turned away one after the other, and from when until when none is made. */
  #turnedAway = 0;
  #restsSince = 0;
  #restsUntil = 0;
  #turning = false;
  #wanted = false;

  constructor(stores: BatchStores, world: JobWorld) {
    this.#stores = stores;
    this.#world = world;
    this.#batches = new BatchWork(stores, (line, now) => this.cancel(line, now));
    this.#webhooks = new JobWebhooks(stores.jobs, world.env);
  }

  /** Asks for a turn. */
  kick(): void {
    this.#world.background(this.turn());
  }

  /** Does what is due, and arms the alarm for what will be. Never throws. */
  async turn(): Promise<void> {
    this.#wanted = true;
    if (this.#turning) return;
    this.#turning = true;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#once();
      }
    } catch (error) {
      console.error(JSON.stringify({ event: 'jobs_failed', error: String(error) }));
      await this.#world.arm(Date.now() + LOOK_MS).catch(() => {});
    } finally {
      this.#turning = false;
    }
  }

  /** Ends a job that waits or runs, at its client's wish. */
  cancel(job: JobRow, now: number): void {
    this.#stop(job, { state: 'cancelled', error: errorOf(job, 'cancelled') }, now);
  }

  /** Stops whatever runs: the tenant is gone. */
  abandon(): void {
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  async #once(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const settings = await this.#world.settings();
    if (!settings) return this.#lookAgain();
    const now = Date.now();
    this.#keptMs = settings.retentionMs;
    this.#world.transaction(() => {
      jobs.forget(now);
      files.forget(now);
      batches.forget(now);
      this.#reclaim(settings, now);
      for (const job of jobs.overdue(now)) {
        this.#stop(job, { state: 'expired', error: errorOf(job, 'expired') }, now);
      }
    });
    if (this.#moveBatches(settings, now)) {
      this.#wanted = true;
      // Whoever asks something of the object gets in between.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const isFull = this.#stores.chunks.total >= settings.totalBytes;
    if (!isFull && now >= this.#restsUntil) this.#startJobs(settings, now);
    for (const sent of this.#webhooks.send(settings, now)) {
      this.#world.background(sent.then(() => this.turn()));
    }
    const canStart = !isFull && this.#running.size < settings.concurrency;
    await this.#world.arm(
      Math.min(
        canStart ? Math.max(jobs.startDueAt, this.#restsUntil) : Infinity,
        jobs.dueAt,
        files.dueAt,
        batches.dueAt,
        this.#webhooks.dueAt,
        this.#running.size > 0 ? now + HEARTBEAT_MS : Infinity,
        isFull ? now + LOOK_MS : Infinity,
      ),
    );
  }

  /** Without a configuration nothing is done; of a tenant that is gone nothing is there to do. */
  async #lookAgain(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const dueAt = Math.min(jobs.startDueAt, jobs.dueAt, files.dueAt, batches.dueAt);
    if (dueAt < Infinity || batches.underWay().length > 0) {
      await this.#world.arm(Date.now() + LOOK_MS);
    }
  }

  /** Jobs that are down as running but do not: the object died meanwhile. */
  #reclaim({ maxAttempts }: JobSettings, now: number): void {
    const { jobs } = this.#stores;
    for (const job of jobs.interrupted()) {
      if (this.#running.has(job.id)) continue;
      if (job.attempts < maxAttempts) jobs.putBack(job.id, now, true);
      else this.#end(job, { state: 'failed', error: BROKEN_OFF }, now);
    }
  }

  #moveBatches(settings: JobSettings, now: number): boolean {
    let moved = false;
    for (const batch of this.#stores.batches.underWay()) {
      try {
        moved = this.#world.transaction(() => this.#batches.step(batch, settings, now)) || moved;
      } catch (error) {
        // The others go on; it is tried again with the next turn.
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
      // Durable before the call leaves: what the object sends waits for what it wrote.
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
    // Nobody reads the rest: the call is cancelled, and its slot given back.
    if (attempted.type === 'too-long') abort.abort();
    // Cancelled or expired meanwhile: what it came to counts no more.
    if (this.#running.get(job.id)?.abort !== abort) return;
    this.#running.delete(job.id);
    const row = this.#stores.jobs.job(job.id);
    try {
      if (row?.state === 'in_progress') {
        this.#world.transaction(() => this.#settle(row, attempted, settings, now));
      }
    } catch (error) {
      // It is down as running still: the next turn finds it and starts it again.
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
    this.#rest(outcome.type === 'again' && !outcome.counts, startedAt, now);
    if (outcome.type === 'again') {
      return this.#stores.jobs.putBack(job.id, now + outcome.pauseMs, outcome.counts);
    }
    const { state } = outcome;
    if (!answered) return this.#end(job, { state, error: BROKEN_OFF }, now);
    const { status, headers, body } = answered;
    this.#end(job, { state, answer: { status, headers }, body }, now);
  }

  /** Those that were under way already when the pause began tell nothing of what came after. */
  #rest(wasTurnedAway: boolean, startedAt: number, now: number): void {
    if (startedAt <= this.#restsSince) return;
    this.#turnedAway = wasTurnedAway ? this.#turnedAway + 1 : 0;
    this.#restsUntil = now + restMs(this.#turnedAway);
    if (wasTurnedAway) this.#restsSince = now;
  }

  #stop(job: JobRow, end: JobEnd, now: number): void {
    const running = this.#running.get(job.id);
    this.#running.delete(job.id);
    this.#end(job, end, now);
    running?.abort.abort();
  }

  #end(job: JobRow, end: JobEnd, now: number): void {
    this.#stores.jobs.end(job.id, end, now, this.#keptMs);
    if (job.batch === undefined) return;
    const { state } = end;
    const as = state === 'completed' || state === 'expired' ? state : 'failed';
    this.#stores.batches.count(job.batch, as);
  }
}

const BROKEN_OFF = { code: 'upstream_error', message: 'The last attempt broke off.' };

function errorOf(job: JobRow, state: 'cancelled' | 'expired'): { code: string; message: string } {
  const what = job.batch === undefined ? 'job' : 'batch';
  return state === 'cancelled'
    ? { code: `${what}_cancelled`, message: `The ${what} was cancelled.` }
    : { code: `${what}_expired`, message: `The deadline of the ${what} has passed.` };
}
