/** The webhooks of ended jobs: sent in bounded number, again where they were not taken. */

import type { JobSettings } from '../../src/config/job-settings.ts';
import { webhookPauseMs } from '../../src/core/limits/job-rules.ts';
import { jobView } from '../../src/jobs/job-view.ts';
import { deliver, keyOfSecret } from '../../src/jobs/webhook.ts';
import { type JobRow, shownJob } from './job-row.ts';
import type { JobStore } from './job-store.ts';

const AT_ONCE = 4;
/** Longer than one delivery can take: a try that nobody lives to report is made again. */
const LEASE_MS = 60_000;

export class JobWebhooks {
  readonly #jobs: JobStore;
  readonly #env: Readonly<Record<string, unknown>>;
  #sending = 0;

  constructor(jobs: JobStore, env: Readonly<Record<string, unknown>>) {
    this.#jobs = jobs;
    this.#env = env;
  }

  /** When the next is to be sent, epoch ms; Infinity for never, or not until one has ended. */
  get dueAt(): number {
    return this.#sending < AT_ONCE ? this.#jobs.webhookDueAt : Infinity;
  }

  /** Sends what is due; one promise each, which never rejects. */
  send(settings: JobSettings, now: number): Array<Promise<void>> {
    return this.#jobs.dueWebhooks(now, AT_ONCE - this.#sending).map((job) => {
      this.#sending += 1;
      this.#jobs.webhookStarted(job.id, now + LEASE_MS);
      return this.#send(job, settings, now);
    });
  }

  async #send(job: JobRow, { webhookSecret }: JobSettings, now: number): Promise<void> {
    const ofTenant = webhookSecret === undefined ? undefined : this.#env[webhookSecret];
    const secret = keyOfSecret(job.webhookSecret ?? String(ofTenant ?? ''));
    const event = {
      type: `job.${job.state}`,
      timestamp: new Date(job.endedAt ?? now).toISOString(),
      data: jobView(shownJob(job)),
    };
    const message = {
      id: `msg_${job.id}`,
      timestamp: Math.floor(now / 1000),
      body: JSON.stringify(event),
    };
    const rules = { development: this.#env.ENVIRONMENT === 'development' };
    const url = job.webhook?.url ?? '';
    const taken = secret !== undefined && (await deliver(url, message, secret, rules));
    this.#sending -= 1;
    try {
      this.#tried(job, taken);
    } catch (error) {
      console.error(JSON.stringify({ event: 'webhook_lost', job: job.id, error: String(error) }));
    }
  }

  #tried({ id, webhook }: JobRow, taken: boolean): void {
    if (taken) return this.#jobs.webhookTried(id, 'delivered');
    const pauseMs = webhookPauseMs((webhook?.tries ?? 0) + 1, Math.random());
    if (pauseMs === undefined) return this.#jobs.webhookTried(id, 'failed');
    this.#jobs.webhookTried(id, 'pending', Date.now() + pauseMs);
  }
}
