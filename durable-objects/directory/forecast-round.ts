/**
 * One round of the cron through one shard of the directory: takes the tenants that are due, asks
 * their objects for a forecast, and tells the directory when to ask each again. It is an object only
 * so that each round is an invocation of its own, with its own limits: 10,000 tenants in one cron
 * invocation would be ten times the subrequests that it may make. It keeps nothing.
 */
import { DurableObject } from 'cloudflare:workers';
import type { ForecastAnswer } from '../../src/protocol/tenant.ts';
import { FORECAST_PERIOD_MS, reschedule, takeDue } from './directory-client.ts';

/** Tenants asked in a round: with what is told to the directory, half of 1,000 subrequests. */
export const TENANTS_A_ROUND = 450;
/** Tenants told to the directory in a call: its arguments travel in a header. */
export const TENANTS_A_CALL = 50;
/** Objects asked at a time; where connections are fewer, the runtime queues. */
const CONCURRENCY = 50;
/** A tenant that has not answered by then does not hold up the round. */
const PATIENCE_MS = 20_000;

export interface RoundReport {
  readonly asked: number;
  readonly pinged: number;
  readonly failed: number;
  /** More tenants of the shard were due than one round asks. */
  readonly more: boolean;
}

/** What a round calls. */
export interface RoundWorld {
  take(most: number): Promise<{ tenants: readonly string[]; more: boolean }>;
  forecast(tenant: string): Promise<ForecastAnswer>;
  /** When each is to be asked next, epoch ms; null: not until it says so. */
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

export async function runRound(now: number, world: RoundWorld): Promise<RoundReport> {
  const { tenants, more } = await world.take(TENANTS_A_ROUND);
  const queue = [...tenants];
  const next: Array<readonly [string, number | null]> = [];
  let [pinged, failed] = [0, 0];
  const ask = async () => {
    for (let tenant = queue.pop(); tenant !== undefined; tenant = queue.pop()) {
      const answer = await answerOf(tenant, world);
      pinged += answer?.pinged ?? 0;
      failed += answer ? 0 : 1;
      // Who is to be asked in the next minute is down for it since it was taken; so is who failed.
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

/** A tenant that fails, or does not answer, never stops the others. */
async function answerOf(tenant: string, world: RoundWorld): Promise<ForecastAnswer | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), PATIENCE_MS);
  });
  try {
    return await Promise.race([world.forecast(tenant), late]);
  } catch (error) {
    console.error(JSON.stringify({ event: 'forecast_failed', tenant, error: String(error) }));
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function soon(at: number | undefined, now: number): boolean {
  return at !== undefined && at < now + 2 * FORECAST_PERIOD_MS;
}
