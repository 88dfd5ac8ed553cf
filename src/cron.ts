/**
 * The cron trigger, each minute: one round after the other through each shard of the directory
 * (durable-objects/forecast-round.ts), until nobody is due any more. What a forecast asks for is
 * pinged by the tenant's own object, so a slow cold start holds up nobody here. A shard that fails
 * never stops the others; a minute that is skipped or doubled does no harm, since a tenant is taken
 * once a minute, and an object makes one ping at a time for an endpoint.
 */
import { DIRECTORY_SHARDS } from '../durable-objects/directory/directory-client.ts';
import type { RoundReport } from '../durable-objects/directory/forecast-round.ts';

/** Rounds of a shard in a minute: enough for as many tenants as a shard holds. */
const MAX_ROUNDS = 25;

export interface CronReport {
  readonly rounds: number;
  readonly tenants: number;
  readonly pings: number;
  readonly failed: number;
}

export async function runCron(env: Env, now: number): Promise<CronReport> {
  const shards = Array.from({ length: DIRECTORY_SHARDS }, (_, i) => i);
  const reports = (await Promise.all(shards.map((shard) => roundsOf(env, shard, now)))).flat();
  const sum = (of: (report: RoundReport) => number) => reports.reduce((n, r) => n + of(r), 0);
  return {
    rounds: reports.length,
    tenants: sum((r) => r.asked),
    pings: sum((r) => r.pinged),
    failed: sum((r) => r.failed),
  };
}

async function roundsOf(env: Env, shard: number, now: number): Promise<RoundReport[]> {
  const reports: RoundReport[] = [];
  try {
    for (let more = true; more && reports.length < MAX_ROUNDS; ) {
      const report = { ...(await env.ROUND.getByName(`round-${shard}`).run(shard, now)) };
      reports.push(report);
      more = report.more;
    }
  } catch (error) {
    console.error(JSON.stringify({ event: 'cron_failed', shard, error: String(error) }));
  }
  return reports;
}
