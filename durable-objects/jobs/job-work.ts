/**
 * The work of a tenant's jobs object (jobs.ts has its RPC methods): it starts a bounded number of
 * jobs (running-jobs.ts), moves batches on, sends webhooks and deletes what has expired. Turns run one
 * at a time, and every change asks for one.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import { BatchWork } from './batch-work.ts';
import type { JobRow } from './job-row.ts';
import type { RunningJob } from './job-starts.ts';
import type { JobStores } from './job-stores.ts';
import { JobWebhooks } from './job-webhooks.ts';
import { type AttemptWorld, RunningJobs } from './running-jobs.ts';

/** Alarm interval while jobs run, ms: keeps the object awake, and restarts one that has died. */
const HEARTBEAT_MS = 30_000;
/** Interval at which a lack of room or of a configuration is checked again, ms. */
const RECHECK_MS = 30_000;

/** What the work needs of its object. */
export interface JobWorld extends AttemptWorld {
  readonly env: Readonly<Record<string, unknown>>;
  /** Undefined where the tenant has no valid configuration. */
  settings(): Promise<JobSettings | undefined>;
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
  readonly #running: RunningJobs;
  #isTurning = false;
  #isTurnWanted = false;
  /** The tenant was deleted: another work may have begun on the same tables. */
  #isAbandoned = false;

  constructor(stores: JobStores, world: JobWorld) {
    this.#stores = stores;
    this.#world = world;
    this.#batches = new BatchWork(stores, (line, now) => this.cancel(line, now));
    this.#webhooks = new JobWebhooks(stores.webhooks, world.env);
    this.#running = new RunningJobs(stores, world, () => this.turn());
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
    this.#running.stop(job, 'cancelled', now);
  }

  /** Stops all running jobs and every further turn, because the tenant was deleted. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#running.abandon();
  }

  async #runTurn(): Promise<void> {
    const { jobs, files, batches } = this.#stores;
    const settings = await this.#world.settings();
    if (this.#isAbandoned) return;
    if (!settings) return this.#recheckLater();
    const now = Date.now();
    this.#running.retentionMs = settings.retentionMs;
    this.#stores.transaction(() => {
      jobs.forget(now);
      files.forget(now);
      batches.forget(now);
      this.#running.restartInterrupted(settings, now);
      for (const job of jobs.overdue(now)) this.#running.stop(job, 'expired', now);
    });
    if (await this.#moveBatches(settings, now)) this.#isTurnWanted = true;
    if (this.#isAbandoned) return;
    const startAt = this.#running.startAll(settings, now);
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
}
