/** For load balancers: does the Worker run, and can it reach what it needs? No key is asked for. */
import { Hono } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';

export const status = new Hono<AppEnv>()
  .get('/healthz', (c) => c.json({ status: 'ok' }))
  .get('/readyz', async (c) => {
    try {
      await c.env.TENANTS.get('readyz');
      return c.json({ status: 'ready' });
    } catch (error) {
      console.error(JSON.stringify({ event: 'not_ready', error: String(error) }));
      return c.json({ status: 'not ready', cause: 'configuration store' }, 503);
    }
  });
