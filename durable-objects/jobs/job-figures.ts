/**
 * The metrics of a tenant's jobs object: what each API key has under way and stored, and how jobs have
 * ended since the object started.
 */
import { MetricSet } from '../../src/metrics/metric-set.ts';
import type { KeyUsage } from '../../src/protocol/jobs.ts';
import type { Figures, Sample } from '../../src/protocol/metrics.ts';

const GAUGES = {
  talaria_jobs_unfinished: 'jobs',
  talaria_jobs_running: 'running',
  talaria_batches_unfinished: 'batches',
  talaria_job_files: 'files',
  talaria_jobs_stored_bytes: 'bytes',
  talaria_job_webhooks_waiting: 'webhooks',
} as const satisfies Record<string, keyof KeyUsage>;

export class JobFigures {
  readonly #startedAt: number;
  readonly #set = new MetricSet();

  constructor(now: number) {
    this.#startedAt = now;
  }

  ended(state: string): void {
    this.#set.add('talaria_jobs_ended_total', [state]);
  }

  retried(): void {
    this.#set.add('talaria_job_retries_total', []);
  }

  /** Undefined for a tenant that has no jobs. */
  at(now: number, usage: readonly KeyUsage[]): Figures | undefined {
    const counted = this.#set.samples();
    if (usage.length === 0 && Object.keys(counted).length === 0) return undefined;
    // A key that was replaced under its id is shown with the new one.
    const byId = [...Map.groupBy(usage, ({ keyId }) => keyId)];
    const gauges = Object.entries(GAUGES).map(([name, field]) => [
      name,
      byId.map(([id, of]): Sample => [[id], of.reduce((sum, u) => sum + u[field], 0)]),
    ]);
    const samples = { ...counted, ...Object.fromEntries(gauges) };
    return { startedAt: this.#startedAt, at: now, samples };
  }
}
