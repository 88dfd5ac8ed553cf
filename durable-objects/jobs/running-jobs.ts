/**
 * The jobs whose calls wait for a slot or run: makes an attempt at each that is chosen (job-starts.ts),
 * and ends it or puts it back by how the attempt went (job-attempt.ts), unless it was stopped before.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { afterAttempt } from '../../src/core/limits/job-rules.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import { type Attempted, attemptJob, type Runner } from './job-attempt.ts';
import type { JobFigures } from './job-figures.ts';
import type { JobRow } from './job-row.ts';
import { JobStarts, type RunningJob } from './job-starts.ts';
import type { JobEnd } from './job-store.ts';
import type { JobStores } from './job-stores.ts';

/** What attempts need of their object. */
export interface AttemptWorld {
  readonly tenant: string;
  readonly runner: Runner;
  /** Counts for the metrics. */
  readonly figures: Pick<JobFigures, 'ended' | 'retried'>;
  /** Keeps the object alive until the task has ended. */
  background(task: Promise<void>): void;
}

export class RunningJobs {
  /** How long an ended job is kept, ms, as the newest settings have it. */
  retentionMs = 0;
  readonly #stores: JobStores;
  readonly #world: AttemptWorld;
  readonly #starts: JobStarts;
  readonly #settled: () => Promise<void>;
  readonly #jobs = new Map<string, RunningJob & { readonly abort: AbortController }>();

  /** `settled` is called when an attempt has ended that was not stopped. */
  constructor(stores: JobStores, world: AttemptWorld, settled: () => Promise<void>) {
    this.#stores = stores;
    this.#world = world;
    this.#starts = new JobStarts(stores.jobs, stores.accounts);
    this.#settled = settled;
  }

  get size(): number {
    return this.#jobs.size;
  }

  values(): Iterable<RunningJob> {
    return this.#jobs.values();
  }

  /** Starts what may start; answers when the next job may, if nothing else happens, epoch ms. */
  startAll(settings: JobSettings, now: number): number {
    return this.#starts.startAll(this.#jobs, settings, now, (job, kind) => {
      // Durable before the call leaves: the runtime holds back requests until writes are stored.
      this.#stores.jobs.start(job.id, now);
      const abort = new AbortController();
      this.#jobs.set(job.id, { kind, keyHash: job.keyHash, abort });
      this.#world.background(this.#run(job, abort, settings, now));
    });
  }

  /** Ends a job that waits or runs, at its client's request or at its deadline. */
  stop(job: JobRow, state: 'cancelled' | 'expired', now: number): void {
    const running = this.#jobs.get(job.id);
    this.#jobs.delete(job.id);
    this.#end(job, { state, error: errorOf(job, state) }, now);
    running?.abort.abort();
  }

  /** Puts back jobs that are stored as running but do not run, because the object has died. */
  restartInterrupted({ maxAttempts }: JobSettings, now: number): void {
    const { jobs } = this.#stores;
    for (const job of jobs.interrupted()) {
      if (this.#jobs.has(job.id)) continue;
      if (job.attempts < maxAttempts) jobs.putBack(job.id, now, true);
      else this.#end(job, { state: 'failed', error: BROKEN_OFF_ERROR }, now);
    }
  }

  /** Aborts all attempts; nothing of them is stored. */
  abandon(): void {
    for (const { abort } of this.#jobs.values()) abort.abort();
    this.#jobs.clear();
  }

  async #run(
    job: JobRow,
    abort: AbortController,
    settings: JobSettings,
    now: number,
  ): Promise<void> {
    const { jobs, chunks, transaction } = this.#stores;
    const attempted = await attemptJob(this.#world.runner, {
      job,
      tenant: this.#world.tenant,
      body: chunks.read(job.id, 'body'),
      maxBytes: settings.resultBytes,
      now,
      signal: abort.signal,
    });
    // Nobody reads the rest of the answer: cancelling the call gives its slot back.
    if (attempted.type === 'too-long') abort.abort();
    // The job was cancelled or has expired meanwhile: its outcome no longer counts.
    if (this.#jobs.get(job.id)?.abort !== abort) return;
    this.#jobs.delete(job.id);
    const row = jobs.job(job.id);
    try {
      if (row?.state === 'in_progress') {
        transaction(() => this.#settle(row, attempted, settings, now));
      }
    } catch (error) {
      // It is still stored as running: the next turn finds it and starts it again.
      logFailure('job_not_settled', error, { job: job.id });
    }
    await this.#settled();
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

  #end(job: JobRow, end: JobEnd, now: number): void {
    this.#stores.jobs.end(job, end, now, this.retentionMs);
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
