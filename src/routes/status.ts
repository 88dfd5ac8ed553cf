/**
 * Health checks for load balancers, without a key: whether the Worker runs, whether it reaches its
 * configuration store, and whether the tenant that it has to wait for is configured.
 */

import { Hono } from 'hono/tiny';
import type { AppEnv } from '../auth/app-env.ts';
import { readDocument } from '../config/store.ts';
import { logError } from '../protocol/log.ts';

export const status = new Hono<AppEnv>()
  .get('/healthz', (c) => c.json({ status: 'ok' }))
  .get('/readyz', async (c) => {
    try {
      const missing = await missingTenant(c.env);
      if (missing === undefined) return c.json({ status: 'ready' });
      return c.json({ status: 'not ready', cause: `tenant ${missing}` }, 503);
    } catch (error) {
      logError({ event: 'not_ready', error: String(error) });
      return c.json({ status: 'not ready', cause: 'configuration store' }, 503);
    }
  });

/**
 * The tenant that must be configured before the Worker is ready (`READY_TENANT`, in `READY_VERSION`
 * or later; `npm start` sets both), if it is not yet; undefined otherwise. Throws where KV cannot
 * be read.
 */
async function missingTenant(env: Env): Promise<string | undefined> {
  const tenant = env.READY_TENANT;
  const document = await readDocument(env.TENANTS, tenant ?? '');
  if (!tenant) return undefined;
  return (document?.version ?? -1) >= Number(env.READY_VERSION ?? 0) ? undefined : tenant;
}
