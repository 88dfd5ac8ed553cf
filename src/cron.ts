/**
 * The cron trigger, once a minute: runs rounds through each shard of the directory
 * (durable-objects/directory/forecast-round.ts) until no tenant is due. A tenant's own object sends
 * the wakes that its forecast asks for, so a slow cold start delays nothing here. A shard that
 * fails never stops the others. A minute that is skipped or doubled does no harm: a tenant is taken
 * once a minute, and an object has one wake at a time in progress for an endpoint.
 */

import { DIRECTORY_SHARDS } from '../durable-objects/directory/directory-client.ts';
import type { RoundReport } from '../durable-objects/directory/forecast-round.ts';
import { logError } from './protocol/log.ts';

/** Most rounds of a shard in a minute: enough for all tenants that a shard can hold. */
const MAX_ROUNDS = 25;

export interface CronReport {
  readonly rounds: number;
  readonly tenants: number;
  readonly pings: number;
  readonly failed: number;
}

/** Runs all shards at the same time; a failed shard is only logged. */
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
    logError({ event: 'cron_failed', shard, error: String(error) });
  }
  return reports;
}
