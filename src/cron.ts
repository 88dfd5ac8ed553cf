/**
 * The cron trigger, each minute: which tenants are due (the directory), what does their forecast
 * want warm (their objects), ping that, and report how it went. A tenant that fails never stops the
 * others; a minute that is skipped or doubled does no harm, since an object orders one ping at a
 * time for an endpoint.
 */
import {
  DIRECTORY_SHARDS,
  dueIn,
  FORECAST_PERIOD_MS,
  reschedule,
} from '../durable-objects/directory-client.ts';
import { loadTenant } from './config/store.ts';
import { wakeEndpoint } from './endpoints/wake.ts';
import type { PingOrder } from './protocol.ts';

/** Objects asked at a time. */
const CONCURRENCY = 50;

export async function runCron(env: Env, now: number): Promise<{ tenants: number; pings: number }> {
  const shards = Array.from({ length: DIRECTORY_SHARDS }, (_, i) => i);
  const due = (
    await Promise.all(shards.map((i) => guarded(() => dueIn(env.DIRECTORY, i, now))))
  ).flatMap((tenants) => tenants ?? []);
  let pings = 0;
  const queue = [...due];
  const worker = async () => {
    for (let tenant = queue.pop(); tenant !== undefined; tenant = queue.pop()) {
      const name = tenant;
      pings += (await guarded(() => serveTenant(env, name))) ?? 0;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return { tenants: due.length, pings };
}

async function serveTenant(env: Env, tenant: string): Promise<number> {
  const { pings, nextAt } = await env.TENANT.getByName(tenant).forecast();
  // Counted from the cron's own time, so that a slow minute does not make it skip the next.
  await reschedule(
    env.DIRECTORY,
    tenant,
    nextAt === undefined ? undefined : nextAt - FORECAST_PERIOD_MS / 2,
  );
  await Promise.all(pings.map((ping) => guarded(() => sendPing(env, tenant, { ...ping }))));
  return pings.length;
}

async function sendPing(env: Env, tenant: string, ping: PingOrder): Promise<void> {
  const found = await loadTenant(env, tenant);
  const { ok, tookMs } = found.ok
    ? await wakeEndpoint(found.loaded.config, ping, { ...env })
    : { ok: false, tookMs: 0 };
  await env.TENANT.getByName(tenant).woken(ping, ok, tookMs);
}

async function guarded<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    console.error(JSON.stringify({ event: 'cron_failed', error: String(error) }));
    return undefined;
  }
}
