/**
 * The Durable Object of a tenant's jobs, batches and files, beside the one that admits calls
 * (tenant.ts). What it has acknowledged is in SQLite (job-stores.ts), and what it takes is said in
 * order-answers.ts. job-work.ts runs the jobs: their calls take the same way as every client's call,
 * and a job that ran when the object died is started again.
 */
import { DurableObject } from 'cloudflare:workers';
import type { JobSettings } from '../../src/config/job-settings.ts';
import { loadTenant } from '../../src/config/store.ts';
import { ENDED } from '../../src/core/limits/job-rules.ts';
import type {
  Batch,
  BatchOrdered,
  Created,
  FileFilter,
  FileOpened,
  Job,
  JobState,
  JobsApi,
  KeyUsage,
  Listed,
  NewBatch,
  NewFile,
  NewJob,
  Page,
  StoredFile,
} from '../../src/protocol/jobs.ts';
import { ObjectAlarm } from '../alarm.ts';
import { MetricsPush } from '../metrics-push.ts';
import { JobFigures } from './job-figures.ts';
import { shownJob } from './job-row.ts';
import { type JobStores, jobStores } from './job-stores.ts';
import { JobWork } from './job-work.ts';
import { UNKNOWN_KEY } from './key-accounts.ts';
import { answerToBatch, answerToFile, answerToJob } from './order-answers.ts';

/** Delay of the alarm that starts new work if the object dies first, ms; else it starts at once. */
const SOON_MS = 1_000;
/** Deadline of a batch, ms: OpenAI's only completion window. */
const BATCH_WINDOW_MS = 86_400_000;

export class JobsObject extends DurableObject<Env> implements JobsApi {
  readonly #alarm: ObjectAlarm;
  readonly #tenant: string;
  #figures = new JobFigures(Date.now());
  readonly #metrics: MetricsPush;
  #stores: JobStores;
  #work: JobWork;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#alarm = new ObjectAlarm(ctx.storage);
    // The name is also stored: an object that is woken by an alarm may not know it.
    this.#tenant = ctx.id.name ?? ctx.storage.kv.get<string>('tenant') ?? '';
    if (ctx.storage.kv.get('tenant') === undefined) ctx.storage.kv.put('tenant', this.#tenant);
    this.#stores = jobStores(ctx.storage);
    this.#metrics = new MetricsPush({
      register: env.METRICS,
      tenant: this.#tenant,
      of: 'jobs',
      figures: (now) => this.#figures.at(now, this.#usage()),
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
    this.#work = this.#newWork();
    // What was in progress when the object died goes on, whatever has woken it.
    this.#work.kick();
  }

  async createJob(job: NewJob): Promise<Created> {
    const settings = await this.#settings();
    const { jobs, transaction } = this.#stores;
    const answer = answerToJob(this.#stores, job, settings);
    if (answer) return answer;
    transaction(() => jobs.insert(job));
    await this.#soon();
    const created = jobs.job(job.id);
    if (!created) throw new Error('a job is gone that was just made');
    return { status: 'created', job: shownJob(created) };
  }

  async job(id: string): Promise<{ job: Job; body: Uint8Array } | undefined> {
    const row = this.#single(id);
    if (!row) return undefined;
    return { job: shownJob(row), body: this.#stores.chunks.read(id, 'answer') };
  }

  async listJobs(page: Page, state?: JobState): Promise<Listed<Job>> {
    const { items, more } = this.#stores.jobs.list(page, state);
    return { items, more };
  }

  async dropJob(id: string): Promise<{ job: Job; deleted: boolean } | undefined> {
    const row = this.#single(id);
    if (!row) return undefined;
    const deleted = ENDED.has(row.state);
    this.#stores.transaction(() => {
      if (deleted) this.#stores.jobs.delete(id);
      else this.#work.cancel(row, Date.now());
    });
    await this.#soon();
    const remaining = this.#stores.jobs.job(id) ?? row;
    return { job: shownJob(remaining), deleted };
  }

  async openFile(file: NewFile, bytes: number): Promise<FileOpened> {
    const settings = await this.#settings();
    const { files, transaction } = this.#stores;
    const answer = answerToFile(this.#stores, file, bytes, settings);
    if (answer) return answer;
    const { keyId = '', keyHash = UNKNOWN_KEY } = file;
    transaction(() => files.begin(file, bytes, { keyId, keyHash }));
    await this.#soon();
    return { status: 'opened' };
  }

  async beginFile(file: NewFile, bytes: number): Promise<boolean> {
    return (await this.openFile(file, bytes)).status === 'opened';
  }

  async putPiece(id: string, n: number, bytes: Uint8Array): Promise<boolean> {
    if (!this.#stores.files.isBegun(id)) return false;
    this.#stores.chunks.put(id, 'file', n, bytes);
    return true;
  }

  async completeFile(id: string, lifetimeMs?: number): Promise<StoredFile | undefined> {
    const settings = await this.#settings();
    const keptMs = Math.min(settings?.retentionMs ?? BATCH_WINDOW_MS, lifetimeMs ?? Infinity);
    const file = this.#stores.transaction(() =>
      this.#stores.files.complete(id, Date.now() + keptMs),
    );
    await this.#soon();
    return file;
  }

  async file(id: string): Promise<StoredFile | undefined> {
    return this.#stores.files.file(id);
  }

  async listFiles(page: Page, filter: FileFilter): Promise<Listed<StoredFile>> {
    return this.#stores.files.list(page, filter);
  }

  async deleteFile(id: string): Promise<boolean> {
    if (!this.#stores.files.file(id)) return false;
    this.#stores.transaction(() => this.#stores.files.delete(id));
    await this.#soon();
    return true;
  }

  async piece(id: string, n: number): Promise<Uint8Array | undefined> {
    return this.#stores.files.file(id) && this.#stores.chunks.piece(id, 'file', n);
  }

  async orderBatch(batch: NewBatch): Promise<BatchOrdered> {
    const settings = await this.#settings();
    const { batches, transaction } = this.#stores;
    const answer = answerToBatch(this.#stores, batch, settings);
    if (answer) return answer;
    const now = Date.now();
    transaction(() => batches.insert(batch, now, now + BATCH_WINDOW_MS));
    await this.#soon();
    const ordered = batches.batch(batch.id);
    return ordered ? { status: 'ordered', batch: ordered } : { status: 'no-input' };
  }

  async createBatch(batch: NewBatch): Promise<Batch | undefined> {
    const ordered = await this.orderBatch(batch);
    return ordered.status === 'ordered' ? ordered.batch : undefined;
  }

  async batch(id: string): Promise<Batch | undefined> {
    return this.#stores.batches.batch(id);
  }

  async listBatches(page: Page): Promise<Listed<Batch>> {
    return this.#stores.batches.list(page);
  }

  /** Ends the unfinished lines of a batch; those that have ended are in its files all the same. */
  async cancelBatch(id: string): Promise<{ batch: Batch; cancelled: boolean } | undefined> {
    const { batches } = this.#stores;
    const batch = batches.batch(id);
    if (!batch) return undefined;
    const isUnderWay = batch.state === 'validating' || batch.state === 'in_progress';
    if (!isUnderWay) return { batch, cancelled: batch.state === 'cancelling' };
    const changed = this.#stores.transaction(() => batches.change(batch, 'cancelling', Date.now()));
    await this.#soon();
    return { batch: changed, cancelled: true };
  }

  async usage(): Promise<readonly KeyUsage[]> {
    return this.#usage();
  }

  #usage(): KeyUsage[] {
    const running = [...this.#work.running];
    return this.#stores.accounts.all().map(({ keyId, keyHash, bytes, jobs, batches, files }) => ({
      ...{ keyId, keyHash, bytes, jobs, batches, files },
      running: running.filter((job) => job.keyHash === keyHash).length,
      webhooks: this.#stores.webhooks.countOf(keyHash),
    }));
  }

  /** Deletes all jobs, batches and files, because the tenant was deleted. */
  async destroy(): Promise<void> {
    this.#work.abandon();
    await this.#metrics.forget();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#alarm.fired();
    this.#stores = jobStores(this.ctx.storage);
    // What was counted goes with the tenant: a later turn would bring it to the metrics again.
    this.#figures = new JobFigures(Date.now());
    this.#work = this.#newWork();
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired();
    await this.#work.turn();
  }

  /** The row of a single job; lines of batches are shown by their batch only. */
  #single(id: string) {
    const row = this.#stores.jobs.job(id);
    return row?.batch === undefined ? row : undefined;
  }

  /** Starts new work. The alarm is stored with it, so that the work goes on if the object dies. */
  async #soon(): Promise<void> {
    await this.#alarm.arm(Date.now() + SOON_MS);
    this.#work.kick();
  }

  /** Undefined where the tenant has no valid configuration, or was deleted during the request. */
  async #settings(): Promise<JobSettings | undefined> {
    const work = this.#work;
    const tenant = await loadTenant(this.env, this.#tenant);
    if (!tenant.ok || this.#work !== work) return undefined;
    const { jobs, keys = [] } = tenant.loaded.config;
    // Nothing is kept from the only key of a tenant.
    return keys.length > 1 ? jobs : { ...jobs, keyShare: 1 };
  }

  #newWork(): JobWork {
    return new JobWork(this.#stores, {
      tenant: this.#tenant,
      runner: { fetch: (request) => this.ctx.exports.JobRunner.fetch(request) },
      env: { ...this.env },
      settings: () => this.#settings(),
      figures: this.#figures,
      turned: () => this.#metrics.changed(),
      background: (task) => this.ctx.waitUntil(task),
      arm: (at) => this.#alarm.arm(at),
    });
  }
}
