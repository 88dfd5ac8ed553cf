/**
 * Sends the webhooks of ended jobs, a bounded number at a time, and repeats deliveries that failed.
 * The format and a single delivery are in src/jobs/webhook.ts.
 */

import type { JobSettings } from '../../src/config/job-settings.ts';
import { webhookPauseMs } from '../../src/core/limits/job-rules.ts';
import { jobView } from '../../src/jobs/job-view.ts';
import { deliver, keyOfSecret } from '../../src/jobs/webhook.ts';
import { type JobRow, shownJob } from './job-row.ts';
import type { JobStore } from './job-store.ts';

/** Most deliveries at a time. */
const MAX_SENDING = 4;
/** Longer than one delivery can take, ms: then one that was cut off by a restart is made again. */
const LEASE_MS = 60_000;

export class JobWebhooks {
  readonly #jobs: JobStore;
  readonly #env: Readonly<Record<string, unknown>>;
  #sending = 0;

  constructor(jobs: JobStore, env: Readonly<Record<string, unknown>>) {
    this.#jobs = jobs;
    this.#env = env;
  }

  /** When the next delivery is due, epoch ms; Infinity for none, or while no more may be sent. */
  get dueAt(): number {
    return this.#sending < MAX_SENDING ? this.#jobs.webhookDueAt : Infinity;
  }

  /** Starts due deliveries; returns one promise for each, which never rejects. */
  send(settings: JobSettings, now: number): Array<Promise<void>> {
    return this.#jobs.dueWebhooks(now, MAX_SENDING - this.#sending).map((job) => {
      this.#sending += 1;
      this.#jobs.webhookStarted(job.id, now + LEASE_MS);
      return this.#send(job, settings, now);
    });
  }

  async #send(job: JobRow, { webhookSecret }: JobSettings, now: number): Promise<void> {
    const tenantSecret = webhookSecret === undefined ? undefined : this.#env[webhookSecret];
    const secret = keyOfSecret(job.webhookSecret ?? String(tenantSecret ?? ''));
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
    const isDelivered = secret !== undefined && (await deliver(url, message, secret, rules));
    this.#sending -= 1;
    try {
      this.#settle(job, isDelivered);
    } catch (error) {
      console.error(JSON.stringify({ event: 'webhook_lost', job: job.id, error: String(error) }));
    }
  }

  #settle({ id, webhook }: JobRow, isDelivered: boolean): void {
    if (isDelivered) return this.#jobs.webhookTried(id, 'delivered');
    const pauseMs = webhookPauseMs((webhook?.tries ?? 0) + 1, Math.random());
    if (pauseMs === undefined) return this.#jobs.webhookTried(id, 'failed');
    this.#jobs.webhookTried(id, 'pending', Date.now() + pauseMs);
  }
}
