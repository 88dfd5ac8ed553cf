/**
 * Serves the OpenAPI description, without a key. It is a static asset that scripts/console-assets.ts
 * makes from `openapi/document.ts`, so that the Worker does not carry what makes it.
 */
import type { AppEnv } from '../auth/app-env.ts';
import { Hono } from '../http/hono.ts';

export const openapi = new Hono<AppEnv>().get('/openapi.json', async (c) => {
  const asset = await c.env.ASSETS.fetch('https://assets/openapi.json');
  if (!asset.ok) throw new Error(`openapi.json is not among the assets: ${asset.status}`);
  return c.body(await asset.text(), 200, { 'content-type': 'application/json' });
});
