/**
 * One round of the cron through one shard of the directory: takes the tenants that are due, asks
 * their objects for a forecast, and tells the directory when each is due again. It is a Durable
 * Object only so that each round is an invocation with limits of its own: 10,000 tenants in one
 * cron invocation would need ten times the subrequests that it may make. It stores nothing. The
 * cron is src/cron.ts.
 */
import { DurableObject } from 'cloudflare:workers';
import { inTime } from '../../src/protocol/in-time.ts';
import type { ForecastAnswer } from '../../src/protocol/tenant.ts';
import { FORECAST_PERIOD_MS, reschedule, takeDue } from './directory-client.ts';

/** Tenants of a round: with the calls to the directory, half of 1,000 subrequests. */
export const TENANTS_A_ROUND = 450;
/** Tenants in one call to the directory: its arguments travel in a header. */
export const TENANTS_A_CALL = 50;
/** Objects asked at a time; where fewer connections are allowed, the runtime queues requests. */
const CONCURRENCY = 50;
/** Time after which a round no longer waits for a tenant, ms. */
const PATIENCE_MS = 20_000;

export interface RoundReport {
  readonly asked: number;
  readonly pinged: number;
  readonly failed: number;
  /** More tenants of the shard were due than one round asks. */
  readonly more: boolean;
}

/** The calls of a round to the directory and to tenants. */
export interface RoundWorld {
  take(most: number): Promise<{ tenants: readonly string[]; more: boolean }>;
  forecast(tenant: string): Promise<ForecastAnswer>;
  /** When each tenant is due again, epoch ms; null: not until it announces itself. */
  reschedule(next: ReadonlyArray<readonly [string, number | null]>): Promise<void>;
}

export class ForecastRound extends DurableObject<Env> {
  async run(shard: number, now: number): Promise<RoundReport> {
    const { DIRECTORY, TENANT } = this.env;
    return runRound(now, {
      take: (most) => takeDue(DIRECTORY, shard, now, most),
      forecast: async (tenant) => ({ ...(await TENANT.getByName(tenant).forecast()) }),
      reschedule: (next) => reschedule(DIRECTORY, shard, next),
    });
  }
}

/** Runs one round; never rejects because of a single tenant. */
export async function runRound(now: number, world: RoundWorld): Promise<RoundReport> {
  const { tenants, more } = await world.take(TENANTS_A_ROUND);
  const queue = [...tenants];
  const next: Array<readonly [string, number | null]> = [];
  let [pinged, failed] = [0, 0];
  const ask = async () => {
    for (let tenant = queue.pop(); tenant !== undefined; tenant = queue.pop()) {
      // A tenant that fails or is late never stops the others.
      const asked = () => world.forecast(tenant);
      const answer = await inTime(asked, PATIENCE_MS, 'forecast_failed', { tenant });
      pinged += answer?.pinged ?? 0;
      failed += answer ? 0 : 1;
      // A tenant that was taken is already due again in the next minute, also where it has failed.
      if (!answer || soon(answer.nextAt, now)) continue;
      next.push([tenant, answer.nextAt ?? null]);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, ask));
  for (let i = 0; i < next.length; i += TENANTS_A_CALL) {
    await world.reschedule(next.slice(i, i + TENANTS_A_CALL));
  }
  return { asked: tenants.length, pinged, failed, more };
}

/** Whether a time is no later than the next minute. */
function soon(at: number | undefined, now: number): boolean {
  return at !== undefined && at < now + 2 * FORECAST_PERIOD_MS;
}
